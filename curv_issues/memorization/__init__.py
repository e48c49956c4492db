"""How scores relate to memorization: comparison with published estimates.

reference file -> values per sample (reference) -> similarities of all scores, and by epoch (compare) -> table, plot, files.
"""
