"""One training serves every judgement of the same images, labels and options; whatever changes them trains anew."""

from __future__ import annotations

import copy
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from cleanlab import Datalab
from torch import nn

from curv_issues.datalab import shared_run
from curv_issues.datalab.samples import read_lab
from curv_issues.datalab.shared_run import STATISTIC, join_run
from curv_issues.errors import AuditError, UsageError
from tests.datalab.labs import NAMES, N, class_label_dataset, digits, find, make_lab


def test_first_run_trains_once_and_is_kept(trainings: list[int]):
    lab = make_lab()
    find(lab)
    assert trainings == [N]
    assert set(lab.info["statistics"][STATISTIC]) == {"key", "result", "served"}


@pytest.mark.parametrize("option", [{"cut_off": "20%"}, {"cut_off": 0.5}, {"score": "margin"}, {"image_key": "image"}, {}])
def test_finding_options_do_not_train(trained: Datalab, trainings: list[int], option: dict):
    find(trained, **option)
    assert trainings == []


def test_new_judgement_equals_that_of_a_new_run(trained: Datalab):
    find(trained, score="input_curvature", cut_off="30%")
    fresh = make_lab()
    find(fresh, score="input_curvature", cut_off="30%")
    assert trained.issues.equals(fresh.issues)
    raw = trained.get_info("curvature")["raw_scores"]["input_curvature"]
    assert trained.issues["curvature_score"].idxmin() == raw.idxmax()


@pytest.mark.parametrize(
    "option",
    [{"epochs": 1}, {"seed": 1}, {"resolution": 9}, {"step": 0.02}, {"weight_decay": 0.0}, {"form": "norm"}, {"shift": 1}],
)
def test_other_training_options_train_again(trained: Datalab, trainings: list[int], option: dict):
    find(trained, **option)
    assert trainings == [N]
    find(trained, **option, cut_off="3%")
    assert trainings == [N]


