"""What a probe is trained on: a protocol, and its members, one a file."""
