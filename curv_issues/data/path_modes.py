"""The modes in which the paths in a table may refer to images."""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from curv_issues.data.addresses import is_address
from curv_issues.data.folder_names import SPLIT_NAMES
from curv_issues.data.path_lookup import IGNORING_CASE, Hit, PathLookup, clean_path, ignore_case

# Label Studio prepends its own folder to a path, and a code to the name of an uploaded file.
_LABEL_STUDIO = (re.compile(r"/data/(?:local-files/\?d=)?"), re.compile(r"/data/upload/\d+/[0-9a-f]{8}-"))


def text_of(value: Any) -> str | None:
    """Return a value as path text: text, paths and integers; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return os.fspath(value) or None if isinstance(value, str | os.PathLike) else None


@dataclass(frozen=True, eq=False)
class Match:
    """Result of matching a column in one mode.

    Attributes:
        mode: the mode in words.
        hits: row -> images. Only rows with a single image count.
        has_endings: whether the texts include file extensions.
    """

    mode: str = ""
    hits: Mapping[int, Hit] = field(default_factory=dict)
    has_endings: bool = True

    @cached_property
    def num_images(self) -> int:
        """Number of images that a row names unambiguously."""
        return len({hit.images[0] for hit in self.hits.values() if len(hit.images) == 1})

    def is_complete(self, num_texts: int, num_images: int) -> bool:
        """Return whether no other mode can be better: every text names one image, or every image has its text."""
        return self.num_images == num_images or sum(len(hit.images) == 1 for hit in self.hits.values()) == num_texts

    @property
    def order(self) -> tuple[int, bool]:
        """Sort key, larger is better. Ambiguous texts rank above unmatched ones because they can be reported."""
        return self.num_images, bool(self.hits)


_Find = Callable[[str], Hit | None]


class ImagePaths:
    """The image paths of a dataset, indexed for all modes of `match_rows`."""

    def __init__(self, paths: Sequence[str], root: str | os.PathLike[str]) -> None:
        """Store n paths, relative to `root` and with forward slashes."""
        self.paths = paths
        self._stems = [posixpath.splitext(path)[0] for path in paths]
        self._has_addresses = any(map(is_address, paths))
        self._root = clean_path(os.path.realpath(root))
        self._roots = (self._root, clean_path(os.path.abspath(root)))
        shared = {posixpath.dirname(path) for path in paths}
        self._only_folder = shared.pop() if len(shared) == 1 else None
        self._folders = {part.lower() for path in paths for part in path.split("/")[:-1]}
        self._resolve = cache(os.path.realpath)
        names = (posixpath.basename(clean_path(text)) for texts in (paths, self._stems) for text in texts)
        self._last_parts = {ignore_case(name) for name in names}
        self._suffixes = cache(lambda stems: PathLookup(_list_suffixes(self._stems if stems else paths)))

    def may_be(self, text: str) -> bool:
        """Return whether a text ends an image path, with or without extension, or has the extension of an image."""
        endings = {posixpath.splitext(path)[1].lower() for path in self.paths} - {""}
        hits = [self._suffixes(stems).find(text) for stems in (False, True)]
        return any(hit is not None and hit.level < IGNORING_CASE for hit in hits) or text.lower().endswith(tuple(endings))

    def match(self, values: Sequence[Any], folder: Path | None) -> Match:
        """Return the mode that matches most images; of equal ones, the first.

        Args:
            values: one value per row, a path if it is text or an integer.
            folder: folder of the table; None if it is not a file.
        """
        texts = {row: text for row, value in enumerate(values) if (text := text_of(value))}
        best = self._match(texts, folder)
        for prefix in _LABEL_STUDIO:
            if any(map(prefix.match, texts.values())) and not best.is_complete(len(texts), len(self.paths)):
                stripped = {row: text[match.end() :] for row, text in texts.items() if (match := prefix.match(text))}
                best = max(best, self._match(stripped, folder), key=lambda result: result.order)
        return best

    def _match(self, texts: Mapping[int, str], folder: Path | None) -> Match:
        texts = {row: text for row, text in texts.items() if self._may_match(text)}
        best = Match()
        for mode, has_endings, find in self._modes(list(texts.values()), folder):
            hits = {row: hit for row, text in texts.items() if (hit := find(text)) is not None}
            best = max(best, Match(mode, hits, has_endings), key=lambda result: result.order)
            if best.is_complete(len(texts), len(self.paths)):
                break
        return best

    def _may_match(self, text: str) -> bool:
        """Return whether the last part of a path is that of any image; a cheap filter before all modes are tried."""
        if is_address(text) and not self._has_addresses:
            return False
        folder, name = posixpath.split(clean_path(text))
        return ignore_case(name) in self._last_parts and not self._is_of_other_split(folder)

    def _is_of_other_split(self, folder: str) -> bool:
        """Return whether a text names another split than the dataset, such as train/ for the images of test/."""
        places = (self._root, self._only_folder or "")
        own = {SPLIT_NAMES.get(posixpath.basename(place).lower()) for place in places} - {None}
        named = {part.lower() for part in folder.split("/")} - self._folders if own else set()
        splits = {SPLIT_NAMES[part] for part in named if part in SPLIT_NAMES}
        return bool(splits) and own.isdisjoint(splits)

    def _modes(self, texts: Sequence[str], folder: Path | None) -> Iterator[tuple[str, bool, _Find]]:
        for has_endings, keys in ((True, self.paths), (False, self._stems)):
            without = "" if has_endings else " without file extension"
            whole = PathLookup((key, image) for image, key in enumerate(keys))
            if folder is not None:
                yield f"paths relative to the folder of the table{without}", has_endings, self._relative_to(folder, whole)
            yield f"paths relative to the folder of the dataset{without}", has_endings, self._relative_to(Path(self._root), whole)
            yield f"absolute paths{without}", has_endings, partial(self._find_absolute, whole=whole)
            prefix = self._find_prefix(texts, whole)
            if prefix is not None and not self._is_other_folder(prefix, folder):
                yield f"paths below {prefix}{without}", has_endings, partial(_find_below, prefix=prefix, whole=whole)
            yield f"ends of image paths{without}", has_endings, self._suffixes(not has_endings).find
            if self._only_folder is not None:
                yield f"file names{without}", has_endings, partial(_find_file_name, folder=self._only_folder, whole=whole)

    def _relative_to(self, folder: Path, whole: PathLookup) -> _Find:
        base = clean_path(os.path.realpath(folder))

        def find(text: str) -> Hit | None:
            return None if _is_absolute(text) else self._find_in_roots(f"{base}/{text}", whole)

        return find

    def _find_absolute(self, text: str, whole: PathLookup) -> Hit | None:
        if not _is_absolute(text):
            return None
        folder, name = posixpath.split(clean_path(text))
        # The text may reach the dataset through its own link.
        return self._find_in_roots(text, whole) or self._find_in_roots(f"{self._resolve(folder)}/{name}", whole)

    def _find_in_roots(self, text: str, whole: PathLookup) -> Hit | None:
        for root in self._roots:
            hit = _find_below(text, root.rstrip("/"), whole)
            if hit is not None:
                return hit
        return None

    def _find_prefix(self, texts: Sequence[str], whole: PathLookup) -> str | None:
        """Return the folder below which most images are in the texts; in a tie the one named like the root, else None."""
        images: defaultdict[str, set[int]] = defaultdict(set)
        for text in texts:
            parts = clean_path(text).split("/")
            for at in range(1, len(parts)):
                hit = whole.find("/".join(parts[at:]))
                if hit is not None:
                    images["/".join(parts[:at])].update(hit.images)
                    break
        ranked = sorted(images, key=lambda prefix: self._rank_prefix(prefix, images), reverse=True)
        if len(ranked) > 1 and self._rank_prefix(ranked[0], images) == self._rank_prefix(ranked[1], images):
            return None
        return ranked[0] if ranked else None

    def _is_other_folder(self, prefix: str, table_folder: Path | None) -> bool:
        """Return whether a prefix is another folder on this machine: texts inside the dataset would match exactly."""
        bases = [self._root] if table_folder is None else [self._root, os.fspath(table_folder)]
        return any(os.path.isdir(os.path.join(base, prefix)) for base in bases)

    def _rank_prefix(self, prefix: str, images: Mapping[str, set[int]]) -> tuple[int, bool]:
        return len(images[prefix]), posixpath.basename(prefix) == posixpath.basename(self._root)


def _list_suffixes(paths: Sequence[str]) -> Iterator[tuple[str, int]]:
    for image, path in enumerate(paths):
        parts = clean_path(path).split("/")
        yield from (("/".join(parts[at:]), image) for at in range(len(parts)))


def _find_below(text: str, prefix: str, whole: PathLookup) -> Hit | None:
    path = clean_path(text)
    return whole.find(path[len(prefix) + 1 :]) if path.startswith(f"{prefix}/") else None


def _find_file_name(text: str, folder: str, whole: PathLookup) -> Hit | None:
    return whole.find(posixpath.join(folder, posixpath.basename(clean_path(text))))


def _is_absolute(text: str) -> bool:
    return text.startswith(("/", "\\")) or re.match("[A-Za-z]:[/\\\\]", text) is not None
