"""How the issue types are registered with Datalab, and the internals of Datalab that this uses."""

from __future__ import annotations

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from cleanlab import Datalab, IssueManager
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY, register
from cleanlab.datalab.internal.task import Task
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from curv_issues.datalab.register import CurvatureIssueManager, register_issue_types
from tests.datalab.labs import run_python


def test_cleanlab_has_the_expected_internals():
    """cleanlab >= 2.9, < 3: the internal names below are not public, and a new version may change them."""
    assert Version("2.9") <= Version(version("cleanlab")) < Version("3")
    assert list(inspect.signature(register).parameters) == ["cls", "task"]
    assert inspect.signature(register).parameters["task"].default == "classification"
    assert set(REGISTRY) == {Task.CLASSIFICATION, Task.REGRESSION, Task.MULTILABEL}
    assert {"label", "near_duplicate", "outlier", "null", "non_iid", "class_imbalance"} <= set(REGISTRY[Task.CLASSIFICATION])
    assert issubclass(CurvatureIssueManager, IssueManager)
    assert CurvatureIssueManager.issue_score_key == "curvature_score"
    assert {"labels", "class_names", "has_labels", "issues", "issue_summary", "info"} <= set(dir(Datalab))


def test_requirement_has_the_same_version_range():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = [Requirement(line) for line in project["dependencies"] if line.startswith("cleanlab")]
    assert wanted.extras == {"datalab"}
    assert wanted.specifier == SpecifierSet(">=2.9,<3")


def test_importing_the_package_imports_nothing_slow():
    code = "import curv_issues, sys; print([m for m in ('torch', 'cleanlab', 'datasets', 'pandas') if m in sys.modules])"
    assert run_python(code) == "[]\n"


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param("import curv_issues; import cleanlab; from cleanlab import Datalab", marks=pytest.mark.slow),
        "import cleanlab; import curv_issues; from cleanlab import Datalab",
        pytest.param(
            "from cleanlab import Datalab; import curv_issues; import curv_issues.datalab.register", marks=pytest.mark.slow
        ),
        pytest.param("import curv_issues; curv_issues.add_to_datalab; from cleanlab import Datalab", marks=pytest.mark.slow),
        "import curv_issues.datalab.curvature, curv_issues.datalab.register; from cleanlab import Datalab",
    ],
)
def test_every_order_of_imports_registers_the_type(imports: str):
    code = f"""
{imports}
import sys
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY
from cleanlab.datalab.internal.task import Task
types = [task.value for task in Task if "curvature" in REGISTRY[task]]
lab = Datalab({{"x": [1, 2], "label": [0, 1]}}, label_name="label")
print(types, "curvature" in lab.list_possible_issue_types(), "torch" in sys.modules)
print(type(curv_issues.audit).__name__)
"""
    assert run_python(code) == "['classification'] True False\nfunction\n"


def test_registering_again_is_silent(capsys: pytest.CaptureFixture[str]):
    register_issue_types()
    register_issue_types()
    assert capsys.readouterr().out == ""
    assert REGISTRY[Task.CLASSIFICATION]["curvature"] is CurvatureIssueManager


def test_importing_again_is_silent():
    code = """
from cleanlab import Datalab
import curv_issues, sys
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY
from cleanlab.datalab.internal.task import Task
for name in [name for name in sys.modules if name.startswith("curv_issues")]:
    del sys.modules[name]
import curv_issues
from curv_issues.datalab.register import CurvatureIssueManager
print(REGISTRY[Task.CLASSIFICATION]["curvature"] is CurvatureIssueManager)
"""
    assert run_python(code) == "True\n"


def test_replacing_the_type_of_another_package_is_reported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    class Other(IssueManager):
        issue_name = "curvature"

        def find_issues(self, **_):
            return

    monkeypatch.setitem(REGISTRY[Task.CLASSIFICATION], "curvature", Other)
    register_issue_types()
    assert "Overwriting existing issue manager curvature" in capsys.readouterr().out
    assert REGISTRY[Task.CLASSIFICATION]["curvature"] is CurvatureIssueManager
