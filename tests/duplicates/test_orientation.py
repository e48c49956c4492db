from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from curv_issues.duplicates import search
from curv_issues.duplicates.alignment import Details, coarse_similarity, quick_similarity, similarity
from curv_issues.duplicates.candidates import candidates_between, candidates_within, whiten
from curv_issues.duplicates.descriptor import describe, describe_oriented
from curv_issues.duplicates.orientation import TURNED, codes_of, degrees_clockwise, inverse, oriented, oriented_each
from curv_issues.duplicates.search import compare_between, compare_pairs, compare_within
from curv_issues.inputs.images import as_pixels
from tests.duplicates.images import brighter, enlarged_crop, textured
from tests.duplicates.test_search import data_of
from tests.small import CPU

ALL = tuple(itertools.product((False, True), range(4)))
ORIGINALS = textured(100, seed=4)


def turned(image: np.ndarray, code: int) -> np.ndarray:
    """Mirror and turn an image with Pillow, whose angles are counterclockwise."""
    plain = Image.fromarray(image)
    if code % 2:
        plain = plain.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(plain.rotate(90 * (code // 2)))


def code_of(mirrored: bool, turns: int) -> int:
    return 2 * turns + mirrored


@pytest.mark.parametrize(("mirrored", "turns"), ALL)
def test_orientations_are_those_of_pillow(mirrored: bool, turns: int) -> None:
    expected = turned(ORIGINALS[0], code_of(mirrored, turns))
    found = oriented(torch.from_numpy(ORIGINALS[0]).permute(2, 0, 1), mirrored=mirrored, turns=turns)
    np.testing.assert_array_equal(found.permute(1, 2, 0), expected)


def test_each_image_gets_its_own_orientation() -> None:
    images = torch.rand(9, 5, 5, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    mirrored, turns = torch.tensor([code for code, _ in ALL] + [False]), torch.tensor([turns for _, turns in ALL] + [0])
    found = oriented_each(images, mirrored, turns)
    expected = [oriented(image, mirrored=bool(m), turns=int(t)) for image, m, t in zip(images, mirrored, turns, strict=True)]
    assert torch.equal(found, torch.stack(expected))
    assert torch.equal(images, before)


@pytest.mark.parametrize("code", range(8))
def test_the_inverse_undoes_an_orientation(code: int) -> None:
    np.testing.assert_array_equal(turned(turned(ORIGINALS[0], code), inverse(code)), ORIGINALS[0])
    assert 0 <= inverse(code) < 8


def test_the_searched_orientations_are_complete() -> None:
    """With the plain and the mirrored one, they and their inverses are all eight."""
    codes = {code_of(*entry) for entry in TURNED}
    assert len(codes) == len(TURNED) == 5
    assert codes | {inverse(code) for code in codes} | {0, 1} == set(range(8))


def test_codes_and_degrees() -> None:
    mirrored, turns = np.array([False, True, False, True]), np.array([0, 0, 1, 3])
    assert codes_of(mirrored, turns).tolist() == [0, 1, 2, 7]
    assert [degrees_clockwise(code) for code in (0, 1, 2, 3, 4, 6, 7)] == [0, 0, 270, 270, 180, 90, 90]
    clockwise = Image.fromarray(ORIGINALS[0]).rotate(-degrees_clockwise(2))
    np.testing.assert_array_equal(np.asarray(clockwise), turned(ORIGINALS[0], 2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("mirrored", "turns"), ALL)
def test_descriptors_of_turned_images(mirrored: bool, turns: int, channels: int) -> None:
    images = textured(6, channels=channels)
    shown = np.stack([turned(image[..., 0] if channels == 1 else image, code_of(mirrored, turns)) for image in images])
    index = torch.arange(6)
    expected, _ = describe(as_pixels(shown.reshape(images.shape)), index, device=CPU)
    plain, flipped = describe(as_pixels(images), index, device=CPU)
    found = describe_oriented(plain, mirrored=mirrored, turns=turns)
    torch.testing.assert_close(found, expected)
    if (mirrored, turns) == (True, 0):
        torch.testing.assert_close(found, flipped)


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize("measure", [coarse_similarity, quick_similarity, similarity])
def test_turned_images_match_in_their_orientation_only(measure: object, side: int) -> None:
    images = textured(8, side=side)
    shown = np.stack([turned(image, code) for code, image in enumerate(images)])
    one, other = (Details(as_pixels(each), torch.arange(8), device=CPU) for each in (images, shown))
    pairs = torch.arange(8)[:, None].repeat(1, 2)
    for shift in range(8):
        codes = torch.tensor([(inverse(code) + shift) % 8 for code in range(8)])
        values = measure(one, other, pairs, mirrored=codes % 2 == 1, turns=codes // 2)  # type: ignore[operator]
        assert values.min() > 0.95 if shift == 0 else values.max() < 0.75
    assert torch.equal(
        measure(one, other, pairs, mirrored=torch.zeros(8, dtype=torch.bool)),  # type: ignore[operator]
        measure(one, other, pairs, mirrored=torch.zeros(8, dtype=torch.bool), turns=torch.zeros(8, dtype=torch.int64)),  # type: ignore[operator]
    )


def planted() -> tuple[np.ndarray, dict[tuple[int, int], int]]:
    """60 images, in random order with 16 turned copies; and pair -> the orientation of the second that matches the first."""
    copies = np.stack([brighter(turned(ORIGINALS[code], code % 8)) for code in range(16)])
    order = np.random.default_rng(0).permutation(76)
    place = np.argsort(order)
    expected = {}
    for code in range(16):
        original, copy = int(place[code]), int(place[60 + code])
        expected[min(original, copy), max(original, copy)] = code % 8 if copy < original else inverse(code % 8)
    return np.concatenate([ORIGINALS[:60], copies])[order], expected


class TestWithin:
    def test_all_turned_copies_are_found_and_nothing_else(self) -> None:
        images, expected = planted()
        same = compare_within(data_of(images), turned=True, device="cpu").same()
        codes = codes_of(same.mirrored, same.turns).tolist()
        assert dict(zip(zip(same.first.tolist(), same.second.tolist(), strict=True), codes, strict=True)) == expected
        assert (same.first < same.second).all()

    def test_they_are_not_found_unless_asked_for(self) -> None:
        images, expected = planted()
        same = compare_within(data_of(images), device="cpu").same()
        upright = {pair for pair, code in expected.items() if code in (0, 1)}
        assert set(zip(same.first.tolist(), same.second.tolist(), strict=True)) == upright
        assert not same.turns.any()

    def test_candidates_are_the_nearest_in_each_orientation(self) -> None:
        images, n = as_pixels(ORIGINALS[:25]), 25
        found = candidates_within(images, torch.arange(n), None, device=CPU, turned=True)
        plain, _ = describe(images, torch.arange(n), device=CPU)
        expected: dict[tuple[int, int, int], int] = {}
        for mirrored, turns in ((False, 0), (True, 0), *TURNED):
            queries = describe_oriented(plain, mirrored=mirrored, turns=turns)
            for query, row in enumerate((queries @ plain.T).numpy()):
                near = [other for other in np.argsort(-row, kind="stable").tolist() if other != query][:10]
                for rank, other in enumerate(near):
                    code = code_of(mirrored, turns)
                    key = (other, query, code) if other < query else (query, other, inverse(code))
                    expected[key] = min(rank, expected.get(key, 99))
        codes = (2 * found.turns + found.mirrored).tolist()
        keys = [(*pair, code) for pair, code in zip(found.pairs.tolist(), codes, strict=True)]
        assert len(keys) == len(set(keys))
        assert dict(zip(keys, found.far.tolist(), strict=True)) == {key: rank >= 5 for key, rank in expected.items()}

    def test_features_are_tried_in_all_orientations(self) -> None:
        features = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
        found = candidates_within(as_pixels(ORIGINALS[:30]), torch.arange(30), features, device=CPU, turned=True)
        white = whiten(features)
        order = (white @ white.T).fill_diagonal_(-2).argsort(dim=1, descending=True)[:, :10]
        expected = {(min(i, j), max(i, j)) for i, row in enumerate(order.tolist()) for j in row}
        for code in range(1, 8):
            chosen = ((2 * found.turns + found.mirrored) == code) & ~found.far
            assert set(map(tuple, found.pairs[chosen].tolist())) >= expected

    def test_turned_copies_of_a_cropped_image(self) -> None:
        images = np.concatenate([ORIGINALS[:20], turned(enlarged_crop(ORIGINALS[3], 1, 2, 28, 28), 5)[None]])
        same = compare_within(data_of(images), turned=True, device="cpu").same()
        assert list(zip(same.first, same.second, same.mirrored, same.turns, strict=True)) == [(3, 20, True, 2)]


class TestBetween:
    @pytest.mark.parametrize("swapped", [False, True])
    def test_all_turned_copies_are_found_and_nothing_else(self, swapped: bool) -> None:
        copies = np.stack([turned(ORIGINALS[code], code) for code in range(8)])
        one, other = data_of(ORIGINALS[:40]), data_of(np.concatenate([ORIGINALS[60:], copies]))
        first, second = (other, one) if swapped else (one, other)
        same = compare_between(first, second, turned=True, device="cpu").same()
        codes = codes_of(same.mirrored, same.turns).tolist()
        found = dict(zip(zip(same.first.tolist(), same.second.tolist(), strict=True), codes, strict=True))
        if swapped:
            assert found == {(40 + code, code): code for code in range(8)}
        else:
            assert found == {(code, 40 + code): inverse(code) for code in range(8)}
        plain = compare_between(first, second, device="cpu").same()
        assert len(plain) == 2
        assert not plain.turns.any()

    def test_candidates_are_searched_from_the_first_set(self) -> None:
        images, others = as_pixels(ORIGINALS[:5]), as_pixels(ORIGINALS[40:80])
        found = candidates_between(images, torch.arange(5), others, torch.arange(40), device=CPU, turned=True)
        for code in range(2, 8):
            chosen = (2 * found.turns + found.mirrored) == code
            assert torch.bincount(found.pairs[chosen, 0], minlength=5).tolist() == [10] * 5


class TestPairs:
    def test_pairs_are_compared_in_their_best_orientation_and_order(self) -> None:
        images = np.concatenate([ORIGINALS[:10], [turned(ORIGINALS[2], 3), turned(ORIGINALS[5], 6), ORIGINALS[7][:, ::-1]]])
        pairs = np.array([[10, 2], [5, 11], [11, 5], [7, 12], [0, 1]])
        found = compare_pairs(data_of(images), pairs, turned=True, device="cpu")
        assert np.stack([found.first, found.second], 1).tolist() == pairs.tolist()
        assert codes_of(found.mirrored, found.turns).tolist()[:4] == [3, inverse(6), 6, 1]
        assert (found.similarity[:4] > 0.99).all()
        assert found.similarity[4] < 0.7
        plain = compare_pairs(data_of(images), pairs, device="cpu")
        assert (plain.similarity > 0.9).tolist() == [False, False, False, True, False]
        assert not plain.turns.any()

    def test_crops_are_aligned(self) -> None:
        images = np.stack([ORIGINALS[0], enlarged_crop(ORIGINALS[0], 2, 2, 28, 28)])
        assert compare_pairs(data_of(images), np.array([[0, 1]]), device="cpu").similarity[0] > 0.9

    def test_features_without_images(self) -> None:
        from curv_issues import from_features

        values = np.random.default_rng(0).normal(size=(6, 5))
        values[4] = values[1]
        found = compare_pairs(from_features(values, [0, 1] * 3), np.array([[1, 4], [0, 1]]), device="cpu")
        assert found.similarity[0] == pytest.approx(1)
        assert found.similarity[1] < 0.9
        assert search.PER_PAIR[-1] == "turns"
