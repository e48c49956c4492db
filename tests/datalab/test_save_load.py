"""A saved Datalab opens in a new process, with or without this package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab

from curv_issues.datalab.register import CurvatureIssueManager
from tests.datalab.labs import N, digits, find, make_lab, run_python

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "curv_issues":
            raise ModuleNotFoundError(f"blocked: {name}")

sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture
def saved(trained: Datalab, tmp_path: Path) -> Path:
    features = np.stack([np.asarray(image).ravel() for image in digits()[0]]).astype(float)
    trained.find_issues(features=features, issue_types={"near_duplicate": {}})
    trained.save(str(tmp_path / "lab"))
    trained.issues.to_parquet(tmp_path / "issues.parquet")
    return tmp_path


def test_with_the_package(saved: Path):
    code = """
import json, sys
import pandas as pd
from cleanlab import Datalab
import curv_issues
lab = Datalab.load(sys.argv[1] + "/lab")
before = pd.read_parquet(sys.argv[1] + "/issues.parquet")
pd.testing.assert_frame_equal(lab.get_issues(), before)
assert list(lab.get_issues("curvature").columns) == list(before.columns[:6])
for verbosity in range(4):  # the near_duplicate type does not support 4
    lab.report(verbosity=verbosity, show_all_issues=True)
def no_training(*arguments, **options):
    raise SystemExit("trained")
import curv_issues.training.run
curv_issues.training.run.run_probe = no_training
options = {"epochs": 2, "resolution": 8, "curvature_epochs": 1, "device": "cpu"}
lab.find_issues(issue_types={"curvature": {**options, "cut_off": "50%"}})
print(json.dumps([lab.get_info("curvature")["options"]["cut_off"], int(lab.issues["is_curvature_issue"].sum())]))
"""
    cut_off, flagged = json.loads(run_python(code, saved).splitlines()[-1])
    assert cut_off == "50%"
    assert flagged >= N // 2


def test_without_the_package(saved: Path):
    code = (
        BLOCK
        + """
import pandas as pd
from cleanlab import Datalab
lab = Datalab.load(sys.argv[1] + "/lab")
pd.testing.assert_frame_equal(lab.get_issues(), pd.read_parquet(sys.argv[1] + "/issues.parquet"))
print(list(lab.get_issues("near_duplicate").columns[:2]), sorted(lab.issue_summary["issue_type"]))
print(lab.get_info("curvature")["epochs_done"], type(lab.info["statistics"]["curv_issues_run"]["result"]).__name__)
print([name for name in sys.modules if name.startswith("curv_issues")])
"""
    )
    lines = run_python(code, saved).splitlines()[-3:]
    assert lines == [
        "['is_near_duplicate_issue', 'near_duplicate_score'] ['curvature', 'near_duplicate']",
        "2 dict",
        "[]",
    ]


def test_report_without_the_package(tmp_path: Path, trained: Datalab):
    """Datalab looks up the class of each type it reports; ours is among them only if something is flagged."""
    find(trained, cut_off="0%")
    trained.save(str(tmp_path / "lab"))
    code = BLOCK + "from cleanlab import Datalab\nDatalab.load(sys.argv[1]).report()\n"
    assert "No issues found in the data." in run_python(code, tmp_path / "lab")


def test_csv_file_beside_the_pickle(saved: Path):
    table = pd.read_csv(saved / "lab" / "issues.csv")
    assert tuple(table.columns[:6]) == CurvatureIssueManager.columns
    assert np.allclose(table["curvature_score"], pd.read_parquet(saved / "issues.parquet")["curvature_score"])


def test_a_loaded_datalab_can_be_saved_again(saved: Path):
    lab = Datalab.load(str(saved / "lab"))
    find(lab)
    lab.save(str(saved / "again"))
    assert Datalab.load(str(saved / "again")).issues.equals(lab.issues)


def test_saved_datalab_holds_no_class_of_this_package(tmp_path: Path):
    lab = make_lab()
    find(lab)
    lab.save(str(tmp_path / "lab"))
    assert b"curv_issues." not in (tmp_path / "lab" / "datalab.pkl").read_bytes()
