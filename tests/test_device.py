from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, current_thread

import pytest
import torch

from curv_issues import device as module
from curv_issues.device import BFLOAT16_LEAST_STEP, autocast, choose_device, compute_type, has_bfloat16, parallel_map
from curv_issues.errors import UsageError

CPU = torch.device("cpu")


def test_device_by_name() -> None:
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_uses_the_best_available_device(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto") == torch.device(expected)


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cpu:x"])
def test_unavailable_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"Device '{name}' cannot be used here; try 'auto' or 'cpu'") as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_is_refused_without_cuda() -> None:
    with pytest.raises(UsageError, match="Device 'cuda' cannot be used here; try 'auto' or 'cpu'"):
        choose_device("cuda")


def test_bfloat16_is_used_if_available_and_the_step_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda device: True)
    assert compute_type(CPU) == torch.bfloat16
    assert compute_type(CPU, step=BFLOAT16_LEAST_STEP) == torch.bfloat16
    assert compute_type(CPU, step=BFLOAT16_LEAST_STEP / 2) == torch.float32
    monkeypatch.setattr(module, "has_bfloat16", lambda device: False)
    assert compute_type(CPU) == compute_type(CPU, step=1.0) == torch.float32


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({}, False), ({"avx512_bf16": True}, True), ({"avx512_bf16": False, "amx_bf16": True}, True), ({"avx2": True}, False)],
)
def test_bfloat16_follows_the_processor_capabilities(capabilities: dict, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_bfloat16(CPU) is expected
    assert has_bfloat16(torch.device("mps")) is False


@pytest.mark.parametrize("supported", [True, False])
def test_bfloat16_follows_the_processor_with_an_older_torch(supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported, raising=False)
    assert has_bfloat16(CPU) is supported


def test_autocast() -> None:
    weight = torch.rand(4, 4)
    with autocast(CPU, torch.bfloat16):
        assert (weight @ weight).dtype == torch.bfloat16
    with autocast(CPU, torch.float32):
        assert (weight @ weight).dtype == torch.float32


def test_parallel_map_keeps_the_order_and_uses_one_thread_per_item(set_threads: Callable[[int], None]) -> None:
    set_threads(2)
    both = Barrier(2)  # opens only if two items run at the same time

    def work(item: int) -> tuple[int, int]:
        both.wait(timeout=60)
        return -item, torch.get_num_threads()

    assert parallel_map(work, range(6), CPU) == [(-item, 1) for item in range(6)]
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2


@pytest.mark.parametrize(("threads", "device"), [(1, CPU), (2, torch.device("cuda"))])
def test_parallel_map_with_one_thread_or_off_the_cpu_is_a_loop(
    threads: int, device: torch.device, set_threads: Callable[[int], None]
) -> None:
    set_threads(threads)
    assert set(parallel_map(lambda _: current_thread(), range(3), device)) == {current_thread()}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_parallel_map_raises_errors_and_restores_the_threads(
    threads: int, error: type[BaseException], set_threads: Callable[[int], None]
) -> None:
    set_threads(threads)

    def work(item: int) -> None:
        if item == 1:
            raise error

    with pytest.raises(error):
        parallel_map(work, range(5), CPU)
    assert torch.get_num_threads() == threads
    assert parallel_map(work, [], CPU) == []
