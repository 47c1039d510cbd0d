"""fogwalk observe: a page on this machine that shows every run, live and finished."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from urllib.parse import urlencode

from fogwalk.cli.parsing import Parser
from fogwalk.errors import UsageError

PORT = 8777
TRIED = 20  # ports after it, where it is taken


def parser(summary: str) -> Parser:
    """Which folder, and where the page stands."""
    parser = Parser("observe", summary)
    parser.add_argument("folder", nargs="?", default="runs", help="the folder of the runs, or one run (default: runs)")
    parser.add_argument(
        "--port", type=int, metavar="N", help=f"the port of the page (default: {PORT}, or the next free one)"
    )
    parser.add_argument("--run", metavar="NAME", help="the run that is shown first")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    return parser


def run(found: argparse.Namespace) -> int:
    """Serve until Ctrl+C."""
    root = Path(found.folder).expanduser()
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is not a folder", expected="It holds runs, or is one.")
    taken = _socket(found.port)
    import uvicorn

    from fogwalk.observatory.server import application

    shown = f"?{urlencode({'run': found.run, 'view': 'live'})}" if found.run else ""
    address = f"http://127.0.0.1:{taken.getsockname()[1]}/{shown}"
    print(f"{address}\n  shows the runs of {root.absolute()}; Ctrl+C ends the page, and no training", flush=True)
    if not found.no_open:
        import threading
        import webbrowser

        threading.Timer(0.5, webbrowser.open, (address,)).start()
    config = uvicorn.Config(
        application(root),
        log_level="error",
        access_log=False,
        limit_concurrency=100,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[taken])
    return 0


def _socket(port: int | None) -> socket.socket:
    """A loopback socket on the port, or on the first free one after the usual. Raises UsageError where it is taken."""
    if port is not None and not 0 <= port <= 65535:
        raise UsageError(f"--port cannot be {port}", expected="It is a number from 0 to 65535; 0 takes any free one.")
    for tried in [port] if port is not None else range(PORT, PORT + TRIED):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", tried))
            one.listen(128)
        except OSError:
            one.close()
            continue
        return one
    which = f"port {port} is" if port is not None else f"ports {PORT} to {PORT + TRIED - 1} are"
    raise UsageError(f"{which} taken", remedy="Name another: --port 9000, or --port 0 for any free one.")
