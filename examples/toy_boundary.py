"""Curvature of points in the plane, a part of them with wrong labels, after figure 7 of Garg, Ravikumar, Roy 2023.

python examples/toy_boundary.py [IMAGE.png]

Two spirals of 15 points each, 30% of the labels wrong, are learned by heart by a fully connected network: each wrong label becomes
an island in the decision regions. Prints how well the curvature of the loss, averaged over training, tells wrong labels from right
ones, for five seeds: weakly, because right labels near an island have a high curvature too. With a file name, draws the
regions of the first seed after training and, at each point, a circle whose area is its curvature; wrong labels have a black edge
(needs matplotlib).
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from curv_issues import input_loss_curvature

POINTS, NOISE = 15, 0.3  # of each class; fraction of wrong labels
WIDTHS = (2, 100, 100, 500, 200, 100)
EPOCHS = 150  # of one batch
MEASURED_EVERY = 10  # epochs
STEP = 0.1  # of the finite difference; the plane is 2 wide, and smaller steps miss most bends of the network
SEEDS = range(5)


def spirals(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the points (30, 2) of two spirals, in [-1, 1], and their classes (30,)."""
    along = torch.linspace(0.15, 1, POINTS)
    arms = []
    for turn in (0, np.pi):
        angle = 1.5 * np.pi * along + turn
        arms.append(torch.stack([along * angle.cos(), along * angle.sin()], dim=1))
    points = torch.cat(arms)
    return points + 0.02 * torch.randn(points.shape, generator=generator), torch.arange(2).repeat_interleave(POINTS)


def network() -> nn.Sequential:
    """Return the network of the figure: BatchNorm and ReLU after each hidden layer."""
    hidden = [
        layer for one, other in itertools.pairwise(WIDTHS) for layer in (nn.Linear(one, other), nn.BatchNorm1d(other), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(WIDTHS[-1], 2))


def train(points: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[nn.Sequential, Tensor]:
    """Train by SGD and return the network and the curvature at each point, the mean over training (30,)."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    measured = []
    for epoch in range(EPOCHS):
        model.train()
        optimizer.zero_grad()
        functional.cross_entropy(model(points), labels).backward()
        optimizer.step()
        model.eval()
        if epoch % MEASURED_EVERY == 0:
            measured.append(input_loss_curvature(model, points, labels, num_matvecs=10, step=STEP, generator=generator).curvature)
    return model, torch.stack(measured).mean(0)


def draw(model: nn.Module, points: Tensor, given: Tensor, is_wrong: Tensor, curvature: Tensor, path: str) -> None:
    """Draw decision regions and points."""
    from matplotlib.figure import Figure

    axis = np.linspace(-1.3, 1.3, 300, dtype=np.float32)
    plane = torch.from_numpy(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    with torch.no_grad():
        probability = model(plane).softmax(1)[:, 1].reshape(len(axis), len(axis))
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(probability, extent=(-1.3, 1.3, -1.3, 1.3), origin="lower", cmap="coolwarm", alpha=0.35, vmin=0, vmax=1)
    colours = np.array(["tab:blue", "tab:red"])[given.numpy()]
    edges = np.where(is_wrong.numpy(), "black", "white")
    axes.scatter(*points.T.numpy(), s=30 + 400 * (curvature / curvature.max()).numpy(), c=colours, edgecolors=edges, linewidths=1.5)
    axes.set(title="Area: curvature; black edge: wrong label", xticks=[], yticks=[])
    figure.savefig(path, dpi=90)


def main() -> None:
    """Train on noisy labels with several seeds, print how well curvature finds them, and draw the first if a file is named."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        points, classes = spirals(generator)
        is_wrong = torch.zeros(len(points), dtype=torch.bool)
        is_wrong[torch.randperm(len(points), generator=generator)[: round(NOISE * len(points))]] = True
        given = torch.where(is_wrong, 1 - classes, classes)
        model, curvature = train(points, given, generator)
        with torch.no_grad():
            fitted = int((model(points).argmax(1) == given).sum())
        found.append(roc_auc_score(is_wrong, curvature))
        means = f"{curvature[is_wrong].mean():.0f} at wrong labels, {curvature[~is_wrong].mean():.0f} at right ones"
        print(f"Seed {seed}: {fitted} of {len(points)} labels fitted; curvature {means}; AUROC {found[-1]:.2f}")
        if seed == SEEDS[0] and len(sys.argv) > 1:
            draw(model, points, given, is_wrong, curvature, sys.argv[1])
    print(f"Mean AUROC of curvature: {np.mean(found):.2f}")


if __name__ == "__main__":
    main()
