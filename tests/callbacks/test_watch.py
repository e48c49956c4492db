from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import curv_issues
from curv_issues.callbacks import pending
from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError
from curv_issues.results.result import AuditResult
from curv_issues.trackers import LABEL_NOISE_SCORES
from tests import reference
from tests.callbacks.watching import (
    LABELS,
    OF_TRAINING,
    K,
    N,
    Step,
    blobs,
    loader_of,
    observe_all,
    random_steps,
    same_scores,
    small_network,
    watched,
)


def logits_by_epoch(epochs: list[list[Step]]) -> np.ndarray:
    found = np.full((len(epochs), N, K), np.nan)
    for epoch, steps in enumerate(epochs):
        for index, logits, _ in steps:
            found[epoch, index] = logits
    return found


def test_scores_are_those_of_the_observed_logits() -> None:
    epochs = random_steps(6)
    result = watched(epochs).result(LABELS)
    assert set(result.score_names) == OF_TRAINING
    logits = logits_by_epoch(epochs)
    np.testing.assert_allclose(result.scores["cumulative_loss"], reference.cumulative_loss(logits, LABELS), rtol=1e-5)
    np.testing.assert_allclose(result.scores["margin"], reference.area_under_margin(logits, LABELS), rtol=1e-4, atol=1e-6)
    norms = reference.over_epochs(reference.residual, logits, LABELS)  # two of six epochs are early
    np.testing.assert_allclose(result.scores["el2n"], [np.mean(values[:2]) for values in norms], rtol=1e-5)
    assert (result.scores["suggested"] != result.scores["given"]).all()
    assert any(note.startswith("Only 60 samples") for note in result.summary["notes"])


def test_probabilities_of_too_many_classes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.trackers.class_history.MOST_BYTES", 2 * N * K * 2)  # two epochs
    epochs = random_steps(3)
    assert "p_wrong" in watched(epochs[:1]).result(LABELS).score_names
    watch = watched(epochs)
    result = watch.result(LABELS)
    assert set(result.score_names) == OF_TRAINING - set(LABEL_NOISE_SCORES)
    masked = logits_by_epoch(epochs)[-1].copy()
    masked[np.arange(N), LABELS] = -np.inf
    assert result.scores["suggested"].tolist() == [str(code) for code in masked.argmax(1)]
    resumed = Watch(N, K)
    resumed.load_state_dict(watch.state_dict())
    assert same_scores(resumed.result(LABELS), result)


def test_wrong_labels_rank_first_in_a_real_training() -> None:
    features, labels, is_wrong = blobs()
    network, watch = small_network(), Watch(N, K)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(5):
        for inputs, given, index in loader_of(features, labels, shuffle=True):
            logits = network(inputs)
            watch.observe(index, logits, given)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, given).backward()
            optimizer.step()
        watch.end_epoch()
    suspicion = watch.result(labels.tolist()).scores["suspicion"].to_numpy()
    assert suspicion[is_wrong].min() > np.median(suspicion)


