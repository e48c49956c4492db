"""Choose the device, compute type and threads of a run, on CPU, CUDA or MPS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from textwrap import shorten
from typing import TypeVar

import torch

from curv_issues.errors import UsageError

BFLOAT16_LEAST_STEP = 1e-2  # bfloat16 resolves 0.008 near 1.0, so smaller finite-difference steps are lost

SMALL_BATCH_PIXELS = 64 * 32 * 32  # below this, synchronising threads costs more than they save

Item = TypeVar("Item")
Found = TypeVar("Found")


def choose_device(name: str) -> torch.device:
    """Return the device with this name; "auto" is CUDA, else MPS, else the CPU.

    Raises:
        UsageError: the device is not available.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = shorten(str(error).splitlines()[0], 100, placeholder=" ...")
        raise UsageError(f"Device {name!r} cannot be used here; try 'auto' or 'cpu'. ({reason})") from error
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the hardware supports bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        if not hasattr(torch.cpu, "get_capabilities"):  # torch 2.9
            return bool(torch.cpu._is_avx512_bf16_supported())
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def compute_type(device: torch.device, *, step: float | None = None) -> torch.dtype:
    """Return bfloat16 if the hardware supports it and it resolves the finite-difference step (h, [0, 1] pixels), else float32."""
    if has_bfloat16(device) and (step is None or step >= BFLOAT16_LEAST_STEP):
        return torch.bfloat16
    return torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Return a context in which convolutions and matrix products run in `dtype`; it does nothing for float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


@contextmanager
def limit_threads_for_small_batches(batch_size: int, shape: tuple[int, ...]) -> Iterator[None]:
    """Use one CPU thread for small batches, where synchronisation costs more than threads save; restore the number afterwards."""
    before = torch.get_num_threads()
    if len(shape) == 3 and batch_size * shape[-1] ** 2 < SMALL_BATCH_PIXELS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def parallel_map(work: Callable[[Item], Found], items: Iterable[Item], device: torch.device) -> list[Found]:
    """Return `work(item)` for each item, in order; on a CPU, in as many threads as torch has, each with one torch thread.

    This keeps all cores busy with many small steps, where torch would split each step and wait. Memory use is that of
    `work` times the number of threads.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        return [work(item) for item in items]
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(threads)  # otherwise, threads started later would inherit the workers' number
