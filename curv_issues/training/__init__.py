"""The training of a probe with its scoring passes."""
