from __future__ import annotations

import pandas as pd
import pytest

from curv_issues.data.data_frames import records_of_frame
from curv_issues.errors import DatasetError
from tests.data.images import pngs

IMAGES = pngs(2)
NO_ROWS = "DataFrame has no rows (its columns are: {}); expected one row per image, with its file and label."


@pytest.mark.parametrize(
    ("columns", "label_column", "expected"),
    [
        ({"a": IMAGES}, None, "DataFrame has no label column; its columns are: a. Add a column named label."),
        (
            {"a": IMAGES, "label": [0, 1]},
            "a",
            "Column 'a' of the DataFrame holds the images; expected a different label_column.",
        ),
        ({}, None, NO_ROWS.format("none")),
        ({"image": [], "label": []}, None, NO_ROWS.format("image, label")),
    ],
)
def test_frames_without_images_or_labels(columns, label_column, expected):
    with pytest.raises(DatasetError) as caught:
        records_of_frame(pd.DataFrame(columns), label_column=label_column)
    assert str(caught.value) == expected
