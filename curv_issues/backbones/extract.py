"""Features of the images of a dataset: read at native size, preprocessed for a backbone, averaged over the mirror image."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from curv_issues.backbones import BACKBONE_OR_FEATURES
from curv_issues.backbones.base import WRONG_INPUT, Backbone, unread, wrong_output
from curv_issues.backbones.feature_cache import FOLDER_VARIABLE, FeatureCache, cache_folder
from curv_issues.backbones.identity import identify, network_of
from curv_issues.backbones.loading import load_backbone
from curv_issues.counting import counted
from curv_issues.data.base import LabeledData
from curv_issues.data.decoding import count_processors
from curv_issues.data.image import UnreadableImageError
from curv_issues.data.pixel_storage import allocate
from curv_issues.device import autocast, choose_device, has_bfloat16
from curv_issues.errors import AuditError, DatasetError, UsageError, first_line
from curv_issues.progress import Progress, ProgressCallback

CHUNK = 128  # images per stored file; a killed extraction loses at most as many
BATCH = 32  # images per forward pass, and as many of their mirror images
TRIAL = 4  # images of the trial of compute types
GAIN = 1.2  # bfloat16 must be this many times as fast as float32

_LARGEST = float(np.finfo(np.float16).max)


@dataclass
class _Count:
    """Numbers of images, for notes."""

    stored: int = 0
    clipped: int = 0


def with_features(
    data: LabeledData, backbone: Any, *, device: str = "auto", progress: ProgressCallback | None = None
) -> LabeledData:
    """Return the data with the features of its images under a backbone, float16 (n, d), as the input of the probe.

    Args:
        data: n samples with images.
        backbone: see `load_backbone`.
        device: as in `TrainingOptions`.
        progress: called after every chunk, with the stage "features".

    Raises:
        UsageError: the backbone cannot be loaded, does not fit the images, or does not return (b, d).
        DatasetError: the data have no images, or one can no longer be read.
        AuditError: a feature is NaN or infinite, or the disk is full.
    """
    if data.images is None:
        raise DatasetError(f"{data.source.source} has no images; expected images for a backbone.")
    if data.features is not None:
        raise UsageError(BACKBONE_OR_FEATURES)
    loaded = load_backbone(backbone)
    identity = identify(loaded)
    # the hashes of images with more than 8 bits do not depend on their value range
    key = None if identity is None else f"{identity} {data.source.value_ranges!r}"
    cache, count = FeatureCache(key), _Count()
    forward = _Forward(loaded, choose_device(device))
    features: np.ndarray | None = None
    for chunk, found in _chunks(data, loaded, forward, cache, count):
        if features is None:
            features = allocate((len(data), found.shape[1]), np.float16)
        if found.shape[1] != features.shape[1]:
            raise wrong_output(loaded, f"{found.shape[1]} features after {features.shape[1]}")
        features[chunk.start : chunk.stop] = found
        if progress:
            progress(Progress("features", chunk.stop, len(data)))
    assert features is not None  # `check_auditable` refuses empty data
    notes = [*data.source.notes, *_notes(loaded, cache, count)]
    return replace(data, features=features, source=replace(data.source, notes=tuple(notes), backbone=identity or loaded.title))


def _chunks(
    data: LabeledData, backbone: Backbone, forward: _Forward, cache: FeatureCache, count: _Count
) -> Iterator[tuple[range, np.ndarray]]:
    """Yield the samples of each chunk and their features, stored or computed."""
    with _threads() as executor:
        for start in range(0, len(data), CHUNK):
            chunk = range(start, min(start + CHUNK, len(data)))
            hashes = list(data.image_sha256[start : chunk.stop])
            found = cache.read(hashes)
            if found is None:
                found = _features_of(data, chunk, backbone, forward, executor, count)
                cache.write(hashes, found)
            else:
                count.stored += len(chunk)
            yield chunk, found


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(count_processors(), thread_name_prefix="decode")
    try:
        yield executor
    finally:  # also after Ctrl-C: do not wait for images that nobody will use
        executor.shutdown(wait=False, cancel_futures=True)


def _features_of(
    data: LabeledData, chunk: range, backbone: Backbone, forward: _Forward, executor: ThreadPoolExecutor, count: _Count
) -> np.ndarray:
    """Return the features of some samples, float16 (c, d), beyond its range clipped."""
    tensors = _in_order(executor, lambda index: _tensor_of(data, index, backbone), chunk)
    parts = []
    for start in range(0, len(chunk), BATCH):
        batch = [next(tensors) for _ in chunk[start : start + BATCH]]
        shapes = {tuple(tensor.shape) for tensor in batch}
        if len(shapes) > 1:
            raise UsageError(
                f"The preprocessing of the backbone {backbone.title} returns tensors of different shapes ("
                f"{' and '.join(map(str, sorted(shapes)[:2]))}); expected the same for all images."
            )
        parts.append(forward(torch.stack(batch)))
    values = np.concatenate(parts)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        row = data.rows[chunk[int(bad[0])]]
        raise AuditError(
            f"The backbone {backbone.title} returned NaN or infinite features for {counted(len(bad), 'image')} of {len(chunk)}, "
            f"first in row {row}; check its weights and its preprocessing."
        )
    count.clipped += int((np.abs(values) > _LARGEST).any(axis=1).sum())
    return np.clip(values, -_LARGEST, _LARGEST).astype(np.float16)


def _in_order(executor: ThreadPoolExecutor, work: Callable[[int], Tensor], items: Iterable[int]) -> Iterator[Tensor]:
    """Yield `work(item)` for each item, computed by threads at most two batches ahead."""
    waiting: deque[Future[Tensor]] = deque()
    for item in items:
        waiting.append(executor.submit(work, item))
        if len(waiting) >= 2 * BATCH:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _tensor_of(data: LabeledData, index: int, backbone: Backbone) -> Tensor:
    try:
        image = data.image(index)
    except (UnreadableImageError, OSError) as error:
        where = f"row {data.rows[index]} ({data.paths[index] or 'no path'})"
        raise DatasetError(f"The image in {where} can no longer be read: {first_line(error)}.") from error
    return backbone.tensor_of(image)


class _Forward:
    """Forward passes of a backbone, in the faster compute type."""

    def __init__(self, backbone: Backbone, device: torch.device) -> None:
        self.backbone = backbone
        self.network = network_of(backbone.module)
        self.device = device if self.network is not None else torch.device("cpu")
        self.module: Callable[[Tensor], Any] | None = None  # prepared on first use: all features may be stored
        self.dtype = torch.float32

    def __call__(self, images: Tensor) -> np.ndarray:
        """Return the features of images (b, 3, h, w), averaged over image and mirror image, float32 (b, d)."""
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        if self.module is None:
            self.module = self._prepared()
            self.dtype = self._faster_type(images[:TRIAL])
        both = torch.cat([images, images.flip(3)])
        first, mirrored = self._outputs(both, self.dtype).split(len(images))
        return ((first + mirrored) / 2).cpu().numpy()

    def _prepared(self) -> Callable[[Tensor], Any]:
        if self.network is None:
            return self.backbone.module
        network = self.network if self.backbone.batch_size else copy.deepcopy(self.network).eval()  # programs have no modes
        network = network.to(self.device).to(memory_format=torch.channels_last)
        is_method = self.network is not self.backbone.module
        return getattr(network, self.backbone.module.__name__) if is_method else network

    def _outputs(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the outputs for any number of images, float32 (b, d), checked."""
        size = self.backbone.batch_size or len(images)
        parts = []
        for part in images.split(size):
            padded = torch.cat([part, part[-1:].expand(size - len(part), -1, -1, -1)])
            parts.append(self._output(padded, dtype)[: len(part)])
        return torch.cat(parts)

    def _output(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        assert self.module is not None
        try:
            with torch.inference_mode(), autocast(self.device, dtype):
                output = self.module(images)
        except WRONG_INPUT as error:
            raise unread(self.backbone, tuple(images.shape), error) from error
        output = torch.as_tensor(output) if isinstance(output, np.ndarray) else output
        if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != len(images) or not output.is_floating_point():
            got = f"{output.dtype} {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise wrong_output(self.backbone, f"{got} for {len(images)} images")
        return output.float()

    def _faster_type(self, images: Tensor) -> torch.dtype:
        """Return bfloat16 if the hardware has it and, on a CPU, a trial is faster: some layers are slower in it."""
        if self.network is None or not has_bfloat16(self.device):
            return torch.float32
        seconds = {}
        for dtype in (torch.float32, torch.bfloat16):
            try:
                self._outputs(images, dtype)  # allocate and compile
                start = time.perf_counter()
                self._outputs(images, dtype).cpu()
                seconds[dtype] = time.perf_counter() - start
            except UsageError:
                if dtype == torch.float32:
                    raise
                return torch.float32  # some layers cannot compute in bfloat16
        is_faster = self.device.type != "cpu" or seconds[torch.bfloat16] * GAIN < seconds[torch.float32]
        return torch.bfloat16 if is_faster else torch.float32


def _notes(backbone: Backbone, cache: FeatureCache, count: _Count) -> list[str]:
    notes = []
    if count.stored:
        notes.append(f"The features of {counted(count.stored, 'image')} were read from {cache_folder()}.")
    if count.clipped:
        notes.append(f"Features of {counted(count.clipped, 'image')} beyond {_LARGEST:,.0f}, the range of float16, were clipped.")
    if cache.identity is None:
        notes.append(
            f"The features were not stored, because the code of {backbone.title} cannot be compared with that of another run; "
            "give it an identity: curv_issues.Backbone(function, identity='a text that changes with the code')."
        )
    if cache.problem is not None:
        notes.append(
            f"The features could not be stored in {cache_folder()} ({cache.problem}), so another audit computes them again; set "
            f"{FOLDER_VARIABLE} to another folder."
        )
    return notes
