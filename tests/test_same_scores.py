"""One small run gives scores identical to those before the code was moved (issue 23). To be deleted after the move.

python -m tests.test_same_scores    # update the hashes
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HASHES = Path(__file__).with_name("same_scores.json")
SCRIPT = """
import numpy as np, torch
from sklearn.datasets import load_digits
import curv_issues
from tests.test_same_scores import print_hashes
digits = load_digits()
images, labels = (digits.images * 15.9).astype(np.uint8)[:500], digits.target[:500].copy()
labels[::25] = (labels[::25] + 1) % 10
images[1::50] = images[::50]
data = curv_issues.from_arrays(images, labels)
others = curv_issues.from_arrays((digits.images * 15.9).astype(np.uint8)[400:600], digits.target[400:600])
print_hashes(curv_issues.audit(data, epochs=4, curvature_epochs=2, measure="all", against=others, device="cpu"))
"""


def machine() -> dict[str, str]:
    import numpy
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "numpy": numpy.__version__, "processor": f"{platform.machine()} {capability}"}


def print_hashes(result: Any) -> None:
    parts = {name: getattr(result, name).to_csv(index=False) for name in ("scores", "findings", "conflicts", "pairs", "leakage")}
    arrays = {"pred_probs": result.pred_probs, "embeddings": result.embeddings, **result.trajectories}
    contents = {name: text.encode() for name, text in parts.items()} | {name: array.tobytes() for name, array in arrays.items()}
    hashes = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in sorted(contents.items())}
    print(json.dumps({"machine": machine(), "hashes": hashes}, indent=1))


def run() -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=250)
    return json.loads(done.stdout)


def test_scores_of_a_small_run_are_unchanged() -> None:
    expected = json.loads(HASHES.read_text())
    if machine() != expected["machine"]:
        pytest.skip("the hashes are of another machine or another version of torch or numpy")
    assert run()["hashes"] == expected["hashes"]


if __name__ == "__main__":
    HASHES.write_text(json.dumps(run(), indent=1) + "\n")
