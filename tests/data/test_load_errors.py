from __future__ import annotations

import errno
from types import SimpleNamespace

import datasets
import pytest
from huggingface_hub import constants, errors

from curv_issues.data.load_errors import explain_errors
from curv_issues.errors import AuditError, CurvIssuesError, DatasetError, UsageError

CACHE = str(datasets.config.HF_CACHE_HOME)


def explain(error: BaseException) -> CurvIssuesError:
    with pytest.raises(CurvIssuesError) as caught, explain_errors("org/name"):
        raise error
    assert "\n" not in str(caught.value)
    return caught.value


def wrapped(cause: BaseException) -> BaseException:
    error = datasets.exceptions.DatasetGenerationError("An error occurred while generating the dataset")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        wrapped(OSError(errno.ENOSPC, "No space left on device")),
        OSError("Not enough disk space. Needed: 1 TB (download: 1 TB, generated: 1 TB)"),
    ],
)
def test_no_disk_space(error):
    found = explain(error)
    assert type(found) is AuditError
    assert str(found) == (f"No disk space left for the Hugging Face cache in {CACHE}; free some, or set HF_HOME to another folder.")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOTDIR])
def test_a_cache_that_cannot_be_written(number):
    found = explain(wrapped(OSError(number, "No way", f"{CACHE}/datasets/x.lock")))
    assert type(found) is AuditError
    assert str(found) == f"The Hugging Face cache in {CACHE} cannot be written (No way); set HF_HOME to another folder."


def test_a_source_that_cannot_be_read():
    found = explain(PermissionError(errno.EACCES, "Permission denied", "/data/a.parquet"))
    assert type(found) is DatasetError
    assert str(found) == ("org/name cannot be read as a dataset: [Errno 13] Permission denied: '/data/a.parquet'.")


def test_first_line_of_the_innermost_cause_is_reported():
    assert str(explain(wrapped(ValueError("Bad thing.\nSee the docs")))) == ("org/name cannot be read as a dataset: Bad thing.")
    assert str(explain(KeyError())) == "org/name cannot be read as a dataset: KeyError."


def test_other_hub_responses():
    response = SimpleNamespace(headers={}, request=None, status_code=503)
    found = explain(errors.HfHubHTTPError("Service Unavailable\nfor url ...", response=response))
    assert type(found) is DatasetError
    assert str(found) == "The Hugging Face Hub responded with status 503 to the request for org/name."


def test_gated_datasets():
    found = explain(datasets.exceptions.DatasetNotFoundError("Dataset 'org/name' is a gated dataset on the Hub."))
    assert str(found).startswith("org/name is a gated dataset: accept its terms on ")


def test_hub_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for error in (ConnectionError("Refused"), TimeoutError("Refused")):
        found = explain(error)
        assert type(found) is DatasetError
        assert str(found) == (
            "The Hugging Face Hub cannot be reached for org/name (Refused), and no local file or folder has that name; "
            "to use a cached copy, set HF_HUB_OFFLINE=1."
        )


def test_offline(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert str(explain(errors.OfflineModeIsEnabled("Cannot reach"))) == (
        "org/name is not in the Hugging Face cache, HF_HUB_OFFLINE is set, and no local file or folder has that name."
    )


def test_own_errors_and_bugs_pass_through():
    with pytest.raises(UsageError, match=r"^mine$"), explain_errors("org/name"):
        raise UsageError("mine")
    with pytest.raises(ZeroDivisionError), explain_errors("org/name"):
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), explain_errors("org/name"):
        raise KeyboardInterrupt
