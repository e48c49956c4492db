"""The application that serves the page of a report and saves decisions: for one person, on this machine only."""

from __future__ import annotations

import hmac
import json
import threading
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from curv_issues.auditing.decided import LEAST_JUDGED, with_decisions
from curv_issues.errors import CurvIssuesError, UsageError
from curv_issues.report.choice import choose
from curv_issues.report.html.page import render_page
from curv_issues.report.thumbnails import MIME_TYPE
from curv_issues.report.view import estimate_text, make_view
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import parse_decision
from curv_issues.serving.images import ServedImages
from curv_issues.serving.store import DecisionStore

MOST_FINDINGS = 10_000  # of each kind
LONGEST_BODY = 100_000  # bytes
EVERY = 10  # judged labels between two corrections of the estimate
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address has the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ReviewApp:
    """What the routes share.

    Attributes:
        store: of the decisions.
        estimate: the estimated number of wrong labels in words, corrected by the decisions; None: too few of them.
    """

    def __init__(self, result: AuditResult, store: DecisionStore, images: ServedImages, *, token: str) -> None:
        self._result = result
        self._token = token
        self._correcting = threading.Lock()
        self._corrected = 0
        self.store = store
        self.estimate: str | None = None
        self._images = images
        self.correct()

    def routes(self) -> list[Route]:
        """Return the addresses, each below the secret one."""
        return [
            Route("/{token}/", self.page),
            Route("/{token}/image/{row:int}/{size}", self.image),
            Route("/{token}/decisions", self.state, methods=["GET"]),
            Route("/{token}/decisions", self.decide, methods=["POST"]),
        ]

    def _refuse(self, request: Request) -> Response | None:
        """Return an answer to somebody who does not know the token, such as another web page in the same browser."""
        if hmac.compare_digest(request.path_params["token"].encode(), self._token.encode()):
            return None
        return PlainTextResponse("Open the address that curv-issues review has printed.", 404, headers=HEADERS)

    async def page(self, request: Request) -> Response:
        """Send the page."""
        if (refused := self._refuse(request)) is not None:
            return refused
        return Response(await run_in_threadpool(self._page), media_type="text/html; charset=utf-8", headers=HEADERS)

    def _page(self) -> bytes:
        view = make_view(
            self._result,
            decisions=self.store.decisions,
            choice=choose(self._result, most=MOST_FINDINGS),
            image_address=lambda row, size: f"image/{row}/{size}" if self._images.has(row, size) else None,
        )
        server = {"address": "decisions", "estimate": self.estimate}
        return render_page(view, server=server).encode("utf-8", "backslashreplace")

    async def image(self, request: Request) -> Response:
        """Send a thumbnail."""
        if (refused := self._refuse(request)) is not None:
            return refused
        content = await run_in_threadpool(self._images.get, request.path_params["row"], request.path_params["size"])
        if content is None:
            return PlainTextResponse("There is no such image.", 404, headers=HEADERS)
        return Response(content, media_type=MIME_TYPE, headers={**HEADERS, "Cache-Control": "private, max-age=3600"})

    async def state(self, request: Request) -> Response:
        """Send all decisions, which another tab may have changed, and the estimate."""
        return self._refuse(request) or JSONResponse(self._state(), headers=HEADERS)

    async def decide(self, request: Request) -> Response:
        """Save one decision and answer with the state; the answer is sent after the decision is on the disk."""
        if (refused := self._refuse(request)) is not None:
            return refused
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":  # no form of another page
            return PlainTextResponse("Expected JSON.", 415, headers=HEADERS)
        try:
            entry = await _read_entry(request)
            action = entry.get("action")
            decision = None if action is None else parse_decision({**entry, "row": None}, "The decision")
            await run_in_threadpool(self.store.set, entry["row"], decision)
        except UsageError as error:
            return PlainTextResponse(str(error), 400, headers=HEADERS)
        except CurvIssuesError as error:
            return PlainTextResponse(str(error), 500, headers=HEADERS)
        return JSONResponse(self._state(), headers=HEADERS, background=BackgroundTask(self.correct))

    def _state(self) -> dict[str, Any]:
        entries = [
            {name: value for name, value in asdict(decision).items() if value is not None}
            for decision in self.store.by_row.values()
        ]
        return {"decisions": entries, "estimate": self.estimate}

    def correct(self) -> None:
        """Correct estimate and cut-off by the decisions, if there are enough new ones; in one thread at a time."""
        judged = sum(decision.is_wrong is not None for decision in self.store.by_row.values())
        if judged < LEAST_JUDGED or judged - self._corrected < EVERY or not self._correcting.acquire(blocking=False):
            return
        try:
            found = with_decisions(self._result, self.store.decisions)
            before, after = (int(result.scores["flagged"].sum()) for result in (self._result, found))
            text = estimate_text(found)
            flags = f"By your {judged} judged labels, {after:,} labels would be flagged ({before:,} before)."
            self.estimate = f"{text} {flags}" if text else flags
            self._corrected = judged
        finally:
            self._correcting.release()


def make_app(result: AuditResult, store: DecisionStore, images: ServedImages, *, token: str, hosts: list[str]) -> Starlette:
    """Return the application.

    Args:
        result: that is reviewed.
        store: of its decisions.
        images: of its samples.
        token: secret part of the address.
        hosts: names of this machine that a browser may use, against DNS rebinding.
    """
    app = ReviewApp(result, store, images, token=token)
    return Starlette(routes=app.routes(), middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


async def _read_entry(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object with a row number."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise UsageError("The decision is too long.")
    try:
        entry = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError("The decision is not JSON.") from None
    if not isinstance(entry, dict) or type(entry.get("row")) is not int:
        raise UsageError("The decision has no row number.")
    return entry
