"""Who may ask the page's server, and what a browser may do with what it is sent.

Before this   nothing.
After this    server.py stands behind it.
Only this machine may ask, unless the server was bound to another host: then whoever knows the token. A browser that was sent here
by another site is refused (its Host or Origin tells), and so is a change that is not asked for as JSON.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "fogwalk"
MOST_BODY = 1_000_000  # bytes
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Lets through what may pass, and puts the headers on what goes back. Without a `token` only loopback names are served."""

    def __init__(self, app: App, token: str = "") -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self.refusal(scope)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in known
                ]
                if self.token and self._asked(scope) == self.token:
                    cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
                    more.append((b"set-cookie", cookie.encode()))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        if refused:
            code, words = refused
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await sealed({"type": "http.response.start", "status": code, "headers": headers})
            await sealed({"type": "http.response.body", "body": words.encode()})
            return
        await self.app(scope, receive, sealed)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the words with which a request is refused; None where it may pass."""
        headers = _headers(scope)
        host = _name(headers.get("host", ""))
        if not self.token and host not in LOOPBACK:
            return 400, f"This page answers to {LOOPBACK[0]} and {LOOPBACK[1]} alone, and was asked for '{host[:80]}'."
        if self.token and not self._known(scope, headers):
            return 401, "Open the address with its token, as it was printed when the server began."
        origin = headers.get("origin", "")
        foreign = origin and urlsplit(origin).netloc != headers.get("host", "")
        elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        led = not scope["path"].startswith("/api") and headers.get("sec-fetch-mode", "navigate") == "navigate"
        if foreign or (elsewhere and not led):  # a link may lead here, and no more
            return 403, "Another site may not ask for anything here."
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return 405, "Only GET and POST are answered."
        if urlsplit(origin).netloc != headers.get("host", ""):
            return 403, "Another site may not change anything here."
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "A change is asked for as JSON."
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BODY:
            return 413, f"A request holds at most {MOST_BODY:,} bytes, and says how many."
        return None

    def _known(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether the token came along: in the address, a cookie, or as a bearer's."""
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = (self._asked(scope), cookie.value if cookie else "", bearer)
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in given)

    @staticmethod
    def _asked(scope: Scope) -> str:
        query: bytes = scope.get("query_string", b"")
        return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _name(host: str) -> str:
    """A host's name without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host
