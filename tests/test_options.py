from __future__ import annotations

import dataclasses
import math
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from curv_issues.bench.methods import parse_methods
from curv_issues.errors import UsageError
from curv_issues.option import list_options, option_names
from curv_issues.options import (
    AUTO,
    DuplicateOptions,
    FindingOptions,
    TrainingOptions,
    parse_cut_off,
)
from curv_issues.probes import PROBES
from curv_issues.trackers import ALL_SCORES, SCORES

WHOLE = {
    "epochs": (0, 10_000),
    "batch_size": (2, 1_000_000),
    "curvature_epochs": (1, 10_000),
    "num_matvecs": (1, 1_000),
    "shift": (0, 512),
    "resolution": (8, 512),
}


def training(**options: Any) -> TrainingOptions:
    return TrainingOptions(**options)


def test_defaults_and_names() -> None:
    assert TrainingOptions().seed == 0
    assert FindingOptions() == FindingOptions(score="default", cut_off="auto")
    assert option_names(FindingOptions) == ("score", "cut_off", "precision")
    assert option_names(TrainingOptions)[:4] == ("seed", "device", "preset", "probe")


ON_DEMAND = [name for name, info in SCORES.items() if info.on_demand]


def test_scores_on_demand_are_measured_only_if_requested() -> None:
    assert training().score_names == tuple(name for name in SCORES if name not in ON_DEMAND)
    assert training(measure="all").score_names == tuple(SCORES)
    one = training(measure=["margin", ON_DEMAND[1], ON_DEMAND[1]])
    assert one.measure == (ON_DEMAND[1],)
    assert set(one.score_names) - set(training().score_names) == {ON_DEMAND[1]}
    assert one.with_score(ON_DEMAND[0]).measure == tuple(ON_DEMAND[:2])
    assert one.with_score("default") == one.with_score("margin") == one


@pytest.mark.parametrize("value", ["margin", 3, None, [3], {"margin"}])
def test_invalid_scores_to_measure_are_refused(value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        training(measure=value)
    assert str(caught.value) == f"measure must be 'all' or a list of score names, got {value!r}."
    with pytest.raises(UsageError, match="Unknown score 'none'; choose one of: input_curvature, "):
        training(measure=["none"])


def test_options_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingOptions().seed = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        FindingOptions().score = "margin"  # type: ignore[misc]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [-1, 2.0, 1.5, "3", True, [1], math.nan, np.bool_(True)])
def test_invalid_integers_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        training(**{name: value})
    least, most = WHOLE[name]
    assert str(caught.value) == f"{name} must be an integer from {least} to {most}, got {value!r}."


@pytest.mark.parametrize("name", WHOLE)
def test_bounds_of_integers(name: str) -> None:
    least, most = WHOLE[name]
    network = {"probe": nn.Linear(2, 2)} if name == "epochs" else {}  # with 0 epochs, a user-supplied network is scored
    assert getattr(training(**{name: least}, **network), name) == least
    assert getattr(training(**{name: most}), name) == most
    assert getattr(training(**{name: None}), name) is None
    for value in (least - 1, most + 1, 10**30):
        with pytest.raises(UsageError, match=f"{name} must be an integer from {least} to {most}, got {value}"):
            training(**{name: value})


@pytest.mark.parametrize("value", [-1, 2**32, True, None, 0.0, "0"])
def test_seed_bounds(value: Any) -> None:
    with pytest.raises(UsageError, match=f"seed must be an integer from 0 to 4294967295, got {value!r}"):
        TrainingOptions(seed=value)
    assert TrainingOptions(seed=2**32 - 1).seed == 2**32 - 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_numpy_integers_are_accepted(dtype: type[np.integer]) -> None:
    options = training(seed=dtype(5), epochs=dtype(2), shift=dtype(0), resolution=dtype(32))
    assert (options.seed, options.epochs, options.shift, options.resolution) == (5, 2, 0, 32)
    assert all(type(value) is int for value in (options.seed, options.epochs, options.shift, options.resolution))


@pytest.mark.parametrize(("name", "bound"), [("learning_rate", ">"), ("step", ">"), ("weight_decay", ">=")])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "0.1", True, 1j, 1e308, 10**400])
def test_invalid_numbers_are_refused(name: str, bound: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        training(**{name: value})
    assert str(caught.value) == f"{name} must be a number {bound} 0 and <= 1e+30, got {value!r}."


def test_valid_numbers() -> None:
    given: dict[str, Any] = {"learning_rate": np.float32(0.5), "weight_decay": 0, "step": Fraction(1, 4)}
    options = TrainingOptions(**given)
    assert (options.learning_rate, options.weight_decay, options.step) == (0.5, 0.0, 0.25)
    assert all(type(value) is float for value in (options.learning_rate, options.weight_decay, options.step))
    for name in ("learning_rate", "step"):
        with pytest.raises(UsageError, match=rf"{name} must be a number > 0 and <= 1e\+30, got 0"):
            training(**{name: 0})
    with pytest.raises(UsageError, match=r"step must be a number > 0 and <= 1e\+30, got None"):
        TrainingOptions(step=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": 0}, "device must be a string such as 'auto', 'cpu' or 'cuda:0', got 0."),
        ({"preset": "fast"}, "Unknown preset 'fast'; choose one of: quick, standard, thorough."),
        ({"preset": 1}, "preset must be one of quick, standard, thorough, got 1."),
        ({"probe": "vgg"}, f"Unknown probe 'vgg'; choose one of: auto, {', '.join(PROBES)}."),
        ({"probe": 3}, "probe must be a name, an nn.Module or a function that returns one, got 3."),
        ({"flip": 1}, "flip must be True, False or None (from the data), got 1."),
        ({"form": "cubed"}, "Unknown form 'cubed'; choose one of: squared, norm."),
    ],
)
def test_other_invalid_training_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainingOptions(**options)
    assert str(caught.value) == message


