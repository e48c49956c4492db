"""Find wrong labels while the Trainer of transformers trains a model of yours: python examples/watch_hf_trainer.py.

In two processes: torchrun --nproc-per-node 2 examples/watch_hf_trainer.py
"""

import tempfile

import datasets
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

import curv_issues
from curv_issues.callbacks.hf_trainer import WatchCallback

digits = load_digits()
labels, is_wrong = curv_issues.flip_labels(digits.target, 0.05, seed=0)  # known wrong labels
pixels = (digits.images / 16).reshape(-1, 1, 8, 8).astype("float32")
data = datasets.Dataset.from_dict({"pixel_values": list(pixels), "labels": labels}).with_format("torch")
small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
model = ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, num_channels=1, num_labels=10, **small))
callback = WatchCallback(len(data), num_classes=10)
with tempfile.TemporaryDirectory() as folder:
    size = {"num_train_epochs": 6, "per_device_train_batch_size": 32, "learning_rate": 2e-3}
    quiet = {"use_cpu": True, "disable_tqdm": True, "report_to": "none", "save_strategy": "no"}
    arguments = TrainingArguments(folder, remove_unused_columns=False, **size, **quiet)
    Trainer(model, arguments, train_dataset=curv_issues.with_index(data), callbacks=[callback]).train()
ranked = callback.watch.result(labels).scores["suspicion"].to_numpy().argsort()[::-1]
print(f"{is_wrong[ranked[:89]].sum()} of the {is_wrong.sum()} wrong labels are among the 89 most suspect")
