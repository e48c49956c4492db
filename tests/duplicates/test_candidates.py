from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from curv_issues.duplicates import candidates as module
from curv_issues.duplicates.candidates import COMPONENTS, Candidates, axes_of_light, candidates_between, candidates_within, whiten
from curv_issues.duplicates.descriptor import describe
from curv_issues.inputs.images import as_pixels
from tests.duplicates.images import brighter, canvases, cut, recompressed, rows_of, textured
from tests.small import CPU

FAR, NEIGHBOURS = 5, 10  # as the docstrings say


def all_of(images: Tensor) -> Tensor:
    return torch.arange(len(images))


def ranked(queries: Tensor, gallery: Tensor, *, itself: bool) -> list[list[int]]:
    """Return the ten best rows of each query, in order."""
    products = (queries.double() @ gallery.double().T).numpy()
    return [[j for j in np.argsort(-row, kind="stable").tolist() if not (itself and i == j)][:10] for i, row in enumerate(products)]


def found_by(
    searches: list[tuple[list[list[int]], bool]], *, symmetric: bool, reverse: int = 0
) -> dict[tuple[int, int, bool], int]:
    """(first, second, mirrored) -> the best rank in any search; the last `reverse` searches are from second to first."""
    best: dict[tuple[int, int, bool], int] = {}
    for number, (rows, mirrored) in enumerate(searches):
        is_reverse = number >= len(searches) - reverse
        for i, row in enumerate(rows):
            for rank, j in enumerate(row):
                key = (min(i, j), max(i, j), mirrored) if symmetric else (j, i, mirrored) if is_reverse else (i, j, mirrored)
                best[key] = min(rank, best.get(key, 99))
    return best


def check(found: Candidates, expected: dict[tuple[int, int, bool], int]) -> None:
    keys = [(*pair, mirrored) for pair, mirrored in zip(found.pairs.tolist(), found.mirrored.tolist(), strict=True)]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(expected)
    assert dict(zip(keys, found.far.tolist(), strict=True)) == {key: rank >= FAR for key, rank in expected.items()}
    assert (found.pairs.dtype, found.mirrored.dtype, found.far.dtype) == (torch.int64, torch.bool, torch.bool)


@pytest.mark.parametrize("n", [2, 5, 40])
def test_within_matches_the_reference(n: int) -> None:
    images = as_pixels(textured(n))
    plain, mirrored = describe(images, all_of(images), device=CPU)
    searches = [(ranked(plain, plain, itself=True), False), (ranked(plain, mirrored, itself=True), True)]
    found = candidates_within(images, all_of(images), None, device=CPU)
    check(found, found_by(searches, symmetric=True))
    assert (found.pairs[:, 0] < found.pairs[:, 1]).all()
    assert found.far.any() == (n == 40)


def test_features_add_a_search() -> None:
    images, features = as_pixels(textured(40)), rows_of(40, 12)
    plain, mirrored = describe(images, all_of(images), device=CPU)
    white = whiten(features)
    searches = [
        (ranked(plain, plain, itself=True), False),
        (ranked(plain, mirrored, itself=True), True),
        (ranked(white, white, itself=True), False),
    ]
    found = candidates_within(images, all_of(images), features, device=CPU)
    expected = found_by(searches, symmetric=True)
    for i, j, _ in found_by(searches[2:], symmetric=True):  # both orientations are tried, and are not background
        expected[i, j, True] = 0
    check(found, expected)
    assert len(found.pairs) > len(candidates_within(images, all_of(images), None, device=CPU).pairs)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 30), (30, 3), (25, 30)])
def test_between_matches_the_reference(n: int, m: int) -> None:
    images, others = as_pixels(textured(n)), as_pixels(textured(m, seed=1))
    plain, _ = describe(images, all_of(images), device=CPU)
    plain_2, mirrored_2 = describe(others, all_of(others), device=CPU)
    searches = [(ranked(plain, plain_2, itself=False), False), (ranked(plain, mirrored_2, itself=False), True)]
    searches += [(ranked(plain_2, plain, itself=False), False), (ranked(mirrored_2, plain, itself=False), True)]
    found = candidates_between(images, all_of(images), others, all_of(others), device=CPU)
    check(found, found_by(searches, symmetric=False, reverse=2))


