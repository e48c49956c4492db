"""The page of a report, served on this machine, so that decisions are written to the folder of results."""
