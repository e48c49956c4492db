"""A finished audit is attached to a Datalab of the same samples without training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cleanlab import Datalab
from PIL import Image

import curv_issues
from curv_issues import AuditError, AuditResult, UsageError, add_to_datalab, from_arrays
from tests.datalab.labs import NAMES, OPTIONS, WRONG_ROW, N, class_label_dataset, digits, find, make_lab


def test_add(result: AuditResult, trainings: list[int]):
    lab = make_lab()
    assert add_to_datalab(lab, result) is None
    assert trainings == []
    issues = lab.get_issues("curvature")
    np.testing.assert_array_equal(issues["curvature_score"], 1 - result.scores["suspicion"])
    np.testing.assert_array_equal(issues["is_curvature_issue"], result.scores["flagged"])
    assert issues["curvature_suggested_class"].tolist() == result.scores["suggested"].tolist()
    assert lab.issue_summary["issue_type"].tolist() == ["curvature", "duplicate_conflict"]
    kinds = result.findings["kind"].value_counts()
    assert lab.issue_summary["num_issues"].tolist() == [kinds["label_issue"], kinds.get("duplicate_conflict", 0)]
    lab.report(verbosity=4)


def test_result_without_a_search_for_duplicates(trainings: list[int]):
    result = curv_issues.audit(class_label_dataset(), **OPTIONS, duplicates=False)
    lab = make_lab()
    add_to_datalab(lab, result)
    assert lab.issue_summary["issue_type"].tolist() == ["curvature"]
    text = re.escape("result was made without a search for duplicates; audit again with duplicates=True.")
    with pytest.raises(UsageError, match=text):
        lab.find_issues(issue_types={"duplicate_conflict": {"result": result}})
    assert trainings == [N]  # that of the audit


def test_saved_result(result: AuditResult, tmp_path: Path):
    result.save(tmp_path / "result")
    lab, other = make_lab(), make_lab()
    add_to_datalab(lab, AuditResult.load(tmp_path / "result", memory_map=True))
    add_to_datalab(other, result)
    assert lab.issues.equals(other.issues)


def test_result_keeps_its_judgement_unless_options_are_given(result: AuditResult, trainings: list[int]):
    judged = curv_issues.rejudge(result, score="margin", cut_off="50%")
    lab = make_lab()
    add_to_datalab(lab, judged)
    np.testing.assert_array_equal(lab.issues["curvature_score"], 1 - judged.scores["suspicion"])
    lab.find_issues(issue_types={"curvature": {"result": judged, "cut_off": "10%"}})
    np.testing.assert_array_equal(lab.issues["is_curvature_issue"], result.scores["flagged"])
    assert trainings == []


def test_string_labels_match_a_result_of_class_labels(result: AuditResult):
    lab = make_lab({"image": digits()[0], "label": [NAMES[label] for label in digits()[1]]})
    add_to_datalab(lab, result)
    assert lab.issues["curvature_suggested_class"].tolist() == result.scores["suggested"].tolist()


def test_images_in_an_array_are_compared_by_pixels():
    images, labels = digits()
    pixels = np.stack([np.asarray(image) for image in images])
    options = {name: value for name, value in OPTIONS.items() if name != "resolution"}
    result = curv_issues.audit(from_arrays(pixels, labels, class_names=NAMES), **options)
    lab = make_lab()
    add_to_datalab(lab, result)
    assert lab.issue_summary["issue_type"].tolist() == ["curvature", "duplicate_conflict"]
    pixels[11, 0, 0] += 1
    changed = curv_issues.audit(from_arrays(pixels, labels, class_names=NAMES), **options)
    with pytest.raises(UsageError, match=re.escape("result is not of this Datalab's data: the image in row 11 is another.")):
        add_to_datalab(lab, changed)


def other_class_lab() -> Datalab:
    return make_lab({"image": digits()[0], "label": [NAMES[label].upper() for label in digits()[1]]})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: make_lab(class_label_dataset().select(range(50))), "it has 60 samples, the Datalab 50."),
        (
            lambda: make_lab(
                class_label_dataset(labels=[2 if row == WRONG_ROW else label for row, label in enumerate(digits()[1])])
            ),
            "row 7 is labelled 'ant' in it and 'moth' in the Datalab.",
        ),
        (other_class_lab, "row 0 is labelled 'ant' in it and 'ANT' in the Datalab."),
    ],
)
def test_results_of_other_data_are_refused(result: AuditResult, make, text: str):
    lab = make()
    with pytest.raises(UsageError, match=re.escape(f"result is not of this Datalab's data: {text}")):
        add_to_datalab(lab, result)
    assert lab.issue_summary.empty


def test_result_of_other_images_is_refused(result: AuditResult):
    images, labels = digits()
    same = np.flatnonzero(labels == labels[0])[:2]
    images[same[0]], images[same[1]] = images[same[1]], images[same[0]]
    lab = make_lab({"image": images, "label": [NAMES[label] for label in labels]})
    with pytest.raises(UsageError, match=f"the image in row {same[0]} is another"):
        add_to_datalab(lab, result)


def test_broken_image_counts_as_another_image(result: AuditResult, tmp_path: Path):
    import datasets

    file = tmp_path / "broken.png"
    file.write_bytes(b"")
    data = class_label_dataset().cast_column("image", datasets.Image(decode=False))
    rows = [dict(row) for row in data]
    rows[2]["image"] = {"bytes": None, "path": str(file)}
    lab = make_lab(datasets.Dataset.from_list(rows, features=data.features))
    with pytest.raises(UsageError, match="the image in row 2 is another"):
        add_to_datalab(lab, result)


def test_suggested_class_unknown_to_the_datalab_is_refused(result: AuditResult):
    """The audited dataset has a class without samples, which a Datalab of strings does not know."""
    import datasets

    data = class_label_dataset().cast_column("label", datasets.ClassLabel(names=[*NAMES, "owl"]))
    unusual = curv_issues.audit(data, **OPTIONS)
    unusual.scores.loc[4, "suggested"] = "owl"
    lab = make_lab({"image": digits()[0], "label": [NAMES[label] for label in digits()[1]]})
    with pytest.raises(UsageError, match="it suggests the class 'owl', which the Datalab does not have"):
        add_to_datalab(lab, unusual)


def test_training_options_with_a_result_are_refused(result: AuditResult):
    with pytest.raises(UsageError, match="result and epochs do not go together: with a finished result"):
        make_lab().find_issues(issue_types={"curvature": {"result": result, "epochs": 3}})


def test_other_objects_are_refused(result: AuditResult):
    with pytest.raises(UsageError, match="Expected a cleanlab Datalab to put the result into, got Dataset"):
        add_to_datalab(class_label_dataset(), result)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="result must be an AuditResult"):
        add_to_datalab(make_lab(), {"scores": 1})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"result must be an AuditResult .*, got None\."):
        add_to_datalab(make_lab(), None)  # type: ignore[arg-type]


def test_other_tasks_are_refused(result: AuditResult):
    lab = Datalab({"image": digits()[0], "label": [0.5] * N}, label_name="label", task="regression", verbosity=0)
    with pytest.raises(UsageError, match="Expected a Datalab of the task classification, got one of regression"):
        add_to_datalab(lab, result)


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_invalid_suspicion_is_refused(result: AuditResult, value: float):
    import copy

    changed = copy.deepcopy(result)
    changed.scores.loc[3, "suspicion"] = value
    with pytest.raises(UsageError, match=r"result has a suspicion outside \[0, 1\]; expected a result as an audit has"):
        add_to_datalab(make_lab(), changed)


def test_error_inside_datalab_is_raised(
    trained: Datalab, result: AuditResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The Datalab still holds old results, so its list of issue types does not show the failure."""

    def fails(self, **options):
        raise AuditError("no summary today")

    monkeypatch.setattr("curv_issues.datalab.register.CurvatureIssueManager.find_issues", fails)
    with pytest.raises(AuditError, match="Datalab did not take the curvature results; see the line it printed above"):
        add_to_datalab(trained, result)
    assert "Error in curvature: no summary today" in capsys.readouterr().out
    assert trained.issue_summary["issue_type"].tolist() == ["curvature", "duplicate_conflict"]


def test_colour_images_stay_colour():
    images, labels = digits()
    colour = [Image.merge("RGB", (image, image.rotate(90), image)) for image in images]
    lab = make_lab({"image": colour, "label": labels.tolist()})
    find(lab)
    result = curv_issues.audit(lab.data, **OPTIONS)
    other = make_lab({"image": colour, "label": labels.tolist()})
    add_to_datalab(other, result)
    assert other.issues["curvature_score"].equals(lab.issues["curvature_score"])