def test_every_planted_copy_is_found() -> None:
    canvas = canvases(120)
    originals = cut(canvas)
    copies = np.concatenate(
        [
            originals[:10],
            brighter(originals[10:20]),
            cut(canvas[20:30], 2, -2),
            np.stack([recompressed(image) for image in originals[30:40]]),
            originals[40:50, :, ::-1],
        ]
    )
    planted = [(i, 120 + i, i >= 40) for i in range(50)]
    images = as_pixels(np.concatenate([originals, copies]))
    found = candidates_within(images, all_of(images), None, device=CPU)
    near = {(*pair, flip) for pair, flip, far, _ in zip(*(part.tolist() for part in found), strict=True) if not far}
    assert near >= set(planted)
    assert len(found.pairs) <= 2 * NEIGHBOURS * len(images)

    between = candidates_between(images, torch.arange(120), images, torch.arange(120, 170), device=CPU)
    near = {(*pair, flip) for pair, flip, far, _ in zip(*(part.tolist() for part in between), strict=True) if not far}
    assert near >= {(first, second - 120, flip) for first, second, flip in planted}


def test_features_add_pairs_that_descriptors_miss() -> None:
    images = as_pixels(textured(60))
    features = rows_of(60, 20)
    before = candidates_within(images, all_of(images), None, device=CPU)
    pair = next([i, j] for i in range(60) for j in range(i + 1, 60) if [i, j] not in before.pairs.tolist())
    features[pair[1]] = features[pair[0]]
    found = candidates_within(images, all_of(images), features, device=CPU)
    places = (found.pairs == torch.tensor(pair)).all(1).nonzero().flatten()
    assert found.mirrored[places].tolist() == [False, True]
    assert not found.far[places].any()


def test_pairs_are_positions_in_the_index() -> None:
    images = as_pixels(textured(30))
    index = torch.tensor([29, 3, 4, 17, 8, 9, 20, 11, 2, 0, 25, 26])
    found = candidates_within(images, index, None, device=CPU)
    expected = candidates_within(images[index], torch.arange(12), None, device=CPU)
    for part, other in zip(found, expected, strict=True):
        assert torch.equal(part, other)


