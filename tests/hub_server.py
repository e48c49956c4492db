"""A local Hugging Face Hub: it answers the requests that the Hugging Face libraries make to load a dataset.

Serves dataset repositories made of local folders on a free port of this machine: dataset info, file tree, paths-info,
and resolve with commit, ETag and ranges; unknown, private and gated repositories are answered as by the Hub.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

_INFO = re.compile(r"/api/datasets/(?P<repo>[^/]+(?:/[^/]+)?)(?:/revision/(?P<revision>[^/]+))?")
_LISTING = re.compile(r"/api/datasets/(?P<repo>[^/]+(?:/[^/]+)?)/(?P<what>tree|paths-info)/(?P<revision>[^/]+)(?:/(?P<path>.*))?")
_RESOLVE = re.compile(r"/datasets/(?P<repo>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass
class _Repository:
    gated: bool = False
    private: bool = False
    references: dict[str, str] = field(default_factory=dict)  # branch or tag -> commit
    commits: dict[str, Path] = field(default_factory=dict)  # commit -> folder


class HubServer:
    """A local Hub server; a context manager that runs it in a thread.

    Attributes:
        url: the value for HF_ENDPOINT.
        requests: "METHOD path" of every request.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, _Repository] = {}
        self.moved: dict[str, str] = {}
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_dataset(self, repo: str, folder: Path, *, revision: str = "main", gated: bool = False, private: bool = False) -> str:
        """Serve the files of a folder as one revision of a dataset repository.

        Args:
            repo: "org/name".
            folder: its files, which must not change.
            revision: the branch or tag that points to them.
            gated: files cannot be read, as if the terms had not been accepted.
            private: the repository does not exist for users who are not logged in.

        Returns:
            The commit hash, derived from the content.
        """
        digest = hashlib.sha1(repo.encode(), usedforsecurity=False)
        for path in _files(folder):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
        repository = self.repositories.setdefault(repo, _Repository())
        repository.gated, repository.private = gated, private
        repository.references[revision] = digest.hexdigest()
        repository.commits[digest.hexdigest()] = folder
        return digest.hexdigest()

    def move_dataset(self, old: str, new: str) -> None:
        """Redirect an old id, as the Hub does from "mnist" to "ylecun/mnist"."""
        self.moved[old] = new


class _RefusalError(Exception):
    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _hub(self) -> HubServer:
        return self.server.hub  # type: ignore[attr-defined]

    def _answer(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self._hub.requests.append(f"{self.command} {path}")
        try:
            if found := _LISTING.fullmatch(path):
                if self._redirect(found["repo"]):
                    return
                commit, folder = self._find(found["repo"], found["revision"])
                listed = self._tree(folder, found["path"]) if found["what"] == "tree" else self._paths_info(folder)
                self._send_json(listed, {"X-Repo-Commit": commit})
            elif found := _RESOLVE.fullmatch(path):
                if self._redirect(found["repo"]):
                    return
                self._send_file(found["repo"], found["revision"], found["path"])
            elif found := _INFO.fullmatch(path):
                if not self._redirect(found["repo"]):
                    self._send_json(self._info(found["repo"], found["revision"] or "main"))
            else:
                raise _RefusalError(404, None, "Not Found")
        except _RefusalError as refusal:
            headers = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self._send_json({"error": refusal.message}, headers, status=refusal.status)

    def _redirect(self, repo: str) -> bool:
        new = self._hub.moved.get(repo)
        if new is None:
            return False
        self._send(307, b"", {"Location": self.path.replace(f"/datasets/{repo}", f"/datasets/{new}", 1)})
        return True

    def _find(self, repo: str, revision: str) -> tuple[str, Path]:
        repository = self._hub.repositories.get(repo)
        if repository is None:
            raise _RefusalError(404, "RepoNotFound", "Repository not found")
        if repository.private:
            raise _RefusalError(401, "RepoNotFound", "Invalid username or password.")
        commit = repository.references.get(revision, revision)
        if commit not in repository.commits:
            raise _RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repository.commits[commit]

    def _info(self, repo: str, revision: str) -> dict[str, object]:
        commit, folder = self._find(repo, revision)
        return {
            "_id": "0" * 24,
            "id": repo,
            "author": repo.split("/")[0],
            "sha": commit,
            "private": False,
            "gated": "manual" if self._hub.repositories[repo].gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "siblings": [{"rfilename": path.relative_to(folder).as_posix()} for path in _files(folder)],
        }

    def _tree(self, folder: Path, below: str | None) -> list[dict[str, object]]:
        root = folder / below if below else folder
        if not root.is_dir():
            raise _RefusalError(404, "EntryNotFound", f"{below} does not exist")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        recursive = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        return [_describe(path, folder) for path in sorted(root.rglob("*") if recursive else root.iterdir())]

    def _paths_info(self, folder: Path) -> list[dict[str, object]]:
        if "json" in (self.headers.get("Content-Type") or ""):
            paths = json.loads(self._body)["paths"]
        else:
            paths = urllib.parse.parse_qs(self._body.decode())["paths"]
        wanted = [folder / path for path in ([paths] if isinstance(paths, str) else paths)]
        return [_describe(path, folder) for path in wanted if path.exists()]

    def _send_file(self, repo: str, revision: str, path: str) -> None:
        commit, folder = self._find(repo, revision)
        if self._hub.repositories[repo].gated:
            raise _RefusalError(403, "GatedRepo", f"Access to dataset {repo} is restricted.")
        file = folder / path
        if not file.is_file():
            raise _RefusalError(404, "EntryNotFound", "Entry not found")
        content = file.read_bytes()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_hash(content)}"', "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self._send(200, content, headers)
            return
        start, stop = int(wanted[1]), int(wanted[2]) + 1 if wanted[2] else len(content)
        headers["Content-Range"] = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
        self._send(206, content[start:stop], headers)

    def _send_json(self, data: object, headers: dict[str, str] | None = None, *, status: int = 200) -> None:
        self._send(status, json.dumps(data).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _hash(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _describe(path: Path, folder: Path) -> dict[str, object]:
    entry = {"path": path.relative_to(folder).as_posix()}
    if path.is_dir():
        return {"type": "directory", "oid": _hash(str(path).encode()), "size": 0, **entry}
    return {"type": "file", "oid": _hash(path.read_bytes()), "size": path.stat().st_size, **entry}
