from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.duplicates import search
from curv_issues.duplicates.alignment import Details
from curv_issues.duplicates.candidates import Candidates
from curv_issues.duplicates.search import BYTES, NEAR, PIXELS, ComparedImages, compare_between, compare_within
from curv_issues.errors import UsageError
from tests.duplicates.images import brighter, canvases, cut, enlarged_crop, recompressed, textured

Pairs = dict[tuple[int, int], tuple[str, bool]]
DIFFERENT = 300
CANVASES = canvases(DIFFERENT, seed=1)
ORIGINALS = cut(CANVASES)

# Copies that follow the different images: the index of the original, and the copy.
NEAR_COPIES = [
    (10, ORIGINALS[10][:, ::-1]),
    (11, brighter(ORIGINALS[11])),
    (12, cut(CANVASES[12], 2, -1)),
    (13, recompressed(ORIGINALS[13])),
    (14, enlarged_crop(ORIGINALS[14], 2, 2, 28, 28)),
    (15, brighter(ORIGINALS[15])[:, ::-1]),
    (3, brighter(ORIGINALS[3])),  # this original also has exact copies
]
EXACT_COPIES = [0, 1, 2, 3, 3, 3]


def data_of(images: np.ndarray, *, files: Sequence[str] | None = None) -> LabeledData:
    data = from_arrays(np.ascontiguousarray(images), np.arange(len(images)) % 3, class_names=["a", "b", "c"], resolution=32)
    return data if files is None else replace(data, file_sha256=np.array(files, dtype=object))


def found(pairs: ComparedImages) -> Pairs:
    """Return test and orientation of each pair; fail if a pair is repeated."""
    keys = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(keys) == len(set(keys))
    return dict(zip(keys, zip(pairs.test.tolist(), pairs.mirrored.tolist(), strict=True), strict=True))


def check_arrays(pairs: ComparedImages) -> None:
    types = [getattr(pairs, name).dtype for name in search.PER_PAIR]
    assert types == [np.int64, np.int64, np.float32, object, bool, np.int64]
    assert all(getattr(pairs, name).shape == (len(pairs),) for name in search.PER_PAIR)
    assert all(type(test) is str for test in pairs.test)


def same_arrays(one: ComparedImages, other: ComparedImages) -> bool:
    return one.threshold == other.threshold and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in search.PER_PAIR
    )


class Planted:
    """All images in a random order, and the pairs that must be found."""

    def __init__(self) -> None:
        images = np.concatenate([ORIGINALS, ORIGINALS[EXACT_COPIES], np.stack([image for _, image in NEAR_COPIES])])
        self.order = np.random.default_rng(0).permutation(len(images))
        self.place = np.argsort(self.order)
        self.data = data_of(images[self.order])
        self.expected = self._expected()

    def _expected(self) -> Pairs:
        exact = {i: [i, *(DIFFERENT + k for k, source in enumerate(EXACT_COPIES) if source == i)] for i in range(DIFFERENT)}
        first = {i: min(self.place[members]) for i, members in exact.items()}
        pairs = {
            (first[i], place): (PIXELS, False) for i, all_of in exact.items() for place in self.place[all_of] if place != first[i]
        }
        for k, (source, _) in enumerate(NEAR_COPIES):
            copy = self.place[DIFFERENT + len(EXACT_COPIES) + k]
            pairs[min(copy, first[source]), max(copy, first[source])] = (NEAR, k in (0, 5))
        return {(int(one), int(other)): kind for (one, other), kind in pairs.items()}


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def within(planted: Planted) -> ComparedImages:
    return compare_within(planted.data, device="cpu")


@pytest.fixture(scope="module")
def others() -> np.ndarray:
    """Other images, and copies of images of the first dataset."""
    copies = [ORIGINALS[5], *(image for _, image in NEAR_COPIES[:6]), ORIGINALS[5], ORIGINALS[0]]
    return np.concatenate([ORIGINALS[150:], np.stack(copies)])


