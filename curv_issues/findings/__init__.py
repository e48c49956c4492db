"""Turn scores into findings, without training."""
