"""Watches of several processes, merged."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing
from torch.utils.data import DataLoader, DistributedSampler

from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError
from tests.callbacks.watching import K, N, Step, blobs, loader_of, observe_all, random_steps, small_network

LABELS = torch.arange(N) % K


def in_ranks(work: Any, tmp_path: Path, *arguments: Any) -> list[Any]:
    """Run `work(rank, *arguments)` in two processes of one group and return what each returns."""
    multiprocessing.start_processes(_run, (work, str(tmp_path), arguments), nprocs=2, start_method="fork")
    return [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2)]


def _run(rank: int, work: Any, folder: str, arguments: Any) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    torch.save(work(rank, *arguments), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def shard(steps: list[Step], rank: int, *, repeated: int = 0) -> list[Step]:
    """Return every second step; the other rank's first step again `repeated` times at the end, with other logits."""
    first = steps[1 - rank]
    return steps[rank::2] + [(first[0], first[1] + 9, first[2])] * repeated


def summary(watch: Watch) -> dict[str, Any]:
    result = watch.result(LABELS)
    columns = [*result.score_names, "suspicion", "suggested"]
    return {"scores": {name: result.scores[name].to_numpy() for name in columns}, "notes": result.summary["notes"]}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left["notes"] == right["notes"] and all(
        np.array_equal(left["scores"][name], right["scores"][name]) for name in {**left["scores"], **right["scores"]}
    )


def watched_and_scored(shards: list[list[Step]], batches: list[Any], *, each_epoch: bool) -> Watch:
    watch = Watch(N, K)
    for steps in shards:
        observe_all(watch, [steps])
        watch.score(small_network(), batches)
        if each_epoch:
            watch.gather()
    watch.gather()
    watch.gather()  # changes nothing
    return watch


def work_of_a_rank(rank: int, each_epoch: bool) -> Any:
    features, labels, _ = blobs(wrong=0)
    shards = [shard(steps, rank) for steps in random_steps(3)]
    return summary(watched_and_scored(shards, list(loader_of(features, labels))[rank::2], each_epoch=each_epoch))


@pytest.mark.parametrize("each_epoch", [True, False])
def test_ranks_together_give_the_scores_of_one_process(each_epoch: bool, tmp_path: Path) -> None:
    first, second = in_ranks(work_of_a_rank, tmp_path, each_epoch)
    assert same(first, second)
    features, labels, _ = blobs(wrong=0)
    whole = watched_and_scored(random_steps(3), list(loader_of(features, labels)), each_epoch=False)
    assert same(first, summary(whole))
    assert "input_curvature" in first["scores"]


def padded(rank: int, repeated: int, resume: bool) -> Any:
    watch = Watch(N, K)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for steps in random_steps(3):
            observe_all(watch, [shard(steps, rank, repeated=repeated if rank else 0)])
            watch.gather()
            if resume:
                state, watch = watch.state_dict(), Watch(N, K)
                watch.load_state_dict(state)
    return {**summary(watch), "warnings": [str(warning.message) for warning in caught]}


@pytest.mark.parametrize("resume", [False, True])
def test_the_samplers_padding_is_no_mistake(resume: bool, tmp_path: Path) -> None:
    first, second = in_ranks(padded, tmp_path, 1, resume)
    assert first["warnings"] == second["warnings"] == []
    assert same(first, summary(observe_all(Watch(N, K), random_steps(3))))  # the lowest rank's value counts
    assert same(first, second)


def test_more_repetitions_than_padding_are_told(tmp_path: Path) -> None:
    first, _ = in_ranks(padded, tmp_path, 3, False)
    assert first["warnings"] == [
        "curv_issues.Watch, epoch 1: 21 observations were of samples already observed in that epoch; the last one counts."
    ]


def with_a_sampler(rank: int) -> Any:
    features, labels, _ = blobs(wrong=0)
    data = loader_of(features[:59], labels[:59]).dataset
    sampler = DistributedSampler(data, num_replicas=2, rank=rank)
    watch, network = Watch(59, K), small_network().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epoch in range(2):
            sampler.set_epoch(epoch)
            for inputs, given, index in DataLoader(data, batch_size=8, sampler=sampler):
                watch.observe(index, network(inputs), given)
            watch.end_epoch()
            watch.gather()
    return len(watch.result(labels[:59]))


def test_a_distributed_sampler(tmp_path: Path) -> None:
    assert in_ranks(with_a_sampler, tmp_path) == [59, 59]


def misused(rank: int) -> list[str]:
    messages = []

    def refused(call: Any) -> None:
        with pytest.raises(UsageError) as error:
            call()
        messages.append(str(error.value))

    steps = random_steps(1)[0]
    watch = observe_all(Watch(N, K), [shard(steps, rank)])
    refused(lambda: watch.result(LABELS))
    if rank == 0:
        observe_all(watch, [shard(steps, rank)])
    refused(watch.gather)
    other = Watch(N, K)
    for index, logits, labels in steps:
        other.observe(index, logits, (labels + rank) % K)
    other.end_epoch()
    refused(other.gather)
    return messages


def test_mistakes_are_reported_on_all_ranks(tmp_path: Path) -> None:
    first, second = in_ranks(misused, tmp_path)
    assert first == second
    assert first[0].startswith("Each rank has observed its own samples; call gather() on all ranks")
    assert first[1].startswith("The ranks have finished different epochs")
    assert first[2].startswith("60 samples had different labels on different ranks")


def test_without_processes_nothing_is_gathered() -> None:
    watch = observe_all(Watch(N, K), random_steps(2))
    before = summary(watch)
    watch.gather()
    assert same(summary(watch), before)
