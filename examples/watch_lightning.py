"""Find wrong labels while Lightning trains a network of your own: python examples/watch_lightning.py [PROCESSES]."""

import sys

import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import curv_issues
from curv_issues.callbacks.lightning import WatchCallback


class Network(torch.nn.Sequential, lightning.LightningModule):
    def training_step(self, batch, _):
        inputs, labels, _index = batch
        return torch.nn.functional.cross_entropy(self(inputs), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


digits, network = load_digits(), Network(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
labels, is_wrong = curv_issues.flip_labels(digits.target, 0.05, seed=0)  # known wrong labels
data = curv_issues.with_index(TensorDataset(torch.tensor(digits.data / 16).float(), torch.tensor(labels)))
callback = WatchCallback(len(data), num_classes=10)
trainer = lightning.Trainer(accelerator="cpu", devices=int([*sys.argv, 1][1]), max_epochs=8, callbacks=[callback], barebones=True)
trainer.fit(network, DataLoader(data, batch_size=32, shuffle=True))
rows = callback.watch.result(labels).scores.nlargest(89, "suspicion")["row"]
trainer.print(f"{is_wrong[rows].sum()} of the {is_wrong.sum()} wrong labels are among the 89 most suspect")
