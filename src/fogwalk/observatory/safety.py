"""Who may ask the page's server, and what a browser may do with what it is sent.

Before this   nothing.
After this    server.py stands behind it.
Only this machine may ask, unless the server was bound to another host: then whoever knows the token. A browser that was sent here
by another site is refused (its Host or Origin tells), and so is a change that is not asked for as JSON.

With a token the Host is not compared with a list: nobody can say by which names another machine reaches this one. It need not be.
Another site whose name was made to lead here asks under that name, for which the browser holds no cookie of ours (it
is kept for the name under which the address with the token was opened), and the token itself that site does not know. Origin must
be the Host's in either case.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
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
MOST_PATH = 1_000  # letters of an address without its query
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
TOO_MUCH = 413, f"A request holds at most {MOST_BODY:,} bytes, and says how many."


class Guard:
    """Lets through what may pass, and puts the headers on what goes back. Without a `token` only loopback names are served."""

    def __init__(self, app: App, token: str = "") -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sealed(message: Message) -> None:
            nonlocal begun
            begun = True
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

        async def said(code: int, words: str, kind: str = "text/plain; charset=utf-8") -> None:
            headers = [(b"content-type", kind.encode())]
            await sealed({"type": "http.response.start", "status": code, "headers": headers})
            await sealed({"type": "http.response.body", "body": words.encode("utf-8", "backslashreplace")})

        try:
            if refused := self.refusal(scope):
                await said(*refused)
                return
            if scope["method"] == "POST":
                body = await _body(receive)
                if body is None:
                    await said(*TOO_MUCH)
                    return
                receive = _once(body, receive)
            await self.app(scope, receive, sealed)
        except Exception as error:  # the edge of the server: whoever asked sees words
            if begun:
                raise
            await said(500, json.dumps({"error": fault(error)}), "application/json")

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the words with which a request is refused; None where it may pass."""
        headers = _headers(scope)
        host = _name(headers.get("host", ""))
        if len(scope["path"]) > MOST_PATH:
            return 414, f"An address here has at most {MOST_PATH:,} letters."
        if not self.token and host not in LOOPBACK:
            return 400, f"This page answers to {LOOPBACK[0]} and {LOOPBACK[1]} alone, and was asked for '{host[:80]}'."
        if self.token and not self._known(scope, headers):
            return 401, "Open the address with its token, as it was printed when the server began."
        origin = headers.get("origin", "")
        foreign = origin and _place(origin) != headers.get("host", "")
        elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        led = not scope["path"].startswith("/api") and headers.get("sec-fetch-mode", "navigate") == "navigate"
        if foreign or (elsewhere and not led):  # a link may lead here, and no more
            return 403, "Another site may not ask for anything here."
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return 405, "Only GET and POST are answered."
        if _place(origin) != headers.get("host", ""):
            return 403, "Another site may not change anything here."
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "A change is asked for as JSON."
        length = headers.get("content-length", "")
        fits = length.isdecimal() and len(length) < 12 and int(length) <= MOST_BODY
        return None if fits else TOO_MUCH

    def _known(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether the token came along: in the address, a cookie, or as a bearer's."""
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = (self._asked(scope), cookie.value if cookie else "", bearer)
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in given)

    @staticmethod
    def _asked(scope: Scope) -> str:
        query: bytes = scope.get("query_string", b"")
        return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _place(origin: str) -> str | None:
    """The host and port of an origin; None of one that is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def _body(receive: Receive) -> Message | None:
    """All that comes along, in one message, counted as it comes; None where it is too much."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BODY:
            return None
    return {"type": "http.request", "body": body, "more_body": False}


def _once(first: Message, receive: Receive) -> Receive:
    """A message that has come already, then whatever comes after it."""
    waiting = [first]

    async def given() -> Message:
        return waiting.pop() if waiting else await receive()

    return given


def fault(error: Exception) -> str:
    """What is said of a fault of ours."""
    return f"the server could not answer this: {reason(error)}"


def reason(error: Exception) -> str:
    """What an error says, for people: never the name of its type."""
    return "there is not enough memory" if isinstance(error, MemoryError) else str(error) or "no reason is known"


def _name(host: str) -> str:
    """A host's name without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host
