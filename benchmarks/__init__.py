"""Measurements behind the figures of README.md; each file says how to run it and how long it takes."""
