"""What the page of a report is made of."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from curv_issues.report.choice import choose
from curv_issues.report.evidence import MEANINGS
from curv_issues.report.view import make_view
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision
from tests.made_up import make_result, result_of, result_parts
from tests.report.pages import conflicts_with_images, many_findings


def test_a_view_is_strict_json() -> None:
    for result in (make_result(), many_findings(), conflicts_with_images()):
        view = make_view(result)
        assert json.loads(json.dumps(view, allow_nan=False)) == view


def test_cards_tell_class_score_verdict_and_evidence() -> None:
    result = many_findings()
    view = make_view(result)
    card = view["cards"][0]
    sample = result.scores.iloc[-1]
    assert card["row"] == sample["row"]
    assert [view["classes"][card[name]] for name in ("given", "suggested")] == [sample["given"], sample["suggested"]]
    assert card["path"] == sample["path"]
    assert card["p_wrong"] == pytest.approx(sample["p_wrong"], rel=1e-3)
    assert card["verdict"] == "mislabeled"
    assert card["evidence"][0] == MEANINGS["mislabeled"]
    assert f"{100 * sample['given_probability']:.0f}%" in card["evidence"][1]
    members = result.scores[result.scores["given"] == sample["given"]]["input_curvature"]
    assert card["curvature_rank"] == f"{int((members > sample['input_curvature']).sum()) + 1} of {len(members)}"
    assert card["curves"]["loss"] == [[e + 1, pytest.approx(v, rel=0.01)] for e, v in enumerate(result.trajectories["loss"][-1])]
    assert [epoch for epoch, _ in card["curves"]["input_curvature"]] == [1, 3]  # measured in these epochs only


def test_verdicts_have_a_meaning() -> None:
    from curv_issues.findings import verdicts

    assert verdicts.find_verdicts.__doc__ is not None
    assert all(f"{name}:" in verdicts.find_verdicts.__doc__ for name in MEANINGS)


def test_conflicts_name_the_other_members() -> None:
    view = make_view(conflicts_with_images())
    assert view["groups"] == [[10, 20, 70], [30, 40]]
    cards = {card["row"]: card for card in view["cards"]}
    assert cards[10]["is_suspect"]
    assert not cards[20]["is_suspect"]
    assert any("row 20 (bird), row 70 (cat)" in text and "identical bytes" in text for text in cards[10]["evidence"])
    assert view["classes"][cards[10]["suggested"]] == "bird"  # what the conflict suggests


def test_matrix_counts_all_label_issues() -> None:
    result = many_findings(500, flagged=450)
    matrix = make_view(result, choice=choose(result, most=3))["matrix"]
    assert np.sum(matrix["counts"]) == 450
    issue = result.findings.iloc[0]
    place = [matrix["classes"].index(result.class_names.index(issue[name])) for name in ("given", "suggested")]
    pairs = result.findings.groupby(["given", "suggested"]).size()
    assert matrix["counts"][place[0]][place[1]] == pairs[issue["given"], issue["suggested"]]


def test_histogram_counts_every_sample_and_the_flagged_ones() -> None:
    histogram = make_view(many_findings())["histogram"]
    assert (sum(histogram["all"]), sum(histogram["flagged"])) == (200, 40)
    assert histogram["quantity"] == "probability of a wrong label"
    assert histogram["cut_off"] == "auto: 40 labels flagged, expected precision 0.80"
    assert make_view(make_result())["histogram"]["quantity"] == "suspicion"


def test_curves_compare_flagged_samples_with_the_rest() -> None:
    result = many_findings()
    loss, flagged = result.trajectories["loss"], result.scores["flagged"].to_numpy()
    curves = make_view(result)["curves"]["loss"]
    for name, part in (("flagged", flagged), ("not flagged", ~flagged)):
        for quartile, rank in (("low", 25), ("median", 50), ("high", 75)):
            expected = np.percentile(loss[part], rank, axis=0)
            assert [value for _, value in curves[name][quartile]] == pytest.approx(expected.tolist(), rel=0.01)


def test_images_stay_within_the_budget_and_the_most_suspect_come_first() -> None:
    result = many_findings()
    full = make_view(result)
    size = sum(len(base64.b64decode(uri.partition(",")[2])) for uri in full["images"])
    view = make_view(result, budget=size // 4)
    assert sum(len(base64.b64decode(uri.partition(",")[2])) for uri in view["images"]) <= size // 4
    assert view["num_images_left_out"] > 0
    assert view["cards"][0]["image"] is not None
    assert full["num_images_left_out"] == 0


def test_without_images_there_are_none() -> None:
    view = make_view(many_findings(), with_images=False)
    assert (view["images"], view["has_images"]) == ([], False)
    assert {card["image"] for card in view["cards"]} == {None}


def test_decisions_are_shown_or_carried_along() -> None:
    result = many_findings()
    shown, hidden = result.images.iloc[-1], result.images.iloc[5]
    given = dict(zip(result.scores["row"], result.scores["given"], strict=True))
    on_card = Decision(shown["image_sha256"], given[shown["row"]], "keep")
    on_other = Decision(hidden["image_sha256"], given[hidden["row"]], "unsure")
    gone = replace(on_card, image_sha256="gone")
    view = make_view(result, decisions=[on_card, on_other, gone], choice=choose(result, most=2))
    cards = {card["row"] for card in view["cards"]}
    assert hidden["row"] not in cards
    assert [(entry["row"], entry["action"]) for entry in view["decisions"]] == [(shown["row"], "keep")]
    assert [entry["image_sha256"] for entry in view["other_decisions"]] == [hidden["image_sha256"], "gone"]


def test_a_result_of_features_has_no_images_and_no_sizes() -> None:
    parts = result_parts()
    images = parts["images"].assign(height=0, width=0)
    view = make_view(result_of({**parts, "images": images}))
    assert not view["has_images"]
    assert {(card["width"], card["height"]) for card in view["cards"]} == {(0, 0)}


def test_ranks_are_missing_without_curvature() -> None:
    result = make_result()
    assert {card["curvature_rank"] for card in make_view(result)["cards"]} == {None}
    nothing = AuditResult(**{**result_parts(flagged=()), "trajectories": {}})
    assert make_view(nothing)["curves"] == {}
    assert all(not math.isnan(card["suspicion"]) for card in make_view(nothing)["cards"])
