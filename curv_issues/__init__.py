"""Find wrong labels in image datasets from one short training run.

Importing this package registers its issue types with cleanlab's Datalab, now or as soon as cleanlab is imported.
Which files were read and where the labels come from is logged by the logger "curv_issues" at INFO.
"""

from __future__ import annotations

import importlib
import logging

import lazy_loader

from curv_issues.import_hook import when_imported

# the names are listed in __init__.pyi; `import curv_issues` and `curv-issues --help` wait for neither torch nor cleanlab
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the application, or the command, listens

# registers at its end; may be what has just imported cleanlab
when_imported("cleanlab.datalab.internal.issue_manager_factory", lambda: importlib.import_module("curv_issues.datalab.register"))
