"""A local Hub that datasets can be pushed to: create_repo, create_commit and delete_repo, besides what `HubServer` answers."""

from __future__ import annotations

import base64
import json
import re
import shutil
import urllib.parse
from pathlib import Path
from typing import Any

from tests.hub_server import HubServer, _Handler, _RefusalError

TOKEN = "hf_made_up"
_COMMIT = re.compile(r"/api/datasets/(?P<repo>[^/]+/[^/]+)/(?P<what>preupload|commit)/main")


class PushServer(HubServer):
    """A local Hub whose repositories can be written to with `TOKEN`.

    Attributes:
        private: whether each repository that was created is private.
        fails: whether commits are refused, and then deletions too with "all".
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._server.RequestHandlerClass = _WritingHandler
        self.private: dict[str, bool] = {}
        self.fails: bool | str = False

    def create(self, repo: str, *, private: bool) -> None:
        """Create a repository with one file."""
        self.private[repo] = private
        self.commit(repo, {".gitattributes": b"*.parquet filter=lfs\n"})

    def files(self, repo: str) -> dict[str, bytes]:
        """Return the files of the latest commit."""
        folder = self.repositories[repo].commits[self.repositories[repo].references["main"]]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def commit(self, repo: str, changed: dict[str, bytes]) -> str:
        """Add or replace files, and return the hash of the commit."""
        before = self.files(repo) if repo in self.repositories else {}
        folder = self._folder / f"{repo.replace('/', '--')}-{len(self.requests)}-{len(list(self._folder.glob('*')))}"
        for name, content in {**before, **changed}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return self.add_dataset(repo, folder)


class _WritingHandler(_Handler):
    def do_DELETE(self) -> None:  # noqa: N802
        self._answer()

    @property
    def _push_hub(self) -> PushServer:
        assert isinstance(self._hub, PushServer)
        return self._hub

    def _answer(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        found = _COMMIT.fullmatch(path)
        if path == "/api/validate-yaml" or path.startswith("/api/repos/") or found:
            self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._hub.requests.append(f"{self.command} {path}")
            try:
                self._send_json(self._write(path, found))
            except _RefusalError as refusal:
                self._send_json({"error": refusal.message}, {"X-Error-Message": refusal.message}, status=refusal.status)
        else:
            super()._answer()

    def _write(self, path: str, found: re.Match[str] | None) -> Any:
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _RefusalError(401, None, "Invalid username or password.")
        if found is None:
            asked = json.loads(self._body)
            repo = f"{asked['organization']}/{asked['name']}"
            if path == "/api/repos/delete":
                if self._push_hub.fails == "all":
                    raise _RefusalError(500, None, "Out of order")
                shutil.rmtree(self._push_hub.repositories.pop(repo).commits.popitem()[1])
                return {}
            assert asked["type"] == "dataset"
            self._push_hub.create(repo, private=asked.get("visibility") == "private" or bool(asked.get("private")))
            return {"url": f"{self._hub.url}/datasets/{repo}", "name": repo, "id": "0" * 24}
        repo = found["repo"]
        if found["what"] == "preupload":
            files = json.loads(self._body)["files"]
            return {"files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]}
        if self._push_hub.fails:
            raise _RefusalError(500, None, "Out of order")
        entries = [json.loads(line) for line in self._body.splitlines()]
        parent = entries[0]["value"].get("parentCommit")
        if parent is not None and parent != self._hub.repositories[repo].references["main"]:
            raise _RefusalError(412, None, "A commit has happened since.")
        values = [entry["value"] for entry in entries if entry["key"] == "file"]
        changed = {value["path"]: base64.b64decode(value["content"]) for value in values}
        commit = self._push_hub.commit(repo, changed)
        url = f"{self._hub.url}/datasets/{repo}/commit/{commit}"
        return {"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""}

    def _info(self, repo: str, revision: str) -> dict[str, object]:
        info = super()._info(repo, revision)
        if not self._push_hub.private.get(repo, False):
            return info
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _RefusalError(401, "RepoNotFound", "Invalid username or password.")
        return {**info, "private": True}
