"""Compare a result with rules and with an older result: the gate of a CI job, and what has changed."""