@pytest.mark.parametrize("most", [1, 40, 10**9])
def test_scores_do_not_depend_on_when_steps_are_evaluated(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = watched(random_steps(3)).result(LABELS)
    monkeypatch.setattr(pending, "MOST_LOGITS", most)
    assert same_scores(watched(random_steps(3)).result(LABELS), expected)


def test_what_is_observed_may_be_reused_at_once() -> None:
    watch = Watch(N, K)
    buffers = torch.empty(10, dtype=torch.int64), torch.empty(10, K), torch.empty(10, dtype=torch.int64)
    for steps in random_steps(2, batch=10):
        for step in steps:
            for buffer, values in zip(buffers, step, strict=True):
                buffer.copy_(values)
            watch.observe(*buffers)
        watch.end_epoch()
    assert same_scores(watch.result(LABELS), watched(random_steps(2)).result(LABELS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half, torch.float64])
def test_logits_of_autocast_are_converted(dtype: torch.dtype) -> None:
    steps = [[(index, logits.to(dtype), labels) for index, logits, labels in epoch] for epoch in random_steps(2)]
    wide = [[(index, logits.float(), labels) for index, logits, labels in epoch] for epoch in steps]
    with torch.autocast("cpu", torch.bfloat16):
        found = watched(steps).result(LABELS)
    assert same_scores(found, watched(wide).result(LABELS))


def test_observing_keeps_no_graph_and_takes_arrays_and_small_types() -> None:
    watch = Watch(N, K)
    for index, logits, labels in random_steps(1)[0]:
        watch.observe(index.numpy(), logits.requires_grad_(), labels.to(torch.uint8))
    watch.observe(torch.empty(0, dtype=torch.int64), torch.empty(0, K), torch.empty(0, dtype=torch.int64))
    watch.end_epoch()
    assert same_scores(watch.result(LABELS), watched(random_steps(1)).result(LABELS))


class TestIrregularEpochs:
    def test_a_sample_left_out_in_an_epoch_keeps_its_values(self) -> None:
        epochs = random_steps(3)
        index, _logits, labels = epochs[1].pop()
        with pytest.warns(UserWarning, match=f"^curv_issues.Watch, epoch 2: {len(index)} of 60 samples were not observed, as with"):
            watch = watched(epochs)
        result = watch.result(LABELS)
        position = int(index[0])
        whole = logits_by_epoch(epochs)[[0, 0, 2], position]
        expected = reference.cumulative_loss(whole[:, None], labels[:1].numpy())
        assert result.scores["cumulative_loss"][position] == pytest.approx(expected[0], rel=1e-5)
        assert np.isnan(result.trajectories["margin"][index, 1]).all()
        assert result.summary["notes"][-1] == (
            f"In 1 of 3 epochs, up to {len(index)} of 60 samples were not observed, as with drop_last; their value of the epoch "
            "before is used."
        )
        again = curv_issues.rejudge(result)
        np.testing.assert_array_equal(again.scores["suspicion"], result.scores["suspicion"])
        np.testing.assert_array_equal(again.scores["flagged"], result.scores["flagged"])

    def test_each_kind_is_warned_of_once(self) -> None:
        epochs = random_steps(4)
        for steps in epochs[:3]:
            steps.pop()
        epochs[2].append(epochs[2][0])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            watched(epochs)
        assert [str(warning.message).split(":")[0] for warning in caught] == [
            "curv_issues.Watch, epoch 1",
            "curv_issues.Watch, epoch 3",
            "curv_issues.Watch, epoch 3",
        ]
        assert caught[0].filename.endswith("watching.py")

    @pytest.mark.parametrize("most", [1, 10**9])
    def test_the_last_of_several_observations_counts(self, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pending, "MOST_LOGITS", most)
        epochs = random_steps(2)
        expected = watched(epochs).result(LABELS)
        index, logits, labels = epochs[1][3]
        epochs[1].insert(0, (index.repeat(2), torch.cat([logits + 1, logits * 2]), labels.repeat(2)))
        with pytest.warns(
            UserWarning, match="epoch 2: 14 observations were of samples already observed in that epoch; the last one"
        ):
            result = watched(epochs).result(LABELS)
        assert same_scores(result, expected)

    def test_samples_never_observed_are_left_out(self) -> None:
        epochs = [[(i[i != 5], x[i != 5], y[i != 5]) for i, x, y in steps] for steps in random_steps(2)]
        with pytest.warns(UserWarning, match="1 of 60 samples were not observed"):
            result = watched(epochs).result(LABELS)
        assert result.scores["row"].tolist() == [row for row in range(N) if row != 5]
        assert "1 sample was never observed and left out." in result.summary["notes"]
        assert not result.scores[list(result.score_names)].isna().any(axis=None)

    def test_nan_logits_do_not_count(self) -> None:
        epochs = random_steps(2)
        index, logits, _labels = epochs[1][0]
        logits[2] = torch.nan
        logits[4, 1] = torch.inf
        with pytest.warns(UserWarning, match="2 observations had NaN or infinite logits and do not count"):
            result = watched(epochs).result(LABELS)
        assert not result.scores[list(result.score_names)].isna().any(axis=None)
        assert np.isnan(result.trajectories["loss"][index[[2, 4]], 1]).all()

    def test_an_unfinished_epoch_does_not_count(self) -> None:
        epochs = random_steps(3)
        watch = watched(epochs[:2])
        watch.observe(*epochs[2][0])
        result = watch.result(LABELS)
        assert same_scores(result, watched(epochs[:2]).result(LABELS))
        assert result.summary["notes"][-1] == "Observations after the last end_epoch() do not count."
        for step in epochs[2][1:]:
            watch.observe(*step)
        watch.end_epoch()
        assert same_scores(watch.result(LABELS), watched(epochs).result(LABELS))


def step_with(**changes: Any) -> dict[str, Any]:
    index, logits, labels = random_steps(1)[0][0]
    return {"index": index, "logits": logits, "labels": labels, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"logits": torch.zeros(7, 4)},
            r"logits \(b, 3\) of floats .* got shapes \(7,\), \(7, 4\), \(7,\) of int64, float32, int64",
        ),
        ({"logits": torch.zeros(7, 3, dtype=torch.int64)}, "of int64, int64, int64"),
        ({"labels": torch.zeros(7, 3)}, "with mixed or smoothed labels, pass the given classes"),
        ({"index": torch.zeros(6, dtype=torch.int64)}, r"\(6,\)"),
        ({"index": torch.zeros(7, dtype=torch.bool)}, "of bool"),
        ({"logits": torch.tensor(0.0)}, r"\(\)"),
    ],
)
def test_wrong_shapes_and_types_are_refused_at_once(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Watch(N, K).observe(**step_with(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index": torch.arange(54, 61)}, r"The indices run from 0 to 60; expected 0 to 59 \(num_samples=60\)"),
        ({"index": torch.arange(-1, 6)}, "The indices run from -1 to 5; expected 0 to 59"),
        ({"labels": torch.arange(7)}, r"The labels run from 0 to 6; expected 0 to 2 \(num_classes=3\)"),
        ({"labels": torch.full((7,), -1)}, "The labels run from -1 to 0; expected 0 to 2"),
        (
            {"index": torch.arange(7) * 0, "labels": torch.arange(7) % 3},
            "4 observations in epoch 1 had another label than an earlier one",
        ),
    ],
)
def test_wrong_values_are_refused_at_the_end_of_the_epoch(changes: dict[str, Any], message: str) -> None:
    watch = Watch(N, K)
    watch.observe(**step_with(**changes))
    with pytest.raises(UsageError, match=message):
        watch.end_epoch()
    assert watch.epoch == 0


def test_an_index_of_the_shuffled_order_is_noticed() -> None:
    epochs = random_steps(2)
    watch = watched(epochs[:1])
    for (_, logits, labels), (index, _, _) in zip(epochs[1], epochs[0], strict=True):
        watch.observe(index, logits, labels)
    with pytest.raises(UsageError, match=r"observations in epoch 2 had another label than an earlier one of the same sample"):
        watch.end_epoch()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Watch(0, 3), "num_samples must be an integer >= 1, got 0"),
        (lambda: Watch(3, 1), "num_classes must be an integer >= 2, got 1"),
        (lambda: Watch(True, 3), "num_samples must be an integer >= 1, got True"),
        (lambda: Watch(9.0, 3), "num_samples must be an integer >= 1, got 9.0"),  # type: ignore[arg-type]
        (lambda: Watch(N, K).end_epoch(), "Nothing was observed in this epoch"),
        (lambda: Watch(N, K).result(LABELS), "No epoch is finished"),
        (lambda: Watch(N, K).score(small_network(), []), "call end_epoch\\(\\) before it"),
    ],
)
def test_wrong_calls_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