def test_changed_label_trains_again(trained: Datalab, trainings: list[int]):
    trained.labels[20] = (trained.labels[20] + 1) % 3
    find(trained)
    assert trainings == [N]
    given = [NAMES[label] for label in trained.labels]
    assert trained.issues["curvature_given_class"].tolist() == given
    assert trained.info["statistics"][STATISTIC]["result"]["scores"]["given"].tolist() == given
    find(trained, cut_off="20%")
    assert trainings == [N]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The digits as an image folder."""
    images, labels = digits()
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / NAMES[label]).mkdir(exist_ok=True)
        image.save(tmp_path / NAMES[label] / f"{row:02}.png")
    return tmp_path


def folder_lab(folder: Path) -> Datalab:
    return make_lab(datasets.load_dataset("imagefolder", data_dir=str(folder), split="train"))


def test_touched_files_do_not_train_again(folder: Path, trainings: list[int]):
    lab = folder_lab(folder)
    find(lab)
    for file in folder.glob("*/*.png"):
        file.touch()
    find(lab, cut_off="20%")
    again = folder_lab(folder)
    again.info["statistics"][STATISTIC] = lab.info["statistics"][STATISTIC]
    find(again)
    assert trainings == [N]


def test_changed_file_trains_again(folder: Path, trainings: list[int]):
    lab = folder_lab(folder)
    find(lab)
    first, second = sorted(folder.glob("ant/*.png"))[:2]
    first.write_bytes(second.read_bytes())
    find(lab, cut_off="20%")
    assert trainings == [N, N]


def test_run_on_other_images_is_not_reused(trained: Datalab, trainings: list[int]):
    other = make_lab(class_label_dataset().select([1, 0, *range(2, N)]))
    other.info["statistics"][STATISTIC] = trained.info["statistics"][STATISTIC]
    find(other)
    assert trainings == [N]


def test_additional_class_trains_again(trained: Datalab, trainings: list[int]):
    data = class_label_dataset().cast_column("label", datasets.ClassLabel(names=[*NAMES, "owl"]))
    other = make_lab(data)
    other.info["statistics"][STATISTIC] = trained.info["statistics"][STATISTIC]
    find(other)
    assert trainings == [N]


@pytest.mark.parametrize("kept", [{}, {"key": None, "result": {}}, {"layout": 2}])
def test_run_kept_by_another_version_is_not_reused(trained: Datalab, trainings: list[int], kept: dict):
    trained.info["statistics"][STATISTIC] = kept
    find(trained)
    assert trainings == [N]


def test_new_version_of_the_package_trains_again(trained: Datalab, trainings: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_run, "__version__", "99.0")
    find(trained)
    assert trainings == [N]


def test_failure_after_training_keeps_the_training(
    trainings: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lab = make_lab()
    with monkeypatch.context() as patched:

        def fails(result, *, score, cut_off, precision):
            raise AuditError("no judgement today")

        patched.setattr("curv_issues.datalab.curvature.rejudge", fails)
        find(lab)
    assert "Error in curvature: no judgement today" in capsys.readouterr().out
    assert lab.issue_summary.empty
    find(lab)
    assert lab.issue_summary["issue_type"].tolist() == ["curvature"]
    assert trainings == [N]


def test_second_type_reuses_the_run(trained: Datalab):
    from curv_issues.options import TrainingOptions
    from tests.datalab.labs import OPTIONS

    samples = read_lab(trained)
    found = shared_run.find_run(trained, samples, TrainingOptions(**OPTIONS))
    assert found is not None
    np.testing.assert_array_equal(found.labels, trained.labels)
    assert found.embeddings.shape[0] == N
    assert found.images["image_sha256"].nunique() > 1
    assert shared_run.find_run(trained, samples, TrainingOptions(**OPTIONS, num_matvecs=3)) is None
    assert shared_run.find_run(trained, samples, TrainingOptions(**OPTIONS, measure=["label_contrast"])) is None


def test_run_with_more_scores_is_reused_for_fewer(trainings: list[int]):
    lab = make_lab()
    find(lab, score="training_gradient")
    assert "training_gradient" in lab.get_info("curvature")["raw_scores"]
    find(lab)
    find(lab, score="training_gradient", cut_off="5%")
    assert trainings == [N]
    find(lab, score="label_contrast")
    assert trainings == [N, N]


def small_network(spec) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.channels * spec.resolution**2, spec.num_classes))


def test_user_supplied_probes(trainings: list[int]):
    lab = make_lab()
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    before = copy.deepcopy(network.state_dict())
    find(lab, probe=network)
    find(lab, probe=network, cut_off="20%")
    assert trainings == [N]
    assert all(torch.equal(network.state_dict()[name], values) for name, values in before.items())
    assert lab.get_info("curvature")["options"]["probe"] == "Sequential"
    with torch.no_grad():
        network[1].bias += 1
    find(lab, probe=network)
    assert trainings == [N] * 2
    find(lab, probe=small_network)
    find(lab, probe=small_network, cut_off="20%")
    assert trainings == [N] * 3


def test_global_generators_are_not_changed():
    torch.manual_seed(1)
    np.random.seed(1)
    one = make_lab()
    find(one, probe=small_network)
    after = torch.rand(1), np.random.rand()
    torch.manual_seed(1)
    np.random.seed(1)
    assert (torch.rand(1), np.random.rand()) == after
    two = make_lab()
    find(two, probe=small_network)
    assert one.issues.equals(two.issues)


def test_failed_run_is_not_joined_by_the_next_call():
    lab = make_lab()
    failed = join_run(lab, "curvature", {"epochs": 2})
    with pytest.raises(UsageError, match="epochs"):
        join_run(lab, "duplicate_conflict", {"epochs": -1})
    assert join_run(lab, "duplicate_conflict", {"epochs": 3}) is not failed
