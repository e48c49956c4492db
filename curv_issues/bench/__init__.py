"""Benchmark all scores and baselines on a dataset with planted or known label errors."""
