"""Issue types for cleanlab's Datalab, one per file, and the probe run that they share."""

# Must come first: it triggers the import of `register`, which fails if one of our modules is only partly imported by then.
import cleanlab.datalab.internal.issue_finder  # noqa: F401
