"""Results of audits: what they hold, and the folder of files they are saved in."""
