"""fogwalk observe: a page on this machine that shows every run, live and finished."""

from __future__ import annotations

import argparse
import errno
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

from fogwalk.cli.parsing import Parser
from fogwalk.errors import UsageError
from fogwalk.observatory.safety import LOOPBACK

PORT = 8777
TRIED = 20  # ports after it, where it is taken


def parser(summary: str) -> Parser:
    """Which folder, and where the page stands."""
    parser = Parser("observe", summary)
    parser.add_argument("folder", nargs="?", default="runs", help="the folder of the runs, or one run (default: runs)")
    parser.add_argument(
        "--port", type=int, metavar="N", help=f"the port of the page (default: {PORT}, or the next free one)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="the address to answer at (default: 127.0.0.1, this machine alone); any other needs the token that is printed",
    )
    parser.add_argument("--run", metavar="NAME", help="the run that is shown first")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    return parser


def run(found: argparse.Namespace) -> int:
    """Serve until Ctrl+C."""
    root = Path(found.folder).expanduser()
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is not a folder", expected="It holds runs, or is one.")
    if found.run:
        from fogwalk.observatory.reading import Shelf

        Shelf(root).find(found.run)
    near = found.host in LOOPBACK
    token = "" if near else secrets.token_urlsafe(24)
    taken = _socket(found.host, found.port)
    import uvicorn

    from fogwalk.observatory.server import application

    asked = ({"run": found.run, "view": "live"} if found.run else {}) | ({"token": token} if token else {})
    first, *others = [
        f"http://{f'[{host}]' if ':' in host else host}:{taken.getsockname()[1]}/{'?' if asked else ''}{urlencode(asked)}"
        for host in _reached(found.host, taken)
    ]
    print(
        f"{first}\n  shows the runs of {root.absolute()}; Ctrl+C ends the page, and no training but one that waits for it",
        flush=True,
    )
    if not root.exists():
        print(
            "  there is no such folder yet; the first training makes it, and runs that come along are shown", flush=True
        )
    if found.port is None and taken.getsockname()[1] != PORT:
        print(f"  port {PORT} is taken, perhaps by another page", flush=True)
    for other in others:
        print(f"  it stands at {other} too", flush=True)
    if token:
        print("  whoever has this address may look at the runs and begin trainings; it is sent unencrypted", flush=True)
    if not found.no_open:
        import threading
        import webbrowser

        threading.Timer(0.5, webbrowser.open, (first,)).start()
    config = uvicorn.Config(
        application(root, token),
        log_level="error" if found.debug else "critical",
        access_log=False,
        limit_concurrency=100,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[taken])
    return 0


def _reached(host: str, taken: socket.socket) -> list[str]:
    """The addresses under which the page can be opened: of a socket that listens at all of this machine's, those that another one
    can reach, else this machine's own name for itself."""
    if not ip_address(str(taken.getsockname()[0]).partition("%")[0]).is_unspecified:
        return [host]
    both = taken.family == socket.AF_INET6 and not taken.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    families = [taken.family, *([socket.AF_INET] if both else [])]
    found = [address for family in families for address in _addresses(family)]
    return list(dict.fromkeys(found)) or [LOOPBACK[2] if taken.family == socket.AF_INET6 else LOOPBACK[0]]


def _addresses(family: int) -> Iterator[str]:
    """This machine's addresses in a network: the one it would send from (nothing is sent), then those of its name."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect(("2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1", 9))  # kept free for examples
        yield str(one.getsockname()[0])
    with suppress(OSError):
        for *_, (address, *_) in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM):
            known = ip_address(str(address).partition("%")[0])
            if not (known.is_loopback or known.is_link_local or known.is_unspecified):
                yield str(address)


def _socket(host: str, port: int | None) -> socket.socket:
    """A socket on the port, or on the first free one after the usual. Raises UsageError where it is taken, or where this machine
    has no such address."""
    if port is not None and not 0 <= port <= 65535:
        raise UsageError(f"--port cannot be {port}", expected="It is a number from 0 to 65535; 0 takes any free one.")
    try:
        family, _, _, _, (known, *_) = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise UsageError(f"--host cannot be {host!r}", expected="It is an address of this machine.") from None
    for tried in [port] if port is not None else range(PORT, PORT + TRIED):
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((str(known), tried))
            one.listen(128)
        except OSError as error:
            one.close()
            if error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(f"this machine has no address {host}", remedy="Leave --host out.") from None
            continue
        return one
    which = f"port {port} is" if port is not None else f"ports {PORT} to {PORT + TRIED - 1} are"
    raise UsageError(f"{which} taken", remedy="Name another: --port 9000, or --port 0 for any free one.")
