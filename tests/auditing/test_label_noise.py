"""The probabilities that labels are wrong, in whole audits of planted errors."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from curv_issues import AuditResult, audit_features, rejudge
from curv_issues.auditing import label_noise
from curv_issues.auditing.label_noise import with_label_noise
from curv_issues.confusions.label_noise import error_rate, estimate_noise, late_mean
from curv_issues.errors import UsageError
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.noise.asymmetric import flip_labels_asymmetric
from curv_issues.noise.uniform import flip_labels
from curv_issues.trackers import LABEL_NOISE_SCORES
from curv_issues.training.record import TrainingRecord
from tests.confusions.test_transition import with_errors
from tests.confusions.test_window import memorised

DIGITS = load_digits()
N = 900


@cache
def audited(rate: float = 0.2) -> tuple[AuditResult, np.ndarray]:
    """Return an audit of digits as features, a fraction of each class labelled as the next one, and the mask of the errors."""
    noisy, is_error = flip_labels_asymmetric(DIGITS.target[:N], rate, num_classes=10, seed=0)
    return audit_features(DIGITS.data[:N], noisy, duplicates=False, device="cpu"), is_error


def test_errors_between_like_classes_are_found() -> None:
    result, is_error = audited()
    scores = result.scores
    assert roc_auc_score(is_error, scores["suspicion"]) > roc_auc_score(is_error, scores["cumulative_loss"]) + 0.005
    right = scores["suggested"].astype(int).to_numpy()[is_error] == DIGITS.target[:N][is_error]
    assert right.mean() > 0.95
    assert scores["p_wrong"].between(0, 1).all()
    assert result.score_metadata["p_wrong"]["direction"] == "high"


def test_flags_are_those_that_are_more_probably_wrong() -> None:
    result, is_error = audited()
    cut_off = result.summary["cut_off"]
    assert cut_off["rule"] == "auto"
    assert cut_off["num_flagged"] == (result.scores["p_wrong"] >= 0.5).sum()
    flagged = result.scores["flagged"]
    assert cut_off["expected_precision"] == pytest.approx(result.scores["p_wrong"][flagged].mean())
    assert is_error[flagged].mean() > 0.8


def test_the_suggestion_is_never_the_given_class() -> None:
    scores = audited()[0].scores
    assert (scores["suggested"] != scores["given"]).all()


def test_a_precision_flags_more_or_fewer_without_training() -> None:
    result, _ = audited()
    counts = {}
    for precision in (0.95, 0.8, 0.6):
        again = rejudge(result, precision=precision)
        counts[precision] = again.summary["cut_off"]["num_flagged"]
        p_wrong = again.scores.sort_values("suspicion", ascending=False)["p_wrong"].to_numpy()
        assert p_wrong[: counts[precision]].mean() >= precision
        assert all(p_wrong[: counts[precision] + more].mean() < precision for more in range(1, 50))
        assert again.summary["options"]["precision"] == precision
    assert counts[0.95] < counts[0.8] < counts[0.6]
    assert rejudge(result).scores.equals(result.scores)


def test_a_result_without_probabilities_refuses_a_precision() -> None:
    result, _ = audited()
    older = AuditResult(
        scores=result.scores.drop(columns=list(LABEL_NOISE_SCORES)),
        findings=result.findings.assign(p_wrong=np.nan, verdict=None),
        trajectories=result.trajectories,
        pred_probs=result.pred_probs,
        embeddings=result.embeddings,
        images=result.images,
        score_metadata={name: entry for name, entry in result.score_metadata.items() if name not in LABEL_NOISE_SCORES},
        summary={name: value for name, value in result.summary.items() if name != "schema_version"},
    )
    with pytest.raises(UsageError, match=r"--precision \(precision\) needs the probabilities that labels are wrong"):
        rejudge(older, precision=0.9)
    assert rejudge(older).summary["cut_off"]["margin_threshold"] is not None  # the rule without probabilities


K = 4
RNG = np.random.default_rng(0)
GIVEN = RNG.integers(0, K, 300)
PROBABILITIES = RNG.dirichlet(np.ones(K), 300) * 0.3 + 0.7 * np.eye(K)[np.where(RNG.random(300) < 0.1, (GIVEN + 1) % K, GIVEN)]
HISTORY = np.log(np.stack([PROBABILITIES] * 3, axis=1)).astype(np.float16)


def record(**changes: object) -> TrainingRecord:
    """Return a record of three epochs, in the last of which the classes are learned."""
    return TrainingRecord(
        scores={},
        score_metadata={},
        trajectories={"margin": np.tile(np.float32([-9, 0, 9]), (300, 1))},
        suggested=np.zeros(300, dtype=np.int64),
        reference_margin={"p90": [0.0] * 3, "p99": [0.0] * 3, "predicted": [1.0] * 3},
        epochs_done=3,
        complete=True,
        device="cpu",
        **changes,  # type: ignore[arg-type]
    )


def held_out() -> np.ndarray:
    return PROBABILITIES[:, ::-1].astype(np.float16)


@pytest.mark.parametrize("on_features", [False, True])
def test_sources_are_joined(on_features: bool) -> None:
    held = estimate_noise(np.log(held_out().astype(np.float64) + 1e-6), GIVEN)
    epochs = compare_with_null(record().trajectories["margin"], record().reference_margin).epochs
    trained = estimate_noise(late_mean(HISTORY, epochs), GIVEN)
    both = {"class_history": HISTORY, "pred_probs": held_out(), "out_of_sample": True}
    joined = with_label_noise(record(**both, on_features=on_features), GIVEN)
    expected = estimate_noise(np.log(np.maximum(held.prior, 1e-6)) + np.log(np.maximum(trained.prior, 1e-6)), GIVEN)
    np.testing.assert_allclose(joined.scores["p_wrong"], expected.wrong, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(joined.scores["class_confusion"], expected.gain, rtol=1e-3, atol=1e-3)
    linear = (PROBABILITIES - 0.25).astype(np.float16)
    three = with_label_noise(record(**both, leave_one_out=linear), GIVEN)
    linear_prior = np.log(np.maximum(estimate_noise(linear, GIVEN).prior, 1e-6))
    expected = estimate_noise(np.log(np.maximum(held.prior, 1e-6)) + np.log(np.maximum(trained.prior, 1e-6)) + linear_prior, GIVEN)
    np.testing.assert_allclose(three.scores["p_wrong"], expected.wrong, rtol=1e-3, atol=1e-5)
    assert three.leave_one_out is None
    images_only = with_label_noise(record(class_history=HISTORY), GIVEN)
    np.testing.assert_allclose(images_only.scores["p_wrong"], trained.wrong, rtol=1e-4, atol=1e-6)
    assert (images_only.suggested != GIVEN).all()
    assert images_only.class_history is None


def test_in_sample_probabilities_do_not_count() -> None:
    found = with_label_noise(record(pred_probs=held_out()), GIVEN)
    assert found.scores == {}


def test_epochs_in_which_confused_labels_are_memorised_are_no_source() -> None:
    history, given = memorised(with_errors((0, 1, 0.3)), 5)
    n, epochs, _ = history.shape
    learned_last = np.tile(np.repeat(np.float32([-9, 9.9]), epochs // 2), (n, 1))
    null = {"p90": [0.0] * epochs, "p99": [0.0] * epochs, "predicted": [1.0] * epochs}
    run = replace(record(), class_history=history, trajectories={"margin": learned_last}, reference_margin=null)
    assert compare_with_null(learned_last, null).epochs == epochs
    found = with_label_noise(run, given)
    np.testing.assert_allclose(found.scores["class_confusion"], estimate_noise(late_mean(history, 7), given).gain)
    assert found.error_count is not None
    assert found.error_count.num_errors == pytest.approx(len(given) * error_rate(late_mean(history, 4), given), rel=0.05)
    assert found.scores["p_wrong"].sum() == pytest.approx(found.error_count.num_errors)


def test_random_errors_are_counted_before_they_are_memorised() -> None:
    random = np.random.default_rng(0)
    true, epochs, k = random.integers(0, 10, 3_000), 16, 10
    given = np.where(random.random(3_000) < 0.3, (true + random.integers(1, k, 3_000)) % k, true)
    logits = random.normal(size=(3_000, epochs, k)) + 3 * np.eye(k)[true][:, None]
    logits[:, epochs // 2 :] += 5 * np.eye(k)[given][:, None]
    margin = np.take_along_axis(logits, given[:, None, None], 2)[..., 0] - np.sort(logits, axis=2)[..., -2]
    null = {"p90": [0.0] * epochs, "p99": [0.0] * epochs, "predicted": [1.0] * epochs}
    history = (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float16)
    run = replace(record(), class_history=history, trajectories={"margin": margin.astype(np.float32)}, reference_margin=null)
    found = with_label_noise(run, given)
    assert found.error_count is not None
    assert found.error_count.num_errors == pytest.approx((given != true).sum(), rel=0.1)
    assert found.error_count.low <= (given != true).sum() <= found.error_count.high
    assert found.scores["p_wrong"].sum() == pytest.approx(found.error_count.num_errors)


@pytest.mark.parametrize(("rate", "k"), [(0.1, 60), (0.0, 60), (0.1, 30)])
def test_right_labels_of_many_classes_that_are_not_learned_are_not_counted(rate: float, k: int) -> None:
    random = np.random.default_rng(0)
    n, epochs = 3_000, 6
    true = random.integers(0, k, n)
    given = np.where(random.random(n) < rate, (true + random.integers(1, k, n)) % k, true)
    like = (true[:, None] + np.arange(k)) % k
    like[:, 1:] = random.permuted(like[:, 1:], axis=1)  # the first six of these classes look like the sample
    seen = np.where(random.random(n) < 0.3, like[:, 1], true)  # some are not learned
    near = np.eye(k)[like[:, :6]].sum(axis=1)
    sureness = random.uniform(4, 10, n)[:, None, None]
    logits = random.normal(size=(n, epochs, k)) + 2 * near[:, None] + sureness * np.eye(k)[seen][:, None]
    margin = np.take_along_axis(logits, given[:, None, None], 2)[..., 0] - np.sort(logits, axis=2)[..., -2]
    null = {"p90": [0.0] * epochs, "p99": [0.0] * epochs, "predicted": [1.0] * epochs}
    history = (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float16)
    run = replace(record(), class_history=history, trajectories={"margin": margin.astype(np.float32)}, reference_margin=null)
    found, wrong = with_label_noise(run, given), (given != true).sum()
    assert found.error_count is not None
    counted = estimate_noise(late_mean(history, epochs), given).wrong.sum()
    assert counted > wrong + 0.15 * n
    if k < label_noise.MANY_CLASSES:
        assert found.error_count.num_errors > 0.9 * counted
        return
    assert found.error_count.num_errors == pytest.approx(wrong, rel=0.15, abs=30)
    assert found.error_count.low <= wrong <= found.error_count.high
    assert found.scores["p_wrong"].sum() == pytest.approx(found.error_count.num_errors)


def test_too_many_samples_and_classes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_noise, "MOST_VALUES", 300 * K - 1)
    found = with_label_noise(record(class_history=HISTORY, pred_probs=held_out(), out_of_sample=True), GIVEN)
    assert found.scores == {}
    assert found.class_history is None


def test_the_estimated_number_of_errors_is_near_the_planted_one() -> None:
    noisy, is_error = flip_labels(DIGITS.target[:N], 0.1, seed=0)
    estimate = audit_features(DIGITS.data[:N], noisy, duplicates=False, device="cpu").summary["estimate"]
    assert estimate["num_errors"] == pytest.approx(is_error.sum(), rel=0.25)
    assert estimate["low"] <= is_error.sum() <= estimate["high"]
    assert estimate["basis"] == "held-out"
    structured, is_error = audited()
    estimate = structured.summary["estimate"]
    assert estimate["num_errors"] == pytest.approx(is_error.sum(), rel=0.4)
    pairs = structured.confusions[structured.confusions["suggested"].notna()]
    assert pairs["num_errors"].sum() == pytest.approx(estimate["num_errors"], rel=0.05)


def test_images_are_counted_by_epoch_and_without_probabilities_nothing_is() -> None:
    counted = with_label_noise(record(class_history=HISTORY), GIVEN).error_count
    assert counted is not None
    assert counted.basis == "training"
    assert 0 <= counted.low <= counted.num_errors <= counted.high <= len(GIVEN)
    assert with_label_noise(record(), GIVEN).error_count is None


def test_held_out_sources_count_together_and_the_interval_reaches_over_all() -> None:
    linear = (PROBABILITIES - 0.25).astype(np.float16)
    counted = with_label_noise(
        record(class_history=HISTORY, pred_probs=held_out(), out_of_sample=True, leave_one_out=linear), GIVEN
    ).error_count
    assert counted is not None
    assert counted.basis == "held-out"
    priors = [estimate_noise(scores, GIVEN).prior for scores in (np.log(held_out().astype(np.float64) + 1e-6), linear)]
    logs = np.sum([np.log(np.maximum(prior, 1e-6), dtype=np.float64) for prior in priors], axis=0)
    assert counted.num_errors == pytest.approx(estimate_noise(logs, GIVEN).wrong.sum(), rel=1e-2)
    for alone in ({"class_history": HISTORY}, {"leave_one_out": linear}):
        scores = with_label_noise(record(**alone), GIVEN).scores
        assert counted.low <= scores["p_wrong"].sum() <= counted.high


@pytest.mark.parametrize(("wrong", "joins"), [(28, True), (120, False)])
def test_a_linear_model_that_is_much_worse_than_the_networks_is_left_out(wrong: int, joins: bool) -> None:
    networks = PROBABILITIES.astype(np.float16)
    linear = np.eye(K, dtype=np.float16)[np.where(np.arange(300) < wrong, (GIVEN + 2) % K, GIVEN)]  # networks: 31 are wrong
    both = {"class_history": HISTORY, "pred_probs": networks, "out_of_sample": True}
    without, found = (with_label_noise(record(**both, **more), GIVEN).scores for more in ({}, {"leave_one_out": linear}))
    assert np.array_equal(found["p_wrong"], without["p_wrong"]) == (not joins)


def test_constant_features_do_not_make_labels_look_wrong() -> None:
    result = audit_features(np.ones((50, 3)), np.arange(50) % 2, duplicates=False, device="cpu", progress=False)
    assert result.scores["p_wrong"].max() < 0.5
    assert not result.scores["flagged"].any()