class TestState:
    @pytest.mark.parametrize("steps_before", [0, 4])
    def test_a_resumed_watch_gives_the_same_scores(self, steps_before: int) -> None:
        epochs = random_steps(4)
        features, labels, _ = blobs(wrong=0)

        def begin(watch: Watch) -> None:
            observe_all(watch, epochs[:2])
            watch.score(small_network(), loader_of(features, labels))
            for step in epochs[2][:steps_before]:
                watch.observe(*step)

        def finish(watch: Watch) -> AuditResult:
            for step in epochs[2][steps_before:]:
                watch.observe(*step)
            watch.end_epoch()
            observe_all(watch, epochs[3:])
            watch.score(small_network(), loader_of(features, labels))
            return watch.result(LABELS)

        whole, first, second = Watch(N, K), Watch(N, K), Watch(N, K)
        begin(whole)
        begin(first)
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        expected = finish(whole)
        assert same_scores(finish(second), expected)
        assert same_scores(finish(first), expected)  # the state shares no memory
        assert expected.score_names == second.result(LABELS).score_names
        assert second.result(LABELS).summary["notes"] == expected.summary["notes"]

    def test_checks_go_on(self) -> None:
        watch, other = Watch(N, K), Watch(N, K)
        watch.observe(**step_with(labels=torch.arange(7)))
        other.load_state_dict(watch.state_dict())
        with pytest.raises(UsageError, match="The labels run from 0 to 6"):
            other.end_epoch()

    def test_another_dataset_is_refused(self) -> None:
        with pytest.raises(UsageError, match="The state is of a Watch with num_samples=60, but this one has 61"):
            Watch(61, K).load_state_dict(watched(random_steps(1)).state_dict())
        with pytest.raises(UsageError, match="num_classes=3, but this one has 4"):
            Watch(N, 4).load_state_dict(watched(random_steps(1)).state_dict())


def test_nothing_waits_for_the_device_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MOST_LOGITS", 1)  # evaluate in every step
    watch = Watch(N, K)
    for name in ("item", "cpu", "tolist", "numpy", "__bool__", "__int__", "__float__", "nonzero"):
        monkeypatch.setattr(torch.Tensor, name, lambda *_: pytest.fail("waits for the device"))
    for step in random_steps(1)[0]:
        watch.observe(*step)
