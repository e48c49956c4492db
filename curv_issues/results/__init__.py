"""Results of audits and the folder of files that they are saved in."""