def test_user_supplied_probes_are_accepted() -> None:
    network = nn.Linear(2, 2)
    assert TrainingOptions(probe=network).probe is network
    assert TrainingOptions(probe=len).probe is len


@pytest.mark.parametrize("name", ["default", *ALL_SCORES])
def test_every_score_can_rank(name: str) -> None:
    assert FindingOptions(score=name).score == name


def test_curvature_is_short_for_input_curvature() -> None:
    assert FindingOptions(score="curvature") == FindingOptions(score="input_curvature")
    assert FindingOptions(score="curvature", own_scores=["curvature"]).score == "curvature"  # a tracker of that name
    assert training(measure=["curvature", ON_DEMAND[0]]).measure == (ON_DEMAND[0],)
    assert parse_methods("curvature", num_samples=9, with_features=False) == parse_methods(
        "input_curvature", num_samples=9, with_features=False
    )


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("loss", f"Unknown score 'loss'; choose one of: default, {', '.join(ALL_SCORES)}."),
        (3, "score must be the name of a score, got 3."),
    ],
)
def test_unknown_scores_are_refused(score: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        FindingOptions(score=score)
    assert str(caught.value) == message


@given(st.floats(0, 1))
@example(0.0)
@example(1.0)
def test_a_number_is_a_suspicion(value: float) -> None:
    assert parse_cut_off(value) == ("suspicion", value)
    assert parse_cut_off(np.float64(value)) == ("suspicion", value)
    assert parse_cut_off(f" {value!r} ") == ("suspicion", value)


@given(st.floats(0, 100))
@example(100.0)
def test_a_percentage_is_a_fraction(value: float) -> None:
    kind, fraction = parse_cut_off(f"{value!r}%")
    assert kind == "fraction"
    assert fraction == pytest.approx(value / 100)
    assert parse_cut_off(f" {value!r} % ") == (kind, fraction)


def test_auto_and_integers() -> None:
    assert parse_cut_off("auto") == ("auto", 0.0)
    assert parse_cut_off(0) == ("suspicion", 0.0)
    assert parse_cut_off("1") == ("suspicion", 1.0)
    assert parse_cut_off("5%") == ("fraction", 0.05)


@given(
    st.floats(max_value=-1e-9)
    | st.floats(min_value=1.0000001)
    | st.floats(min_value=100.0001).map(lambda value: f"{value}%")
    | st.floats(max_value=-1e-9).map(lambda value: f"{value}%")
    | st.text().filter(lambda text: not any(c.isdigit() for c in text) and text != "auto")
    | st.none()
    | st.booleans()
    | st.lists(st.integers())
)
@example("1.5")
@example("-0.1")
@example("150%")
@example("-5%")
@example("nan")
@example("inf%")
@example("")
@example("%")
@example("5 percent")
@example("5%%")
@example(math.nan)
@example(10**400)
@example(1j)
def test_other_cut_offs_are_refused_with_one_line(cut_off: Any) -> None:
    for use in (parse_cut_off, lambda value: FindingOptions(cut_off=value)):
        with pytest.raises(UsageError) as caught:
            use(cut_off)
        assert str(caught.value) == (
            f"cut_off must be 'auto', a suspicion from 0 to 1 such as 0.95, or a fraction such as '5%', got {cut_off!r}."
        )


def test_cut_off_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    monkeypatch.setattr("curv_issues.options.parse_cut_off", lambda value: parsed.append(value) or parse_cut_off(value))
    options = FindingOptions(cut_off="5%")
    assert options.parsed_cut_off == options.parsed_cut_off == ("fraction", 0.05)
    assert parsed == ["5%"]
    assert dataclasses.replace(options, cut_off="auto").parsed_cut_off == AUTO
    assert asdict(options) == {"score": "default", "cut_off": "5%", "precision": None}


def test_user_supplied_score_can_rank() -> None:
    options = FindingOptions(score="mine", own_scores=["mine"])
    assert asdict(options) == {"score": "mine", "cut_off": "auto", "precision": None}


def test_duplicate_options() -> None:
    assert (DuplicateOptions().duplicates, DuplicateOptions().duplicate_threshold) == (True, None)
    assert DuplicateOptions(duplicate_threshold=np.float32(0.5)).duplicate_threshold == 0.5
    for threshold in (0, -0.1, 1.01, float("nan"), "0.9", True):
        with pytest.raises(UsageError, match="duplicate_threshold must be "):
            DuplicateOptions(duplicate_threshold=threshold)
    with pytest.raises(UsageError, match="duplicates must be True or False, got 1"):
        DuplicateOptions(duplicates=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("group", [TrainingOptions, FindingOptions, DuplicateOptions])
def test_every_option_is_documented_with_its_range(group: type) -> None:
    documented = group.__doc__ or ""
    assert [info.name for info in list_options(group) if f"\n    {info.name}: {info.help}" not in documented] == []
    assert all(info.help.endswith(".") for info in list_options(group))
    assert documented.index("Attributes:") < documented.index("Raises:")
    if group is TrainingOptions:
        assert "default: from the dataset size. 0 to 10,000." in documented.lower()
