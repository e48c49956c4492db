"""The issue types that cleanlab's Datalab gets from this package, a file each, and the run of a probe that they share."""

# first of all: it makes `curv_issues.datalab.register` import the managers, which must not be half imported themselves by then
import cleanlab.datalab.internal.issue_manager_factory  # noqa: F401
