"""Features of images: equal to the obvious computation, stored once, safe to kill; wrong backbones are refused."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from curv_issues import AuditError, AuditInterrupted, Backbone, DatasetError, UsageError, audit
from curv_issues.backbones import extract
from curv_issues.backbones.base import squashed
from curv_issues.backbones.extract import CHUNK, with_features
from curv_issues.backbones.feature_cache import cache_folder
from curv_issues.backbones.identity import identify
from curv_issues.data.image import UnreadableImageError
from curv_issues.progress import Progress
from tests.backbones.stand_ins import Strips, expected_features, photos

HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "has_bfloat16", lambda device: False)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CURV_ISSUES_CACHE", str(tmp_path))
    return tmp_path / "features"


def backbone(**more: Any) -> Backbone:
    return Backbone(Strips(**more), resolution=16, **HALF)


def doubled() -> nn.Module:
    """A network with the same weights, whose method was replaced."""
    network = Strips()
    network.forward = lambda images: 2 * Strips.forward(network, images)
    return network


def stored(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.features"))


def counted(network: nn.Module) -> tuple[nn.Module, list[int]]:
    """The network and the sizes of the batches it has seen, also those of its copies."""
    sizes: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return network, sizes


def test_features_are_those_of_native_images_averaged_over_the_mirror() -> None:
    data, own = photos(), backbone()
    found = with_features(data, own, device="cpu")
    wanted = expected_features(data, own.module, lambda image: squashed(image, 16, **HALF))
    assert found.features is not None
    assert found.features.dtype == np.float16
    np.testing.assert_allclose(found.features, wanted, atol=2e-2)
    assert found.images is data.images
    assert found.source.backbone == identify(own)
    assert found.inputs("features").shape == (6,)


def test_features_are_computed_once(cache: Path) -> None:
    data = photos()
    network, sizes = counted(Strips())
    own = Backbone(network, resolution=16, **HALF)
    first = with_features(data, own, device="cpu")
    assert len(stored(cache)) == 2
    assert first.source.notes == ()
    sizes.clear()
    events: list[Progress] = []
    again = with_features(data, own, device="cpu", progress=events.append)
    assert sizes == []
    np.testing.assert_array_equal(again.features, first.features)
    assert again.source.notes == (f"The features of 150 images were read from {cache_folder()}.",)
    assert [(event.stage, event.done, event.total) for event in events] == [("features", CHUNK, 150), ("features", 150, 150)]


def test_another_backbone_or_image_or_preprocessing_is_another_entry(cache: Path) -> None:
    data = photos(40)
    different = [
        backbone(),
        backbone(seed=1),
        backbone(scale=2.0),
        Backbone(doubled(), resolution=16, **HALF),
        replace(backbone(), resolution=12),
        replace(backbone(), mean=(0.4, 0.5, 0.5)),
        replace(backbone(), identity="version 2"),
    ]
    for own in different:
        with_features(data, own, device="cpu")
    with_features(data.take(np.arange(39)), different[0], device="cpu")
    assert len(stored(cache)) == len(different) + 1
    assert identify(backbone()) == identify(backbone())


def test_killed_extraction_goes_on_where_it_was(cache: Path) -> None:
    data = photos(CHUNK + 20)
    network, sizes = counted(Strips())
    own = Backbone(network, resolution=16, **HALF)

    def stop(event: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_features(data, own, device="cpu", progress=stop)
    assert len(stored(cache)) == 1
    sizes.clear()
    found = with_features(data, own, device="cpu")
    assert sizes[-1] == 40  # 20 images and their mirror images
    assert max(sizes) == 40
    assert found.source.notes[0].startswith(f"The features of {CHUNK} images")


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: content[:60] + b"?" + content[61:], lambda _: b""]
)
def test_damaged_chunk_is_computed_again(cache: Path, damage: Any) -> None:
    data, own = photos(30), backbone()
    first = with_features(data, own, device="cpu")
    (path,) = stored(cache)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    again = with_features(data, own, device="cpu")
    np.testing.assert_array_equal(again.features, first.features)
    assert path.read_bytes() == good
    assert again.source.notes == ()


def test_folder_that_cannot_be_written_gives_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CURV_ISSUES_CACHE", str(tmp_path / "file"))
    found = with_features(photos(30), backbone(), device="cpu")
    (note,) = found.source.notes
    assert note.startswith(f"The features could not be stored in {tmp_path / 'file' / 'features'} (")
    assert "CURV_ISSUES_CACHE" in note


def test_function_without_identity_is_not_stored(cache: Path) -> None:
    def means(images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))

    found = with_features(photos(30), means, device="cpu")
    assert stored(cache) == []
    assert "give it an identity" in found.source.notes[0]
    with_features(photos(30), Backbone(means, identity="means 1"), device="cpu")
    assert len(stored(cache)) == 1


def test_method_of_a_network_is_stored_under_its_weights(cache: Path) -> None:
    network = Strips()
    own = Backbone(network.forward, resolution=16, **HALF)
    found = with_features(photos(30), own, device="cpu")
    np.testing.assert_array_equal(found.features, with_features(photos(30), backbone(), device="cpu").features)
    assert len(stored(cache)) == 2


def test_attributes_of_a_callable_say_its_preprocessing() -> None:
    network = Strips()
    network.resolution, network.mean, network.std = 16, HALF["mean"], HALF["std"]
    found = with_features(photos(30), network, device="cpu")
    np.testing.assert_array_equal(found.features, with_features(photos(30), backbone(), device="cpu").features)


def test_network_is_copied_and_evaluated() -> None:
    network = nn.Sequential(Strips(), nn.BatchNorm1d(6), nn.Dropout(0.9))
    with_features(photos(30), Backbone(network, resolution=16), device="cpu")
    assert network.training
    assert network[1].num_batches_tracked == 0


def test_fixed_batch_size_is_filled_up() -> None:
    network, sizes = counted(Strips().eval())
    found = with_features(photos(30), Backbone(network, resolution=16, batch_size=7, **HALF), device="cpu")
    assert set(sizes) == {7}
    np.testing.assert_allclose(found.features, with_features(photos(30), backbone(), device="cpu").features, atol=2e-2)


def test_values_beyond_float16_are_clipped_with_a_note() -> None:
    found = with_features(photos(30), backbone(scale=1e8), device="cpu")
    assert found.features is not None
    assert np.isfinite(found.features).all()
    assert found.source.notes == ("Features of 30 images beyond 65,504, the range of float16, were clipped.",)


def test_nan_features_are_refused() -> None:
    with pytest.raises(
        AuditError, match=r"^The backbone Strips returned NaN or infinite features for 30 images of 30, first in row 0"
    ):
        with_features(photos(30), backbone(scale=float("nan")), device="cpu")


@pytest.mark.parametrize(
    ("module", "got"),
    [
        (lambda images: images, r"torch.float32 \(16, 3, 224, 224\) for 16 images"),
        (lambda images: images.mean((2, 3)).long(), r"torch.int64 \(16, 3\) for 16 images"),
        (lambda images: images.mean((2, 3))[:1], r"torch.float32 \(1, 3\) for 16 images"),
        (lambda images: {"features": images}, "dict for 16 images"),
    ],
)
def test_wrong_outputs_are_refused(module: Any, got: str) -> None:
    with pytest.raises(UsageError, match=rf"must return float features \(b, d\), got {got}\.$"):
        with_features(photos(8), module, device="cpu")


def test_errors_of_a_backbone_are_one_line() -> None:
    with pytest.raises(UsageError, match=r"^The backbone Conv1d cannot read images of shape \(16, 3, 32, 32\): .*\.$") as caught:
        with_features(photos(8), Backbone(nn.Conv1d(3, 4, 1), resolution=32), device="cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=r"must return tensors \(3, h, w\), got \(20, 20\)"):
        with_features(photos(8), Backbone(Strips(), preprocess=lambda image: torch.zeros(20, 20)), device="cpu")
    with pytest.raises(UsageError, match="The preprocessing of the backbone Strips failed: invalid literal"):
        with_features(photos(8), Backbone(Strips(), preprocess=lambda image: int("no")), device="cpu")
    sides = iter(range(8, 16))
    own = Backbone(Strips(), preprocess=lambda image: torch.zeros(3, 8, next(sides)))
    with pytest.raises(UsageError, match="returns tensors of different shapes"):
        with_features(photos(8), own, device="cpu")


@pytest.mark.parametrize("options", [{"resolution": 0}, {"resolution": True}, {"mean": (0.5,)}, {"std": (1, 1, 0)}])
def test_wrong_attributes_of_a_backbone_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Backbone(Strips(), **options)


def test_features_are_not_replaced_silently() -> None:
    data = with_features(photos(4), backbone(), device="cpu")
    with pytest.raises(UsageError, match="backbone and features do not go together"):
        with_features(data, backbone(), device="cpu")


def test_image_that_has_gone_is_reported() -> None:
    def gone(index: int) -> Any:
        raise UnreadableImageError("no such file")

    with pytest.raises(DatasetError, match=r"^The image in row 0 \(no path\) can no longer be read: no such file\.$"):
        with_features(replace(photos(8), open_image=gone), backbone(), device="cpu")


def test_bfloat16_is_used_only_if_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "has_bfloat16", lambda device: True)
    clock = {torch.float32: 3.0, torch.bfloat16: 2.0}
    chosen = []
    for _ in range(2):
        times = iter([0.0, clock[torch.float32], 10.0, 10.0 + clock[torch.bfloat16]])
        monkeypatch.setattr(extract.time, "perf_counter", lambda times=times: next(times))
        forward = extract._Forward(backbone(), torch.device("cpu"))
        forward(torch.zeros(2, 3, 16, 16))
        chosen.append(forward.dtype)
        clock[torch.bfloat16] = 4.0
    assert chosen == [torch.bfloat16, torch.float32]


def test_cache_folder_of_each_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CURV_ISSUES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "curv-issues" / "features"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "curv-issues" / "features"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", os.path.join(tmp_path, "local"))
    assert cache_folder() == tmp_path / "local" / "curv-issues" / "features"


def test_audit_with_a_backbone() -> None:
    data, events = photos(), []
    result = audit(data, backbone=backbone(), epochs=3, device="cpu", progress=events.append)
    dataset = result.summary["dataset"]
    assert (dataset["num_features"], dataset["resolution"]) == (6, 8)
    assert re.match(r"Strips \(torch .*, weights .*, 16 px, ", dataset["backbone"])
    assert result.summary["options"]["backbone"] == "Strips"
    assert list(result.summary["seconds"])[:3] == ["load", "features", "score"] or "features" in result.summary["seconds"]
    assert "features" in {event.stage for event in events}
    assert result.contact_sheet is not None
    assert result.summary["duplicates"] is not None


def test_duplicates_are_searched_for_on_pixels() -> None:
    data = photos()
    assert data.images is not None
    data.images[3] = data.images[2]
    data.image_sha256[3] = data.image_sha256[2]
    found = audit(data, backbone=backbone(), epochs=2, device="cpu", progress=False)
    assert set(found.tables["pairs"]["test"]) <= {"identical pixels", "near"}
    assert "identical pixels" in set(found.tables["pairs"]["test"])


def test_ctrl_c_while_features_are_computed() -> None:
    def stop(event: Progress) -> None:
        if event.stage == "features":
            raise KeyboardInterrupt

    with pytest.raises(AuditInterrupted) as caught:
        audit(photos(), backbone=backbone(), epochs=2, device="cpu", progress=stop)
    assert caught.value.result is None
