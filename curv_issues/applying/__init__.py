"""Write a corrected copy of a dataset. To add a kind of dataset, add its writer to the table below.

result + decisions -> plan -> samples found in the dataset (source) -> edits -> new folder (a writer) -> read again and compared.
A writer is a function `write(edits, folder, *, link=None, progress=None) -> Written`. It writes a dataset of the same kind into an
empty folder.
"""

from __future__ import annotations

WRITERS: dict[str, str] = {
    "image folder": "curv_issues.applying.image_folder:write",
    "table of labels": "curv_issues.applying.label_table:write",
    "table files": "curv_issues.applying.table_files:write",
    "Hub dataset": "curv_issues.applying.hub_files:write",
}
"""Writers by kind of dataset."""
