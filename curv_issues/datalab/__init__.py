"""Issue types for cleanlab's Datalab, one per file, and the probe run that they share."""

# first of all: it makes `curv_issues.datalab.register` import the managers, which must not be half imported themselves by then
import cleanlab.datalab.internal.issue_manager_factory  # noqa: F401
