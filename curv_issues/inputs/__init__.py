"""Inputs of a probe: a protocol and its implementations, one per file."""
