"""find_issues raises all errors in options, labels and columns instead of swallowing them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import datasets
import numpy as np
import pytest
import torchvision
from cleanlab import Datalab

from curv_issues import DatasetError, UsageError
from curv_issues.datalab.register import CurvatureIssueManager
from curv_issues.options import FindingOptions, TrainingOptions
from tests.datalab.labs import NAMES, OPTIONS, N, class_label_dataset, digits, find, make_lab


def raises(error: type[Exception], text: str) -> Any:
    import re

    return pytest.raises(error, match=re.escape(text))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epoch": 3}, "Unknown option 'epoch' of the issue type 'curvature'; did you mean 'epochs'?"),
        ({"cutoff": 0.9}, "Unknown option 'cutoff' of the issue type 'curvature'; did you mean 'cut_off'?"),
        ({"image_column": "image"}, "Unknown option 'image_column'"),
        ({"pred_probs": np.zeros((N, 2))}, "Unknown option 'pred_probs' of the issue type 'curvature'; "),
        ({"xyz": 1}, "Unknown option 'xyz' of the issue type 'curvature'; choose from: seed, "),
        ({"image_column": "img"}, "Unknown option 'image_column' of the issue type 'curvature'; did you mean 'image_key'?"),
        ({"measure": "depth"}, "measure must be 'all' or a list of score names, got 'depth'."),
        ({"skip_unreadable": True}, "Unknown option 'skip_unreadable'"),
        ({"epochs": "ten"}, "epochs must be an integer from 0 to 10000, got 'ten'."),
        ({"epochs": -1}, "epochs must be an integer from 0 to 10000, got -1."),
        ({"seed": 0.5}, "seed must be an integer "),
        ({"preset": "slow"}, "Unknown preset 'slow'; choose one of: quick, standard, thorough."),
        ({"probe": "vgg"}, "Unknown probe 'vgg'"),
        ({"probe": "no_such_module:net"}, "importing 'no_such_module' failed"),
        ({"probe": torchvision.models.resnet18}, "The probe function resnet18 must take one argument, a ProbeSpec"),
        ({"probe": 3}, "probe must be a name, an nn.Module or a function that returns one, got 3."),
        ({"score": "loss"}, "Unknown score 'loss'; choose one of: default, "),
        ({"cut_off": 2}, "cut_off must be 'auto', a suspicion from 0 to 1 such as 0.95, or a fraction such as '5%', got 2."),
        ({"cut_off": "many"}, "got 'many'."),
        ({"resolution": 4}, "resolution must be an integer from 8 to 512, got 4."),
        (
            {"private": 8.0},
            "A Datalab keeps no weights, which is what private=... is for; use curv_issues.audit(..., private=...).",
        ),
        ({"device": "tpu9"}, "Device 'tpu9' cannot be used here; try 'auto' or 'cpu'."),
        ({"image_key": 0}, "image_key must be the name of a column, got 0."),
        ({"result": "folder"}, "result must be an AuditResult (a saved one: AuditResult.load(folder)), got 'folder'."),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], text: str):
    lab = make_lab()
    with raises(UsageError, text):
        find(lab, **options)
    assert lab.issue_summary.empty


def test_every_option_of_training_and_finding_is_accepted(trainings: list[int]):
    values = {field.name: field.default for source in (TrainingOptions, FindingOptions) for field in fields(source)}
    lab = make_lab()
    given = {name: value for name, value in values.items() if value is not None} | OPTIONS
    find(lab, **given, image_key="image", batch_size=20, learning_rate=0.1, shift=0, flip=True, num_matvecs=2)
    info = lab.get_info("curvature")
    changed = {"batch_size": 20, "learning_rate": 0.1, "shift": 0, "flip": True, "num_matvecs": 2, "measure": []}
    assert info["options"] == {**values, **OPTIONS, **changed, "duplicates": True, "duplicate_threshold": None}
    assert (info["recipe"]["batch_size"], info["recipe"]["shift"], info["recipe"]["num_matvecs"]) == (20, 0, 2)
    assert trainings == [N]


def test_none_means_the_default(trained: Datalab, trainings: list[int]):
    find(trained, score=None, image_key=None, seed=None, result=None)
    assert trained.get_info("curvature")["options"]["score"] == "default"
    assert trained.get_info("curvature")["seed"] == 0
    assert trainings == []


def test_unlabelled_datalab():
    lab = Datalab(class_label_dataset(), verbosity=0)
    with raises(DatasetError, "This Datalab has no labels; make it with Datalab(data, label_name=...)"):
        find(lab)


def test_empty_datalab():
    lab = make_lab(class_label_dataset().select([]))
    with raises(DatasetError, "This Datalab has no samples; expected at least two, of two classes."):
        find(lab)


def relabelled(rows: dict[int, int]) -> list[int]:
    labels = digits()[1].tolist()
    for row, label in rows.items():
        labels[row] = label
    return labels


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (
            relabelled({3: -1, 9: -1}),
            "2 of 60 samples carry no label in column 'label' (label -1; row 3, 9): label them, or make the Datalab without them.",
        ),
        ([-1] * N, "60 of 60 samples carry no label in column 'label' (label -1; row 0, 1, 2, 3, 4, ...)"),
        ([1] * N, "All 60 samples of this Datalab carry the label 'ant'; finding wrong labels needs samples of at least"),
    ],
)
def test_unusable_labels_are_refused(labels: list[int], text: str):
    with raises(DatasetError, text):
        find(make_lab(class_label_dataset(labels=labels)))


def test_fractional_labels_are_refused():
    images, labels = digits()
    with raises(DatasetError, "is 0.5, which is not a class; expected integers or strings."):
        find(make_lab({"image": images, "label": (labels / 2).tolist()}))


def dataset(**columns: Any) -> datasets.Dataset:
    return datasets.Dataset.from_dict({**columns, "label": [NAMES[label] for label in digits()[1]]})


def test_image_columns():
    images = digits()[0]
    two = dataset(left=images, right=images)
    with raises(DatasetError, "There are several image columns: left, right; name one of them with image_key."):
        find(make_lab(two))
    with raises(DatasetError, "image_key names the column 'middle'; the dataset has left, right, label."):
        find(make_lab(two), image_key="middle")
    with raises(DatasetError, "Column 'label' holds string, which cannot be read as images"):
        find(make_lab(two), image_key="label")
    with raises(DatasetError, "No image column found; expected images (Image)"):
        find(make_lab(dataset(image=[f"{row}.png" for row in range(N)])))
    with raises(DatasetError, "No image column found; expected images (Image)"):
        find(make_lab(dataset(image=[np.asarray(image).tolist() for image in images])))


def test_image_key_chooses_the_column():
    images = digits()[0]
    lab = make_lab(dataset(blank=[images[0]] * N, image=images))
    find(lab, image_key="image")
    chosen = lab.get_info("curvature")["raw_scores"]["cumulative_loss"]
    find(lab, image_key="blank")
    assert not np.allclose(chosen, lab.get_info("curvature")["raw_scores"]["cumulative_loss"])


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_do_not_have_the_type(task: str):
    label = [0.5] * N if task == "regression" else [[0]] * N
    lab = Datalab({"image": digits()[0], "label": label}, label_name="label", task=task, verbosity=0)
    assert "curvature" not in lab.list_possible_issue_types()
    with pytest.raises(ValueError, match="Invalid issue type: curvature"):
        find(lab)


def test_unsuitable_networks_are_refused():
    from torch import nn

    with raises(UsageError, "The probe must return logits of shape (2, 3) for two images, got (2, 7)."):
        find(make_lab(), probe=nn.Sequential(nn.Flatten(), nn.Linear(64, 7)))
    with raises(UsageError, "The probe cannot read images of shape (1, 8, 8): "):
        find(make_lab(), probe=nn.Sequential(nn.Flatten(), nn.Linear(99, 3)))
    with raises(UsageError, "The probe function must return an nn.Module, got str."):
        find(make_lab(), probe=lambda spec: "network")


def test_verbosity_zero_is_silent_and_one_prints_a_line(capsys: pytest.CaptureFixture[str]):
    CurvatureIssueManager(make_lab(verbosity=0), **OPTIONS)
    assert capsys.readouterr() == ("", "")
    CurvatureIssueManager(make_lab(verbosity=1), **OPTIONS)
    assert capsys.readouterr() == ("Reading 60 images for a probe to train on ...\n", "")
