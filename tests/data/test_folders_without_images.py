from __future__ import annotations

from curv_issues.data.loading import load_data
from tests.data.images import write_image_folder


def test_folders_without_images_are_noted_with_their_extensions(tmp_path):
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    for path in ("bat/1.npy", "bat/deep/2.npy", "bat/x.mat", "cow/1.mp4", "cow/2.webm", "cow/.DS_Store", "cat/sub/1.h5"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / "emu").mkdir()
    (note,) = load_data(tmp_path).source.notes
    assert note == ("These folders contain no readable image: bat (.npy, .mat), cat/sub (.h5), cow (.mp4, .webm), emu (no files).")


def test_image_of_an_unsupported_format_is_noted(tmp_path):
    write_image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "cow").mkdir()
    (tmp_path / "cow" / "scan.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert load_data(tmp_path).source.notes == (
        "These folders contain no readable image: cow (.dcm).",
        "1 file that looks like an image was left out: DICOM is not supported; convert to PNG or TIFF (cow/scan.dcm).",
    )


def test_folders_starting_with_a_dot_are_noted(tmp_path):
    write_image_folder(tmp_path, {".NET": 2, "java": 2, "python": 2})
    write_image_folder(tmp_path, {"java/.thumbnails": 1, ".ipynb_checkpoints": 1})
    data = load_data(tmp_path)
    assert data.class_names == ("java", "python")
    assert data.source.notes == (
        "Folders whose names start with a dot are skipped: .NET (2 images); rename them if they are classes.",
    )
