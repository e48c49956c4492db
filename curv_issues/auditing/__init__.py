"""The public functions. They combine the other folders and contain no detection rules."""
