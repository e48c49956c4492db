"""A Watch in a plain loop that does what the probe's loop does gives the scores of an audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

import curv_issues
from curv_issues.auditing.audit import audit_data
from curv_issues.callbacks.watch import Watch
from curv_issues.data.base import LabeledData
from curv_issues.device import autocast, compute_type
from curv_issues.inputs.base import Augmentation
from curv_issues.inputs.images import split_evenly
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.trackers import CROSS_FIT_SCORES, LABEL_NOISE_SCORES, SCORES
from curv_issues.trackers.quantities import QUANTITIES
from curv_issues.training.loop import one_cycle
from curv_issues.training.optimizer import NesterovSGD
from curv_issues.training.recipe import make_recipe
from curv_issues.training.run import build_probe, isolated_rng
from curv_issues.training.scoring import SCORING_BATCH
from tests.small import CPU, make_data

DIGITS = load_digits()
FEATURES = curv_issues.from_features(DIGITS.data[:300], DIGITS.target[:300])
IMAGES = make_data(90, 3, channels=3)


def watch_training(data: LabeledData, options: TrainingOptions) -> Watch:
    """Train as an audit does, in a plain loop."""
    inputs, labels = data.inputs(), torch.from_numpy(data.labels)
    recipe = make_recipe(options, num_samples=len(data), shape=inputs.shape)
    watch = curv_issues.Watch(len(data), data.num_classes)
    with isolated_rng(options.seed):
        network = build_probe(options.probe, inputs.spec(data.num_classes)).to(memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(options.seed)
        optimizer = NesterovSGD(network.parameters(), weight_decay=recipe.weight_decay)
        steps = recipe.epochs * len(split_evenly(labels, recipe.batch_size))
        step = 0
        for epoch in range(recipe.epochs):
            network.train()
            for index in split_evenly(torch.randperm(len(data), generator=generator), recipe.batch_size):
                views = Augmentation(flip=recipe.flip, shift=recipe.shift)
                seen = inputs.augmented(index, CPU, augmentation=views, generator=generator).inputs
                with autocast(CPU, compute_type(CPU)):
                    logits = network(seen)
                    watch.observe(index, logits, labels[index])
                optimizer.clear_gradients()
                functional.cross_entropy(logits.float(), labels[index]).backward()
                optimizer.step(recipe.learning_rate * one_cycle(step / steps))
                step += 1
            watch.end_epoch()
            if epoch in recipe.curvature_epochs:
                batches = (
                    (inputs.batch(index, CPU), labels[index], index) for index in torch.arange(len(data)).split(SCORING_BATCH)
                )
                names = [name for name in options.score_names if not QUANTITIES[SCORES[name].quantity].needs.in_training]
                with autocast(CPU, compute_type(CPU, step=options.step)):
                    watch.score(network, batches, scores=names, seed=options.seed, num_matvecs=recipe.num_matvecs)
    return watch


@pytest.mark.parametrize("data", [FEATURES, IMAGES], ids=["features", "images"])
@pytest.mark.parametrize("options", [{"epochs": 6}, {"epochs": 2, "seed": 3, "measure": ["label_contrast"], "num_matvecs": 2}])
def test_the_scores_are_those_of_an_audit(data: LabeledData, options: dict[str, Any]) -> None:
    training = TrainingOptions(**options)
    finding = FindingOptions(cut_off="5%", score="default" if data is IMAGES else "margin")  # the default joins cross-fitting
    audited = audit_data(data, training, finding, DuplicateOptions(duplicates=False))
    watched = watch_training(data, training).result(data, cut_off="5%", score=finding.score)
    own = set() if data is IMAGES else set(CROSS_FIT_SCORES)
    assert set(audited.score_names) - set(watched.score_names) == {"training_gradient", *own}
    for name in set(watched.score_names) - (set() if data is IMAGES else set(LABEL_NOISE_SCORES)):  # from the cross-fitted networks
        np.testing.assert_array_equal(watched.scores[name], audited.scores[name], err_msg=name)
    np.testing.assert_array_equal(watched.scores["suspicion"], audited.scores["suspicion"])
    np.testing.assert_array_equal(watched.scores["flagged"], audited.scores["flagged"])
    for name in watched.trajectories:
        np.testing.assert_array_equal(watched.trajectories[name], audited.trajectories[name], err_msg=name)
    assert watched.summary["reference_margin"] == audited.summary["reference_margin"]
    assert watched.summary["dataset"] == audited.summary["dataset"]
