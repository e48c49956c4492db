"""Write a file of features whose rows follow those of the new dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curv_issues.applying.edits import TableEdits
from curv_issues.applying.table_file import rewrite_table
from curv_issues.errors import UsageError

_CHUNK_BYTES = 64 << 20


def write_features(source: Path, target: Path, rows: Sequence[int]) -> None:
    """Write the rows of a file of features, in the given order.

    Args:
        source: .npy, .npz with one array, or .parquet.
        target: the new file.
        rows: of the old file, for each row of the new dataset.

    Raises:
        UsageError: the file holds several arrays, or the rows of a parquet file change their order.
    """
    if source.suffix.lower() == ".parquet":
        if list(rows) != sorted(rows):
            raise UsageError(
                f"The new dataset has another order of rows, in which {source.name} cannot be written; save it as .npy."
            )
        kept = set(rows)
        with source.open("rb") as file:
            import pyarrow.parquet as pq

            count = pq.read_metadata(file).num_rows
        rewrite_table(source, target, TableEdits(None, removed=frozenset(range(count)) - kept))
        return
    loaded = np.load(source, mmap_mode="r", allow_pickle=False)
    index = np.asarray(rows, dtype=np.int64)
    if isinstance(loaded, np.ndarray):
        descr = np.lib.format.dtype_to_descr(loaded.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (len(index), *loaded.shape[1:])}
        step = max(1, _CHUNK_BYTES // max(1, loaded[:1].nbytes))
        with target.open("wb") as out:  # a memory map would crash on a full disk
            np.lib.format.write_array_header_2_0(out, header)
            for start in range(0, len(index), step):
                out.write(loaded[index[start : start + step]].tobytes())
        return
    with loaded:
        if len(loaded.files) != 1:
            raise UsageError(
                f"{source.name} holds several arrays ({', '.join(loaded.files)}), so it cannot be edited; save one as .npy."
            )
        (name,) = loaded.files
        np.savez(target, **{name: loaded[name][index]})
