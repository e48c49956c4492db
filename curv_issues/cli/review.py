"""The command `review`: serve the page of a finished audit on this machine."""

from __future__ import annotations

import contextlib
import secrets
import socket
import webbrowser
from typing import Annotated

import typer

from curv_issues.cli.shared import Debug, exit_codes
from curv_issues.counting import counted
from curv_issues.errors import UsageError
from curv_issues.results.folder import output_folder
from curv_issues.visible import visible

HOST = "127.0.0.1"


def review(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of results that audit has written.")],
    *,
    port: Annotated[int, typer.Option(help="Port on this machine. Default: any free one.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open the page in a browser.")] = True,
    debug: Debug = False,
) -> None:
    """Review the findings of a finished audit in a browser.

    Serves the page on this machine only, under a secret address, and writes every decision to DIR/decisions.json at once. After 50
    judged labels, the estimated number of wrong labels and the cut-off are corrected by them. Ctrl-C ends it. Needs the extra
    review.
    """
    with exit_codes():
        try:
            import uvicorn

            from curv_issues.serving.app import make_app
        except ImportError as error:
            raise UsageError(f"curv-issues review needs the package {error.name}; pip install 'curv-issues[review]'.") from None
        from curv_issues.results.result import AuditResult
        from curv_issues.serving.images import ServedImages
        from curv_issues.serving.store import opened_store

        folder = output_folder(directory)
        result = AuditResult.load(folder)
        with opened_store(result, folder) as store, contextlib.closing(_listening(port)) as listener:
            number = listener.getsockname()[1]
            token = secrets.token_urlsafe(24)
            images = ServedImages(result)
            app = make_app(result, store, images, token=token, hosts=[HOST, "localhost"])
            address = f"http://{HOST}:{number}/{token}/"
            typer.echo(address)
            typer.echo(visible(f"Reviewing {result} Decisions are saved in {store.path}. Press Ctrl-C to end."), err=True)
            if images.problem is not None:
                typer.echo(visible(f"Note: only the images that the audit stored are shown. {images.problem}"), err=True)
            if browser:
                webbrowser.open(address)
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
            typer.echo(visible(f"{counted(len(store.by_row), 'decision')} in {store.path}."), err=True)


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine only.

    Raises:
        UsageError: the port is in use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # the browser may be faster than the server
    except OSError as error:
        listener.close()
        raise UsageError(f"Port {port} cannot be used ({error.strerror}); choose another with --port.") from None
    return listener
