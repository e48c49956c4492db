"""Train a probe and run its scoring passes."""
