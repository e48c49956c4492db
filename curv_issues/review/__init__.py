"""What people decide about findings: the file of decisions, and how it is matched with a result."""
