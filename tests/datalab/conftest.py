from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from cleanlab import Datalab

import curv_issues
import curv_issues.training.run
from tests.datalab.labs import copy_of, find, make_lab


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are faster with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def shared_lab() -> Datalab:
    lab = make_lab()
    find(lab, cut_off="10%")
    return lab


@pytest.fixture
def trained(shared_lab: Datalab) -> Datalab:
    """A Datalab in which our issues have been found; at least 6 of 60 samples are flagged."""
    return copy_of(shared_lab)


@pytest.fixture(scope="package")
def result() -> curv_issues.AuditResult:
    """An audit of the same samples."""
    from tests.datalab.labs import OPTIONS, class_label_dataset

    return curv_issues.audit(class_label_dataset(), **OPTIONS, cut_off="10%")


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of samples of each training so far."""
    counted: list[int] = []
    train = curv_issues.training.run.run_probe

    def counting(data, options, **settings):
        counted.append(len(data))
        return train(data, options, **settings)

    monkeypatch.setattr("curv_issues.training.run.run_probe", counting)
    return counted
