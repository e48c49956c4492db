"""Export findings to other tools, one format per file. To add one, add it to the table below.

An exporter is a function `write(export, folder)` that writes the samples of an `Export` into an empty folder.
"""

from __future__ import annotations

EXPORTERS: dict[str, str] = {
    "fiftyone": "curv_issues.export.fiftyone:write",
    "label-studio": "curv_issues.export.label_studio:write",
    "cvat": "curv_issues.export.cvat:write",
    "datumaro": "curv_issues.export.datumaro:write",
    "croissant": "curv_issues.export.croissant:write",
    "csv": "curv_issues.export.csv_table:write",
    "card": "curv_issues.export.card:write",
}
