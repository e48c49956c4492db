"""Two probes have the same identity only if they train equally."""

from __future__ import annotations

import copy

from torch import nn

from curv_issues.probes.identity import identify_probe


def small_network(spec) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.channels * spec.resolution**2, spec.num_classes))


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, spec):
        return small_network(spec)


def test_identity_of_probes():
    assert identify_probe("convnet") == "convnet"
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1), nn.BatchNorm1d(2))
    assert identify_probe(network) == identify_probe(network)
    assert identify_probe(network) != identify_probe(copy.deepcopy(network))
    before = identify_probe(network)
    network[1].p = 0.5
    assert identify_probe(network) != before
    before = identify_probe(network)
    network[2].num_batches_tracked += 1
    assert identify_probe(network) != before
    assert identify_probe(small_network) == identify_probe(small_network)
    assert identify_probe(small_network) != identify_probe(lambda spec: small_network(spec))
    own = Unhashable()
    assert identify_probe(own) != identify_probe(own)
