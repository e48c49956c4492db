"""Image folders: files in other class folders, and everything else as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from curv_issues.applying.apply import apply_decisions
from curv_issues.data.loading import load_data
from curv_issues.errors import DatasetError, UsageError
from tests.applying.audited import audited, decide, labelled_paths, named, tree_of
from tests.data.folders import image, write, write_csv
from tests.data.images import write_image_folder

LOGS = {"changes.csv", "applied.json"}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """cat/0..3.png, dog/0..2.png, fox/0..2.png: rows 0 to 9."""
    return write_image_folder(tmp_path / "pets", {"cat": 4, "dog": 3, "fox": 3})


def test_images_move_to_their_class_and_others_stay(pets: Path, tmp_path: Path) -> None:
    (pets / "notes.md").write_text("by hand")
    result = audited(str(pets))
    before = tree_of(pets)
    decisions = [
        decide(result, 3, "relabel", "dog"),
        decide(result, 4, "remove"),
        decide(result, 0, "keep"),
        decide(result, 9, "unsure"),
    ]
    applied = apply_decisions(result, decisions, tmp_path / "new")
    expected = {path: content for path, content in before.items() if path not in ("cat/3.png", "dog/0.png")}
    after = tree_of(tmp_path / "new")
    assert {path: content for path, content in after.items() if path not in LOGS} == {**expected, "dog/3.png": before["cat/3.png"]}
    assert tree_of(pets) == before
    assert (applied.output, applied.kind, applied.counts) == (
        tmp_path / "new",
        "image folder",
        {"relabelled": 1, "removed": 1, "not_applied": 0},
    )
    assert applied.changes.astype(object).where(applied.changes.notna(), None).to_numpy().tolist() == [
        [3, None, "cat/3.png", "cat", "dog", "relabel", "decision"],
        [4, None, "dog/0.png", "dog", None, "remove", "decision"],
    ]
    new = load_data(str(tmp_path / "new"))
    assert labelled_paths(new) == {
        **{f"cat/{number}.png": "cat" for number in range(3)},
        **{f"dog/{number}.png": "dog" for number in (1, 2, 3)},
        **{f"fox/{number}.png": "fox" for number in range(3)},
    }
    assert new.fingerprint == applied.fingerprint
    assert new.source.notes == ()


def test_an_image_whose_name_is_taken_gets_a_new_one(pets: Path, tmp_path: Path) -> None:
    write(pets, "dog/1-from-cat.png", content=image(77))
    result = audited(str(pets))
    rows = dict(zip(result.scores["path"], result.scores["row"], strict=True))
    moved = {"cat/0.png": "dog", "cat/1.png": "dog", "fox/0.png": "cat"}
    apply_decisions(result, [decide(result, rows[path], "relabel", label) for path, label in moved.items()], tmp_path / "new")
    after, before = tree_of(tmp_path / "new"), tree_of(pets)
    assert after["dog/0-from-cat.png"] == before["cat/0.png"]
    assert after["dog/1-from-cat-2.png"] == before["cat/1.png"]
    assert after["cat/0.png"] == before["fox/0.png"]  # free, because the image of that name has moved
    for path in ("dog/0.png", "dog/1.png", "dog/1-from-cat.png"):
        assert after[path] == before[path]
    changes = (tmp_path / "new" / "changes.csv").read_text().splitlines()
    assert changes[0] == '"row","split","path","given","label","action","reason","new_path"'
    assert changes[1] == '0,"","cat/0.png","cat","dog","relabel","decision","dog/0-from-cat.png"'


def test_splits_classes_without_images_and_other_files_stay(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    for split in ("train", "test"):
        write_image_folder(shots, {"cat": 2, "dog": 2}, split=split)
    (shots / "train" / "owl").mkdir()
    (shots / "train" / "emu").mkdir()
    write(shots, "sheet.csv", content=b"a,b\n1,2\n")
    result = audited(str(shots), split="train")
    apply_decisions(
        result, [decide(result, 0, "relabel", "dog"), decide(result, 1, "relabel", "owl")], tmp_path / "new", new_classes=True
    )
    after = tree_of(tmp_path / "new")
    assert set(after) - LOGS == {
        "sheet.csv",
        "train/dog/0-from-cat.png",
        "train/owl/1.png",
        *(f"train/dog/{number}.png" for number in range(2)),
        *(f"test/{name}/{number}.png" for name in ("cat", "dog") for number in range(2)),
    }
    assert not (tmp_path / "new" / "train" / "cat").exists()
    assert (tmp_path / "new" / "train" / "emu").is_dir()
    assert named(load_data(str(tmp_path / "new"), split="test")) == ["cat", "cat", "dog", "dog"]


def test_masks_and_captions_go_with_their_image(pets: Path, tmp_path: Path) -> None:
    for path in ("cat/1_mask.png", "cat/2_mask.png"):
        write(pets, path, content=image(50))
    for path in ("cat/1.txt", "cat/1.png.json", "cat/2.txt", "cat/readme.txt"):
        write(pets, path, content=path.encode())
    result = audited(str(pets))
    apply_decisions(result, [decide(result, 1, "relabel", "dog"), decide(result, 2, "remove")], tmp_path / "new")
    after = tree_of(tmp_path / "new")
    assert {path for path in after if not path.endswith(".png")} - LOGS == {
        "dog/1-from-cat.txt",
        "dog/1-from-cat.png.json",
        "cat/readme.txt",
    }
    assert after["dog/1-from-cat_mask.png"] == image(50)
    assert "cat/2_mask.png" not in after
    assert len(load_data(str(tmp_path / "new"))) == 9


def test_masks_in_a_folder_of_their_own_go_with_their_image(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for name in ("cat", "dog"):
        write(root, *(f"{name}/images/{name}{number}.png" for number in range(3)), content=None)
        write(root, *(f"{name}/masks/{name}{number}.png" for number in range(3)), content=image(60))
    result = audited(str(root))
    assert len(result) == 6
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    assert {"dog/images/cat0.png", "dog/masks/cat0.png"} <= set(tree_of(tmp_path / "new"))
    assert len(load_data(str(tmp_path / "new"))) == 6


def test_names_in_metadata_follow_the_images(pets: Path, tmp_path: Path) -> None:
    write_csv(
        pets / "metadata.csv",
        ("file_name", "caption"),
        ("cat/0.png", "a"),
        ("cat/1.png", "b"),
        ("dog/1.png", "c"),
        ("gone.png", "d"),
    )
    result = audited(str(pets), labels="folders")
    apply_decisions(result, [decide(result, 0, "relabel", "fox"), decide(result, 1, "remove")], tmp_path / "new")
    assert (tmp_path / "new" / "metadata.csv").read_bytes() == (
        b"file_name,caption\r\nfox/0-from-cat.png,a\r\ndog/1.png,c\r\ngone.png,d\r\n"
    )


def test_names_without_their_folder_are_left(tmp_path: Path) -> None:
    pets = write(tmp_path / "pets", *(f"cat/{number}.png" for number in range(3)), *(f"dog/{number}.png" for number in range(3, 6)))
    write_csv(pets / "metadata.csv", ("file_name", "caption"), *((f"{number}.png", "a") for number in range(6)))
    result = audited(str(pets), labels="folders")
    applied = apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    assert applied.notes == ("1 row of metadata.csv still names its image by its old place.",)


def test_labels_of_metadata_change_in_the_tables(tmp_path: Path) -> None:
    root = write(tmp_path / "shots", "train/1.png", "train/2.png", "train/3.png", "test/1.png", "test/2.png")
    write_csv(
        root / "train" / "metadata.csv",
        ("file_name", "label", "by"),
        ("1.png", "cat", "x"),
        ("2.png", "dog", "y"),
        ("3.png", "cat", "z"),
    )
    write_csv(root / "test" / "metadata.csv", ("file_name", "label"), ("1.png", "cat"), ("2.png", "dog"))
    before = tree_of(root)
    result = audited(str(root))
    applied = apply_decisions(result, [decide(result, 0, "relabel", "dog"), decide(result, 2, "remove")], tmp_path / "new")
    after = tree_of(tmp_path / "new")
    assert after["train/metadata.csv"] == b"file_name,label,by,label_original\r\n1.png,dog,x,cat\r\n2.png,dog,y,dog\r\n"
    assert after["test/metadata.csv"] == b"file_name,label,label_original\r\n1.png,cat,cat\r\n2.png,dog,dog\r\n"
    images = {path for path in before if path.endswith(".png")} - {"train/3.png"}
    assert {path: after[path] for path in images} == {path: before[path] for path in images}
    assert "train/3.png" not in after
    new = load_data(str(tmp_path / "new"))
    assert labelled_paths(new) == {"train/1.png": "dog", "train/2.png": "dog"}
    assert new.fingerprint == applied.fingerprint


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.parquet"])
def test_other_metadata_tables(name: str, tmp_path: Path) -> None:
    import pandas as pd

    root = write(tmp_path / "shots", "1.png", "2.png", "3.png", "4.png")
    frame = pd.DataFrame({"file_name": [f"{n}.png" for n in (1, 2, 3, 4)], "label": [3, 10, 3, 10], "more": [0.5, None, 1.5, 2.5]})
    if name.endswith("jsonl"):
        frame.to_json(root / name, orient="records", lines=True)
    else:
        frame.to_parquet(root / name)
    result = audited(str(root))
    apply_decisions(result, [decide(result, 1, "relabel", "3"), decide(result, 2, "remove")], tmp_path / "new")
    new = load_data(str(tmp_path / "new"))
    assert (named(new), new.class_names) == (["3", "3", "10"], ("3", "10"))
    read = pd.read_json(tmp_path / "new" / name, lines=True) if name.endswith("jsonl") else pd.read_parquet(tmp_path / "new" / name)
    assert read["label_original"].tolist() == [3, 10, 10]
    assert read["more"].fillna(-1).tolist() == [0.5, -1, 2.5]


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_images_can_be_links(link: str, pets: Path, tmp_path: Path) -> None:
    (pets / "cat" / "0.txt").write_text("caption")
    os.symlink(pets / "fox" / "0.png", pets / "cat" / "9.png")
    result = audited(str(pets))
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new", link=link)
    for old, new in {"cat/0.png": "dog/0-from-cat.png", "fox/1.png": "fox/1.png", "cat/9.png": "cat/9.png"}.items():
        assert os.path.samefile(pets / old, tmp_path / "new" / new)
        assert (tmp_path / "new" / new).is_symlink() == (link == "symbolic")
    caption = tmp_path / "new" / "dog" / "0-from-cat.txt"
    assert not os.path.samefile(pets / "cat" / "0.txt", caption)  # a copy, which can be edited
    new = load_data(str(tmp_path / "new"))
    assert len(new) == 11


def test_hard_links_between_file_systems_are_refused(pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    result = audited(str(pets))
    with pytest.raises(UsageError, match=r"hard link .* cannot be made .* --link symbolic"):
        apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new", link="hard")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"]


@pytest.mark.parametrize("label", ["a/b", "..", ".hidden", "x" * 256, "null\0"])
def test_classes_that_cannot_be_folders_are_refused(label: str, pets: Path, tmp_path: Path) -> None:
    result = audited(str(pets))
    with pytest.raises(UsageError, match=r"cannot be the name of a folder"):
        apply_decisions(result, [decide(result, 0, "relabel", label)], tmp_path / "new", new_classes=True)
    assert not (tmp_path / "new").exists()


def test_a_new_class_gets_a_folder(pets: Path, tmp_path: Path) -> None:
    result = audited(str(pets))
    decisions = [decide(result, 0, "relabel", "=cmd()"), decide(result, 1, "relabel", "Ünï çødé")]
    with pytest.raises(UsageError, match=r"row 0 to '=cmd\(\)', which is not a class of the dataset; .* --new-classes"):
        apply_decisions(result, decisions, tmp_path / "new")
    apply_decisions(result, decisions, tmp_path / "new", new_classes=True)
    assert load_data(str(tmp_path / "new")).class_names == ("=cmd()", "cat", "dog", "fox", "Ünï çødé")
    assert '"\'=cmd()"' in (tmp_path / "new" / "changes.csv").read_text(encoding="utf-8")  # no formula for a spreadsheet


def test_class_levels_and_wrapped_folders(tmp_path: Path) -> None:
    deep = write(
        tmp_path / "deep", *(f"{place}/{name}/{number}.png" for place in "xy" for name in ("cat", "dog") for number in range(2))
    )
    result = audited(str(deep), class_level=2)
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    assert "x/dog/0-from-cat.png" in tree_of(tmp_path / "new")
    inner = write(tmp_path / "zoo", *(f"zoo/{name}/{number}.png" for name in ("cat", "dog") for number in range(2)))
    result = audited(str(inner))
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "fixed")
    assert set(tree_of(tmp_path / "fixed")) - LOGS == {
        "fixed/cat/1.png",
        *(f"fixed/dog/{name}.png" for name in ("0", "1", "0-from-cat")),
    }
    assert named(load_data(str(tmp_path / "fixed"))) == ["cat", "dog", "dog", "dog"]


@pytest.mark.parametrize("options", [{}, {"split": "train[1:]"}])
def test_a_part_of_a_wrapped_folder(options: dict[str, str], tmp_path: Path) -> None:
    files = [f"pets/{split}/{name}/{number}.png" for split in ("train", "test") for name in ("cat", "dog") for number in range(3)]
    result = audited(str(write(tmp_path / "pets", *files)), **options)
    apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    assert {path for path in tree_of(tmp_path / "new") if path.startswith("new/test/")} == {
        file.replace("pets/", "new/") for file in files if "/test/" in file
    }
    assert "new/train/dog/" in (tmp_path / "new" / "changes.csv").read_text()


def test_a_dataset_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    pets = write_image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    result = audited(str(pets))
    with pytest.raises(DatasetError, match=rf"could not be read: All images of {tmp_path}/new/ .*one class.* --format changes"):
        apply_decisions(result, [decide(result, row, "relabel", "dog") for row in (0, 1)], tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"]


def test_hidden_files_and_read_only_files(pets: Path, tmp_path: Path) -> None:
    write(pets, ".git/config", ".DS_Store", content=b"x")
    (pets / "cat" / "0.png").chmod(0o400)
    result = audited(str(pets))
    applied = apply_decisions(result, [decide(result, 1, "remove")], tmp_path / "new")
    assert applied.notes == ("2 hidden, broken or foreign files were not copied.",)
    assert (tmp_path / "new" / "cat" / "0.png").stat().st_mode & 0o777 == 0o600


def test_the_card_of_an_image_folder_says_what_it_holds(tmp_path: Path) -> None:
    import datasets

    root = write_image_folder(tmp_path / "pets", {"cat": 3, "dog": 3}, split="train")
    features = "features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
    names = "          '0': cat\n          '1': dog\n"
    splits = "  splits:\n  - name: train\n    num_bytes: 1\n    num_examples: 6\n"
    (root / "README.md").write_text(f"---\ndataset_info:\n  {features}{names}{splits}---\ntext\n")
    result = audited(str(root))
    decisions = [decide(result, 0, "remove"), decide(result, 1, "relabel", "owl")]
    apply_decisions(result, decisions, tmp_path / "new", new_classes=True)
    new = datasets.load_dataset(str(tmp_path / "new"), split="train", cache_dir=str(tmp_path / "cache"))
    assert new.features["label"].names == ["cat", "dog", "owl"]
    assert sorted(new["label"]) == [0, 1, 1, 1, 2]


def test_class_names_of_a_card_stay_text(tmp_path: Path) -> None:
    root = write_image_folder(tmp_path / "answers", {"yes": 3, "no": 3})
    names = "- name: label\n    dtype:\n      class_label:\n        names: [no, 007]\n"
    (root / "README.md").write_text(f"---\ndataset_info:\n  features:\n  {names}---\n")
    result = audited(str(root))
    apply_decisions(result, [decide(result, 0, "relabel", "yes")], tmp_path / "new")
    metadata = yaml.safe_load((tmp_path / "new" / "README.md").read_text().split("---\n")[1])
    assert metadata["dataset_info"]["features"][0]["dtype"]["class_label"]["names"] == ["no", "007", "yes"]


@pytest.mark.parametrize("name", sorted(LOGS))
def test_a_file_with_the_name_of_the_log_is_not_lost(name: str, pets: Path, tmp_path: Path) -> None:
    (pets / name).write_text("mine")
    result = audited(str(pets))
    with pytest.raises(UsageError, match=rf"The dataset has a file {name} of its own, which the log would replace; rename it"):
        apply_decisions(result, [decide(result, 0, "relabel", "dog")], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_images_that_move_to_one_name_stay_apart(tmp_path: Path) -> None:
    root = write(tmp_path / "pets", "cat/1.png", "cat/2.png", "dog/5.png", "dog/6.png", "fox/1.png", "fox/2.png")
    before = tree_of(root)
    result = audited(str(root))
    apply_decisions(result, [decide(result, row, "relabel", "dog") for row in (0, 4)], tmp_path / "new")
    after = tree_of(tmp_path / "new")
    assert (after["dog/1.png"], after["dog/1-from-fox.png"]) == (before["cat/1.png"], before["fox/1.png"])


def test_a_caption_of_two_images_stays(pets: Path, tmp_path: Path) -> None:
    write(pets, "cat/1.jpg", content=image(90, "JPEG"))
    write(pets, "cat/1.txt", content=b"of both")
    result = audited(str(pets))
    row = int(result.scores["row"][result.scores["path"] == "cat/1.jpg"].iloc[0])
    applied = apply_decisions(result, [decide(result, row, "remove")], tmp_path / "new")
    assert {"cat/1.png", "cat/1.txt"} <= set(tree_of(tmp_path / "new"))
    assert not (tmp_path / "new" / "cat" / "1.jpg").exists()
    assert applied.notes == ("Files that may belong to several images stay where they are: cat/1.txt.",)


def test_captions_go_with_the_image_beside_them(pets: Path, tmp_path: Path) -> None:
    write(pets, "cat/sub/1.png", content=image(90))
    write(pets, "cat/1.txt", "cat/sub/1.txt", content=b"a caption")
    result = audited(str(pets))
    row = int(result.scores["row"][result.scores["path"] == "cat/1.png"].iloc[0])
    applied = apply_decisions(result, [decide(result, row, "remove")], tmp_path / "new")
    assert {path for path in tree_of(tmp_path / "new") if path.endswith(".txt")} == {"cat/sub/1.txt"}
    assert applied.notes == ()