def test_axes_of_light_ignore_colour() -> None:
    images = textured(80)
    grey = np.repeat(np.round(images @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=3).astype(np.uint8)
    described, of_grey = (describe(as_pixels(each), torch.arange(80), device=CPU)[0] for each in (images, grey))
    axes = axes_of_light(described)
    assert axes.shape == (54, 7)
    torch.testing.assert_close(axes.T @ axes, torch.eye(7), atol=1e-5, rtol=0)
    assert not torch.allclose(described, of_grey, atol=0.05)
    keys, keys_of_grey = (functional.normalize(each @ axes, dim=1) for each in (described, of_grey))
    torch.testing.assert_close(keys, keys_of_grey, atol=0.05, rtol=0)


@pytest.mark.parametrize("n", [0, 1])
def test_one_image_has_no_candidates(n: int) -> None:
    images = as_pixels(textured(3))
    found = candidates_within(images, torch.arange(n), rows_of(n, 4) if n else None, device=CPU)
    assert [len(part) for part in found] == [0, 0, 0, 0]
    assert found.pairs.shape == (0, 2)
    assert candidates_between(images, torch.arange(3), images, torch.arange(0), device=CPU).pairs.shape == (0, 2)
    assert candidates_between(images, torch.arange(0), images, torch.arange(3), device=CPU).pairs.shape == (0, 2)


class TestWhiten:
    @pytest.mark.parametrize("scale", [0.001, 1, 1000])
    def test_axes_without_variance_are_left_out_at_any_scale(self, scale: float) -> None:
        features = rows_of(200, 4).repeat(1, 2) * scale  # eight columns along four axes
        assert whiten(features).shape == (200, 4)

    def test_axes_have_unit_covariance(self, monkeypatch: pytest.MonkeyPatch) -> None:
        features = rows_of(500, 10) @ rows_of(10, 10, seed=1) * 20 + 300
        monkeypatch.setattr(module, "functional", type("Unscaled", (), {"normalize": staticmethod(lambda rows, dim: rows)}))
        white = whiten(features)
        torch.testing.assert_close(white.T @ white / 500, torch.eye(10), atol=1e-3, rtol=0)
        torch.testing.assert_close(white.mean(0), torch.zeros(10), atol=1e-3, rtol=0)

    @pytest.mark.parametrize(("n", "d"), [(300, 12), (40, 90), (200, 100)])
    def test_matches_the_reference(self, n: int, d: int) -> None:
        features = rows_of(n, d) * torch.linspace(0.5, 3, d) + 5
        centred = (features - features.mean(0)).double().numpy()
        axes, strength, _ = np.linalg.svd(centred, full_matrices=False)
        axes = axes[:, strength > 1e-3][:, :COMPONENTS]
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        white = whiten(features).numpy()
        np.testing.assert_allclose(white @ white.T, axes @ axes.T, atol=1e-3)  # the same up to signs of the axes
        assert white.shape[1] <= COMPONENTS

    @given(n=st.integers(1, 30), d=st.integers(1, 100), constant=st.integers(0, 100), seed=st.integers(0, 5))
    def test_rows_have_unit_length_or_are_zero(self, n: int, d: int, constant: int, seed: int) -> None:
        features = rows_of(n, d, seed=seed)
        features[:, :constant] = 2.5
        white = whiten(features)
        assert (len(white), white.dtype) == (n, torch.float32)
        assert white.isfinite().all()
        assert white.shape[1] <= min(d, COMPONENTS)
        length = white.norm(dim=1)
        assert ((length - 1).abs() < 1e-4).logical_or(length == 0).all()

    @pytest.mark.parametrize(("n", "value"), [(50, 7.0), (5000, 1000.1), (5000, 12345.6)])
    def test_constant_feature_adds_nothing(self, n: int, value: float) -> None:
        features = rows_of(n, 8)
        white, expected = whiten(torch.cat([features, torch.full((n, 3), value)], dim=1)), whiten(features)
        assert white.shape == expected.shape
        torch.testing.assert_close(white[:50] @ white[:50].T, expected[:50] @ expected[:50].T, atol=1e-4, rtol=0)

    @pytest.mark.parametrize("seed", range(20))
    def test_units_that_are_always_zero_add_nothing(self, seed: int) -> None:
        """LAPACK does not converge on most of these in float32."""
        features = (rows_of(60, 29, seed=seed) @ rows_of(29, 256, seed=seed + 100)).relu()
        dead = torch.rand(256, generator=torch.Generator().manual_seed(seed)) < 0.85
        features[:, dead] = 0
        white, expected = whiten(features), whiten(features[:, ~dead])
        torch.testing.assert_close(white @ white.T, expected @ expected.T, atol=1e-3, rtol=0)

    def test_scale_and_offset_of_features_do_not_matter(self) -> None:
        features = rows_of(200, 8)
        other = features @ rows_of(8, 8, seed=3) * 100 - 40
        white, expected = whiten(other), whiten(features)
        torch.testing.assert_close(white @ white.T, expected @ expected.T, atol=5e-3, rtol=0)

    def test_half_precision_is_computed_in_float32(self) -> None:
        features = (rows_of(300, 20) * 5000).half()  # squares of it are beyond float16
        white = whiten(features)
        assert white.dtype == torch.float32
        torch.testing.assert_close(white, whiten(features.float()))
        assert (functional.cosine_similarity(white[:1], white[1:]).abs() < 0.95).all()

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
    def test_identical_features_do_not_fail(self, value: float) -> None:
        images = as_pixels(textured(20))
        features = torch.full((20, 6), value)
        assert whiten(features).isfinite().all()
        found = candidates_within(images, all_of(images), features, device=CPU)
        without = candidates_within(images, all_of(images), None, device=CPU)
        keys = [
            {(*pair, flip) for pair, flip in zip(each.pairs.tolist(), each.mirrored.tolist(), strict=True)}
            for each in (found, without)
        ]
        assert keys[0] >= keys[1]