class TestWithin:
    def test_all_copies_are_found_and_nothing_else(self, planted: Planted, within: ComparedImages) -> None:
        assert len(planted.expected) == len(EXACT_COPIES) + len(NEAR_COPIES)
        assert found(within.same()) == planted.expected

    def test_pairs_are_unique_with_the_smaller_position_first(self, planted: Planted, within: ComparedImages) -> None:
        check_arrays(within)
        assert (within.first < within.second).all()
        assert within.second.max() < len(planted.data)
        assert len(found(within)) == len(within) > len(within.same())

    def test_only_the_first_of_identical_images_is_compared_with_others(self, within: ComparedImages) -> None:
        copies = within.second[within.test == PIXELS]
        near = within.taken(within.test == NEAR)
        assert not np.isin(copies, near.first).any()
        assert not np.isin(copies, near.second).any()

    def test_similarity_is_1_for_identical_images_and_at_most_1_for_all(self, within: ComparedImages) -> None:
        assert (within.similarity[within.test == PIXELS] == 1).all()
        assert (np.abs(within.similarity) <= 1).all()
        near = within.similarity[within.test == NEAR]
        assert (np.diff(near) <= 0).all()  # the most similar first
        assert 0.9 <= within.threshold < 0.95
        assert (within.similarity >= within.threshold).sum() == len(within.same())

    def test_labels_do_not_matter(self, planted: Planted, within: ComparedImages) -> None:
        other = replace(planted.data, labels=np.zeros_like(planted.data.labels))
        assert same_arrays(compare_within(other, device="cpu"), within)

    def test_chosen_threshold_is_used(self, planted: Planted, within: ComparedImages) -> None:
        pairs = compare_within(planted.data, threshold=0.995, device="cpu")
        assert pairs.threshold == 0.995
        np.testing.assert_array_equal(pairs.similarity, within.similarity)
        assert 0 < (pairs.same().test == NEAR).sum() < len(NEAR_COPIES)
        assert (pairs.same().test == PIXELS).sum() == len(EXACT_COPIES)
        assert found(replace(within, threshold=2.0).same()) == {}

    def test_similarity_at_the_threshold_is_enough(self, within: ComparedImages) -> None:
        near = within.taken(within.test == NEAR)
        for count in (1, 5, 50):
            level = float(near.similarity[count - 1])
            assert len(replace(near, threshold=level).same()) == (near.similarity >= level).sum() >= count

    def test_threshold_is_chosen_from_far_pairs(self, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[np.ndarray, int]] = []

        def chosen(background: np.ndarray, num_pairs: int) -> float:
            asked.append((background, num_pairs))
            return 0.96

        monkeypatch.setattr(search, "choose_threshold", chosen)
        pairs = compare_within(planted.data, device="cpu")
        ((background, num_pairs),) = asked
        assert pairs.threshold == 0.96
        assert len(pairs) - len(EXACT_COPIES) <= num_pairs <= 2 * 10 * len(planted.data)
        assert num_pairs / 4 < len(background) < num_pairs
        assert background.max() < 0.9  # no copies, which rank first in a search
        assert (compare_within(planted.data, threshold=0.5, device="cpu").threshold, len(asked)) == (0.5, 1)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_features_of_any_float_type_add_candidates(self, planted: Planted, within: ComparedImages, dtype: type) -> None:
        features = np.random.default_rng(0).normal(size=(len(planted.data), 24)).astype(dtype)
        pairs = compare_within(planted.data, features=features, device="cpu")
        assert found(pairs).keys() > found(within).keys()
        assert found(pairs.same()) == planted.expected

    def test_features_find_what_descriptors_miss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Features belong to images by position, also beside copies."""
        monkeypatch.setattr("curv_issues.duplicates.candidates.NEIGHBOURS", 1)
        described = torch.eye(15)[torch.arange(45) // 3]  # three consecutive descriptions are equal
        monkeypatch.setattr("curv_issues.duplicates.candidates.describe", lambda _, index, device: (described[index],) * 2)
        images = ORIGINALS[:45].copy()
        images[1] = images[0]
        images[40] = recompressed(images[20])
        features = np.random.default_rng(0).normal(size=(45, 8))
        features[40] = features[20]
        assert found(compare_within(data_of(images), device="cpu").same()) == {(0, 1): (PIXELS, False)}
        pairs = compare_within(data_of(images), features=features, device="cpu").same()
        assert found(pairs) == {(0, 1): (PIXELS, False), (20, 40): (NEAR, False)}

    def test_identical_files_are_distinguished_from_identical_pixels(self) -> None:
        images = ORIGINALS[[0, 1, 2, 3, 1, 2, 3, 0, 1]]
        files = ["f0", "f1", "f2", "f3", "f1", "other", "f3", "", "again"]
        pairs = compare_within(data_of(images, files=files), device="cpu").same()
        assert found(pairs) == {
            (1, 4): (BYTES, False),
            (2, 5): (PIXELS, False),
            (3, 6): (BYTES, False),
            (0, 7): (PIXELS, False),
            (1, 8): (PIXELS, False),
        }
        assert found(compare_within(data_of(images), device="cpu").same()).keys() == found(pairs).keys()

    def test_many_identical_copies_are_linked_to_the_first(self) -> None:
        images = np.concatenate([ORIGINALS[:20], np.repeat(ORIGINALS[7:8], 50, axis=0), brighter(ORIGINALS[7:8])])
        pairs = compare_within(data_of(images), device="cpu").same()
        assert found(pairs) == {**{(7, 20 + i): (PIXELS, False) for i in range(50)}, (7, 70): (NEAR, False)}

    def test_many_near_copies_are_one_group(self) -> None:
        """There are more copies than neighbours in a search, so each finds some of them."""
        copies = np.stack([ORIGINALS[7] + np.uint8(shade) for shade in range(1, 31)])
        pairs = compare_within(data_of(np.concatenate([ORIGINALS[:20], copies])), device="cpu").same()
        members = {7, *range(20, 50)}
        assert set(pairs.first.tolist()) | set(pairs.second.tolist()) == members

    @pytest.mark.parametrize("n", [2, 12])
    def test_all_images_identical(self, n: int) -> None:
        images = np.repeat(ORIGINALS[:1], n, axis=0)
        pairs = compare_within(data_of(images), features=np.ones((n, 3)), device="cpu")
        assert found(pairs) == {(0, i): (PIXELS, False) for i in range(1, n)}
        assert len(pairs.same()) == n - 1

    def test_two_samples(self) -> None:
        pairs = compare_within(data_of(ORIGINALS[:2]), device="cpu")
        assert list(found(pairs)) == [(0, 1)]
        assert (len(pairs.same()), pairs.threshold) == (0, 0.9)
        pairs = compare_within(data_of(np.stack([ORIGINALS[0], ORIGINALS[0][:, ::-1]])), device="cpu")
        assert found(pairs.same()) == {(0, 1): (NEAR, True)}

    @pytest.mark.parametrize("n", [0, 1])
    @pytest.mark.filterwarnings("error")
    def test_fewer_than_two_samples_give_no_pairs(self, n: int) -> None:
        pairs = compare_within(data_of(ORIGINALS[:3]).take(np.arange(n)), device="cpu")
        check_arrays(pairs)
        assert (len(pairs), len(pairs.same())) == (0, 0)

    def test_images_of_one_colour_are_the_same_only_if_identical(self) -> None:
        plain = np.full((4, 32, 32, 3), 90, np.uint8)
        plain[1:] += 1
        plain[2] += 1
        assert found(compare_within(data_of(plain), device="cpu").same()) == {(1, 3): (PIXELS, False)}

    def test_symmetric_images_match_once(self) -> None:
        images = ORIGINALS[:6].copy()
        images[2, :, 16:] = images[2, :, 15::-1]
        images[4] = recompressed(images[2])
        pairs = compare_within(data_of(images), device="cpu").same()
        assert list(zip(pairs.first, pairs.second, pairs.test, strict=True)) == [(2, 4, NEAR)]

    @pytest.mark.parametrize("channels", [1, 3])
    def test_grey_images_and_other_resolutions(self, channels: int) -> None:
        images = textured(40, side=48, channels=channels)
        images[30], images[31] = images[4][:, ::-1], images[5] + 20
        data = from_arrays(images, np.arange(40) % 2, resolution=48)
        assert found(compare_within(data, device="cpu").same()) == {(4, 30): (NEAR, True), (5, 31): (NEAR, False)}

    def test_device_option_is_used(self) -> None:
        data = data_of(ORIGINALS[:5])
        with pytest.raises(UsageError, match="Device 'nowhere' cannot be used here"):
            compare_within(data, device="nowhere")
        with pytest.raises(UsageError, match="Device 'nowhere' cannot be used here"):
            compare_between(data, data, device="nowhere")
        assert found(compare_within(data)).keys() == found(compare_within(data, device="cpu")).keys()

    def test_coarse_similarity_alone_is_not_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = data_of(np.stack([*ORIGINALS[:5], ORIGINALS[2] + 20]))
        assert found(compare_within(data, device="cpu").same()) == {(2, 5): (NEAR, False)}
        monkeypatch.setattr(search, "CLOSEST", 0)
        assert len(compare_within(data, device="cpu").same()) == 0

    def test_number_of_pairs_in_each_comparison(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Coarse: all pairs. Full resolution: 8 per image. Crops: 4 per image above 0.3. Alignment: 1 per image above 0.6."""
        monkeypatch.setattr(search, "LEAST_ALIGNED", 2)
        compared: dict[str, int] = {}

        def constant(name: str, value: float) -> None:
            def compare(first: Details, second: Details, pairs: torch.Tensor, **_: torch.Tensor) -> torch.Tensor:
                compared[name] = len(pairs)
                return torch.full((len(pairs),), value)

            monkeypatch.setattr(search, name, compare)

        def run(coarse: float, quick: float, crop: float) -> tuple[list[int], set[float]]:
            compared.clear()
            for name, value in (("coarse_similarity", coarse), ("quick_similarity", quick), ("crop_similarity", crop)):
                constant(name, value)
            constant("similarity", 1.0)
            details = Details(torch.zeros(3, 32, 32, 1, dtype=torch.uint8), torch.arange(3), device=torch.device("cpu"))
            pairs = torch.tensor([[0, 1]] * 40)
            nothing = torch.zeros(40, dtype=torch.bool)
            candidates = Candidates(pairs, nothing, nothing, torch.zeros(40, dtype=torch.int64))
            values = search._values(details, details, candidates)
            names = ("coarse_similarity", "quick_similarity", "crop_similarity", "similarity")
            return [compared.get(name, 0) for name in names], {round(value, 2) for value in values.tolist()}

        assert run(0.9, 0.31, 0.61) == ([40, 24, 12, 3], {0.3, 0.31, 0.61, 1.0})  # coarse values are limited to 0.3
        assert run(0.9, 0.29, 0.61) == ([40, 24, 0, 0], {0.3, 0.29})
        assert run(0.9, 0.31, 0.59) == ([40, 24, 12, 0], {0.3, 0.31, 0.59})
        assert run(0.2, 0.1, 0.59) == ([40, 24, 0, 0], {0.2, 0.1})

    def test_only_the_most_promising_pairs_are_fully_aligned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At most one pair per image, even if every pair is promising."""
        monkeypatch.setattr(search, "LEAST_ALIGNED", 2)
        monkeypatch.setattr(search, "PROMISING", -1.0)
        aligned: list[int] = []
        similarity = search.similarity

        def counted(first: Details, second: Details, pairs: torch.Tensor, **orientations: torch.Tensor) -> torch.Tensor:
            aligned.append(len(pairs))
            return similarity(first, second, pairs, **orientations)

        monkeypatch.setattr(search, "similarity", counted)
        pairs = compare_within(data_of(np.stack([*ORIGINALS[:5], enlarged_crop(ORIGINALS[2], 2, 2, 28, 28)])), device="cpu")
        assert aligned == [6]
        assert found(pairs.same()) == {(2, 5): (NEAR, False)}


class TestBetween:
    def test_all_copies_are_found_and_nothing_else(self, others: np.ndarray) -> None:
        ours = np.concatenate([ORIGINALS[:150], ORIGINALS[[0, 0, 11]]])  # only the first copies are compared
        pairs = compare_between(data_of(ours), data_of(others), device="cpu")
        check_arrays(pairs)
        near = {(source, 151 + k): (NEAR, k in (0, 5)) for k, (source, _) in enumerate(NEAR_COPIES[:6])}
        assert found(pairs.same()) == {(5, 150): (PIXELS, False), (0, 158): (PIXELS, False), **near}
        assert len(found(pairs)) > len(pairs.same())
        assert not np.isin([150, 151, 152], pairs.first).any()
        assert 157 not in pairs.second
        assert (pairs.similarity[pairs.test == PIXELS] == 1).all()

    def test_result_is_the_same_in_both_directions(self, others: np.ndarray) -> None:
        ours = data_of(ORIGINALS[:150])
        there = found(compare_between(ours, data_of(others), device="cpu").same())
        back = found(compare_between(data_of(others), ours, device="cpu").same())
        assert {(second, first): kind for (first, second), kind in back.items()} == there

    def test_no_common_images(self) -> None:
        pairs = compare_between(data_of(ORIGINALS[:100]), data_of(ORIGINALS[100:200]), device="cpu")
        assert len(pairs) >= 1000
        assert len(pairs.same()) == 0

    def test_identical_images_need_no_search(self, monkeypatch: pytest.MonkeyPatch) -> None:
        none, numbers = torch.empty(0, dtype=torch.bool), torch.empty(0, 3, dtype=torch.int64)
        nothing = Candidates(numbers[:, :2], none, none, numbers[:, 2])
        monkeypatch.setattr(search, "candidates_between", lambda *_, device, turned: nothing)
        ours, theirs = ORIGINALS[[4, 5, 6, 5, 7]], ORIGINALS[[9, 7, 5, 7, 4, 8]]
        one = data_of(ours, files=["f4", "f5", "f6", "f5", "f7"])
        other = data_of(theirs, files=["f9", "f7", "else", "", "f4", "f8"])
        pairs = compare_between(one, other, device="cpu")
        assert found(pairs) == {(0, 4): (BYTES, False), (1, 2): (PIXELS, False), (4, 1): (BYTES, False)}
        assert len(pairs.same()) == 3

    def test_identical_images_are_listed_once(self) -> None:
        data = data_of(ORIGINALS[:30], files=[f"f{i}" for i in range(30)])
        pairs = compare_between(data, data, device="cpu")
        assert {pair: kind for pair, kind in found(pairs).items() if pair[0] == pair[1]} == found(pairs.same())
        assert found(pairs.same()) == {(i, i): (BYTES, False) for i in range(30)}

    def test_identical_images_of_one_colour_are_found(self) -> None:
        plain = np.full((1, 32, 32, 3), 90, np.uint8)
        pairs = compare_between(
            data_of(np.concatenate([ORIGINALS[:3], plain])), data_of(np.concatenate([plain, plain + 1])), device="cpu"
        )
        assert found(pairs.same()) == {(3, 0): (PIXELS, False)}

    def test_chosen_threshold_is_used(self) -> None:
        data, others = data_of(ORIGINALS[:20]), data_of(np.stack([recompressed(image) for image in ORIGINALS[:5]]))
        low, high = (compare_between(data, others, threshold=value, device="cpu") for value in (0.9, 0.9999))
        assert (low.threshold, high.threshold) == (0.9, 0.9999)
        assert found(low.same()) == {(i, i): (NEAR, False) for i in range(5)}
        assert len(high.same()) == 0

    def test_grey_and_colour_images_are_compared(self) -> None:
        grey = textured(12, channels=1)
        assert found(compare_between(data_of(grey), data_of(grey[3:5].repeat(3, axis=3)), device="cpu").same()) == {
            (3, 0): (PIXELS, False),
            (4, 1): (PIXELS, False),
        }

    @pytest.mark.filterwarnings("error")
    def test_empty_datasets_give_no_pairs(self) -> None:
        data = data_of(ORIGINALS[:5])
        nothing = data.take(np.arange(0))
        for one, other in ((data, nothing), (nothing, data), (nothing, nothing)):
            pairs = compare_between(one, other, device="cpu")
            check_arrays(pairs)
            assert len(pairs) == 0


def test_first_copies() -> None:
    hashes = np.array(["b", "a", "b", "c", "a", "b"], dtype=object)
    assert search.first_copies(hashes).tolist() == [0, 1, 0, 3, 1, 0]
    assert search.first_copies(hashes[:0]).tolist() == []


def test_files_without_hash_are_not_called_identical() -> None:
    data = from_arrays(textured(8), np.arange(8) % 2)
    data = replace(data, file_sha256=np.array(["a", "", "a", "", "a", "", "b", "a"], dtype=object))
    tests = search.tests_of_identical(data, np.arange(4), data, np.arange(4, 8))
    assert tests.tolist() == [BYTES, PIXELS, PIXELS, PIXELS]
    assert tests.dtype == object


def test_progress_counts_the_steps() -> None:
    steps: list[tuple[int, int]] = []
    compare_within(from_arrays(textured(12), np.arange(12) % 3), device="cpu", on_step=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]
