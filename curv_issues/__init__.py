"""Find wrong labels in image datasets from one short training run.

Importing this package registers its issue types with cleanlab's Datalab, now or as soon as cleanlab is imported.
The logger "curv_issues" logs at INFO which files were read and where the labels come from.
"""

from __future__ import annotations

import importlib
import logging

import lazy_loader

from curv_issues.import_hook import when_imported

# __init__.pyi lists the names. They are imported on first use, so `import curv_issues` loads neither torch nor cleanlab.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the application or the command adds a handler

# `register` registers the issue types at its end. If it is itself what imports cleanlab, this import does nothing.
when_imported("cleanlab.datalab.internal.issue_finder", lambda: importlib.import_module("curv_issues.datalab.register"))
