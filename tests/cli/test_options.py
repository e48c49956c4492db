"""Options that change the result, and unusual but valid data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import rankdata

from curv_issues.options import TrainingOptions
from curv_issues.trackers import SCORES
from tests.cli.running import audit, check_error, run, scores_of, summary_of, tiny_parquet
from tests.data.images import encode, pngs, write_image_folder, write_parquet


def scores(*arguments: object, output: str = "out") -> pd.DataFrame:
    result = audit(*arguments, "--output", output)
    assert result.exit_code == 0, result.stderr
    return scores_of(Path(output))


def test_subset_keeps_the_row_numbers(tmp_path: Path) -> None:
    data = tiny_parquet(tmp_path / "data.parquet", n=60, names=("a", "b", "c"))
    found = scores(data, "--max-samples", "12")
    rows = found["row"].to_numpy()
    assert len(rows) == 12
    assert rows.tolist() != list(range(12))
    assert (np.diff(rows) > 0).all()
    assert found["given"].tolist() == [("a", "b", "c")[row % 3] for row in rows]
    assert found["given"].value_counts().tolist() == [4, 4, 4]
    dataset = summary_of(Path("out"))["dataset"]
    assert (dataset["n"], dataset["num_rows"]) == (12, 60)
    assert scores(data, "--max-samples", "12", "--seed", "5", output="other")["row"].tolist() != rows.tolist()
    assert len(scores(data, "--max-samples", "1000", output="all")) == 60


def test_16_bit_images_and_their_range(tmp_path: Path) -> None:
    images = [encode(Image.fromarray(np.full((8, 8), 100 * row, np.uint16))) for row in range(12)]
    data = write_parquet(tmp_path / "data.parquet", ["a", "b"] * 6, images=images)
    assert len(scores(data)) == 12
    assert any("values from 0 to 4095 (12 bits)" in note for note in summary_of(Path("out"))["notes"])
    scores(data, "--value-range=-10:2000", output="given")
    assert any("values from -10 to 2000" in note for note in summary_of(Path("given"))["notes"])


@pytest.mark.parametrize(("option", "value"), [("--value-range", "9:1"), ("--value-range", "x"), ("--max-pixels", "0")])
def test_invalid_decoding_options_are_refused_before_reading(option: str, value: str) -> None:
    for command in ("audit", "bench"):
        check_error(run(command, "nowhere", option, value), 2, "must be")


def test_max_pixels_is_applied(pets: Path) -> None:
    check_error(audit(pets, "--max-pixels", "10", "--output", "none"), 3, "the limit is 10 (--max-pixels, max_pixels)")


def test_scores_on_demand(pets: Path) -> None:
    assert "training_gradient_change" not in scores(pets)
    found = scores(pets, "--measure", "training_gradient_change", "--score", "label_contrast", output="some")
    assert {"training_gradient_change", "label_contrast"} < set(found)
    assert "label_contrast_difference" not in found
    np.testing.assert_allclose(found["suspicion"], (rankdata(found["label_contrast"]) - 0.5) / len(found))
    assert set(SCORES) < set(scores(pets, "--measure", "all", "--epochs", "2", output="all"))
    wrong = audit(pets, "--measure", "depth", "--output", "none")
    assert (wrong.exit_code, wrong.stderr.partition(";")[0]) == (2, "Error: Unknown score 'depth'")


def test_result_depends_on_the_seed(pets: Path) -> None:
    for output, seed in (("one", "7"), ("two", "7"), ("other", "8")):
        scores(pets, "--seed", seed, "--epochs", "2", output=output)
    for name in ("scores.parquet", "trajectories.parquet", "pred_probs.npy", "embeddings.npy"):
        one, two, other = ((Path(folder) / name).read_bytes() for folder in ("one", "two", "other"))
        assert one == two, name
        assert one != other, name


def test_cut_off_changes_flags_only(pets: Path) -> None:
    ranked = ("--score", "cumulative_loss")  # no two samples are equally suspect
    default = scores(pets, *ranked, output="auto")
    for number, (cut_off, expected) in enumerate(
        {
            "25%": lambda suspicion: rankdata(-suspicion, method="ordinal") <= 6,
            "0.75": lambda suspicion: suspicion >= 0.75,
            "0%": lambda suspicion: suspicion > 2,
            "0": lambda suspicion: suspicion >= 0,
            "100%": lambda suspicion: suspicion >= 0,
        }.items()
    ):
        found = scores(pets, *ranked, "--cut-off", cut_off, output=str(number))
        changed = ["flagged", "verdict"]  # a verdict is given on flagged samples
        pd.testing.assert_frame_equal(found.drop(columns=changed), default.drop(columns=changed))
        assert found["flagged"].tolist() == expected(found["suspicion"].to_numpy()).tolist(), cut_off
        assert summary_of(Path(str(number)))["num_findings"]["label_issue"] == found["flagged"].sum()


@pytest.mark.parametrize("name", SCORES)
def test_ranking_by_one_score(pets: Path, name: str) -> None:
    found = scores(pets, "--score", name, "--epochs", "2")  # one epoch has no change from the epoch before
    sign = 1 if SCORES[name].direction == "high" else -1
    np.testing.assert_array_equal(rankdata(found["suspicion"]), rankdata(sign * found[name]))
    assert summary_of(Path("out"))["options"]["score"] == name


def test_training_options_are_applied(pets: Path) -> None:
    line = "--epochs 3 --batch-size 4 --learning-rate 0.01 --resolution 12 --flip --curvature-epochs 2 --num-matvecs 3"
    line += " --weight-decay 0.001 --shift 1 --step 0.02 --form norm"
    scores(pets, *line.split(), "--preset", "quick", "--probe", "resnet18")
    summary = summary_of(Path("out"))
    recipe = summary["recipe"]
    assert (recipe["epochs"], recipe["batch_size"], recipe["learning_rate"]) == (3, 4, 0.01)
    assert (recipe["flip"], recipe["curvature_epochs"], recipe["num_matvecs"]) == (True, [1, 2], 3)
    assert (recipe["weight_decay"], recipe["shift"], recipe["step"], recipe["form"]) == (0.001, 1, 0.02, "norm")
    assert (summary["options"]["probe"], summary["options"]["preset"]) == ("resnet18", "quick")
    assert summary["dataset"]["resolution"] == 12
    scores(pets, "--no-flip", output="plain")
    assert summary_of(Path("plain"))["recipe"]["flip"] is False


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([2.0, 0.0, 1.0], ["0", "1", "2"]),
        ([-7, 3, 100], ["-7", "3", "100"]),
        (["zebra", "Ape", "猫"], ["Ape", "zebra", "猫"]),
        (["[bold]x", "[/]", ":cat:"], [":cat:", "[/]", "[bold]x"]),
        ([True, False, True], ["False", "True"]),
        (["a|b", "line\nbreak", "\x1b[31mred"], ["\x1b[31mred", "a|b", "line\nbreak"]),
    ],
)
@pytest.mark.parametrize("format", ["table", "md"])
def test_unusual_labels(tmp_path: Path, labels: list[Any], classes: list[str], format: str) -> None:
    data = write_parquet(tmp_path / "data.parquet", labels * 4)
    result = audit(data, "--output", "out", "--format", format, "--cut-off", "100%")
    assert result.exit_code == 0, result.stderr
    assert summary_of(Path("out"))["dataset"]["classes"] == classes
    assert scores_of(Path("out"))["given"].tolist() == [str(int(v)) if isinstance(v, float) else str(v) for v in labels * 4]
    assert "\x1b" not in result.stdout + result.stderr
    if format == "table":
        assert sum(line.strip().split(" ")[0].isdigit() for line in result.stdout.splitlines()) == 12
        for name in classes:
            assert name.replace("\n", "\\n").replace("\x1b", "\\x1b") in result.stdout


def test_unusual_images(tmp_path: Path) -> None:
    frames = [Image.new("P", (5, 4), color) for color in (1, 2, 3)]
    animated = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    contents = [
        encode(Image.new("RGB", (1, 1), (9, 200, 3))),
        animated,
        encode(Image.new("RGBA", (3, 30), (1, 2, 3, 40))),
        encode(Image.new("CMYK", (6, 5), (1, 2, 3, 4)), "JPEG"),
        encode(Image.fromarray(np.full((4, 4), 40_000, np.uint16))),
        encode(Image.new("L", (300, 2), 77)),
    ]
    contents.append(contents[0])  # two identical rows
    data = write_parquet(tmp_path / "odd.parquet", [0, 1] * 7, images=[*contents, *pngs(7)])
    found = scores(data, "--max-samples", "14")
    assert len(found) == 14
    assert found[list(TrainingOptions().score_names)].notna().all().all()
    images = pd.read_parquet("out/images.parquet")
    assert images[["height", "width"]].to_numpy()[:6].tolist() == [[1, 1], [4, 5], [30, 3], [5, 6], [4, 4], [2, 300]]
    assert images["image_sha256"][0] == images["image_sha256"][6]


def test_class_with_one_sample_and_fewer_samples_than_a_batch(tmp_path: Path) -> None:
    data = write_image_folder(tmp_path / "data", {"cat": 3, "dog": 2, "lynx": 1})
    result = audit(data, "--output", "out", "--batch-size", "64")
    assert result.exit_code == 0
    assert "Note: 1 of 3 classes has one sample only (lynx)" in result.stderr
    found = scores_of(Path("out"))
    assert found["given"].tolist() == ["cat"] * 3 + ["dog"] * 2 + ["lynx"]
    assert found["path"].tolist() == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "lynx/0.png"]


@pytest.mark.slow
def test_a_thousand_classes(tmp_path: Path) -> None:
    data = write_parquet(tmp_path / "data.parquet", [i % 1000 for i in range(1100)], images=pngs(50) * 22)
    found = scores(data, "--label-column", "label")
    assert len(found) == 1100
    assert found["given"].nunique() == 1000
    assert np.load("out/pred_probs.npy").shape == (1100, 1000)


def test_probe_from_a_module_in_the_current_folder(pets: Path, here: Path) -> None:
    (here / "own_nets.py").write_text(
        "from torch import nn\n\n"
        "def linear(spec):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(spec.channels * spec.resolution**2, spec.num_classes))\n"
    )
    scores(pets, "--probe", "own_nets:linear")
    assert summary_of(Path("out"))["options"]["probe"] == "own_nets:linear"
    assert np.load("out/embeddings.npy").shape[1] == 8 * 8
    check_error(audit(pets, "--probe", "own_nets:absent", "--output", "none"), 2, "'own_nets:absent'", "in the module 'own_nets'")
    check_error(audit("nowhere", "--probe", "torchvision.models:resnet18"), 2, "must take one argument, a ProbeSpec")
