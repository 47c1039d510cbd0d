"""Questions to the page's server in this process, without a network, and its answers kept, for a page that has no server.

Before this   server.py answers.
After this    recording.py says what is asked; report.py puts the recording into a file; page/recorded.js answers from it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from fogwalk.observatory.safety import App

MOST_BYTES = 5_000_000  # of a recording when it is packed; in the file it takes a third more
LARGEST = MOST_BYTES // 3  # of one answer


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    shape: str | None  # of a tensor


@dataclass
class Recording:
    """The answers by question, and in `held` what was asked, for a page that says so."""

    name: str
    answers: dict[str, Answer] = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)

    def content(self) -> bytes:
        """As page/recorded.js reads it, compressed: the header's length, the header as JSON, and every different body once."""
        places: dict[bytes, int] = {}
        bodies, told = bytearray(), {}
        for key, answer in self.answers.items():
            if answer.body not in places:
                places[answer.body] = len(bodies)
                bodies += answer.body
            told[key] = [places[answer.body], len(answer.body), answer.status, answer.shape]
        header = json.dumps({"held": self.held, "answers": told}, ensure_ascii=False).encode()
        return gzip.compress(struct.pack("<I", len(header)) + header + bytes(bodies), mtime=0)


def packed(told: Any) -> bytes:
    """Plain values as JSON without blanks."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def key_of(path: str, query: dict[str, str]) -> str:
    """A question as page/recorded.js spells it."""
    return json.dumps([path, sorted(map(list, query.items()))], ensure_ascii=False, separators=(",", ":"))


class Asking:
    """Asks, and keeps what is answered while there is room for it."""

    def __init__(self, app: App, name: str, hidden: dict[str, str]) -> None:
        self.app = app
        self.recording = Recording(name)
        self.size = 0  # bytes of the answers so far, packed
        self._packer = zlib.compressobj()
        self._bodies: set[bytes] = set()  # by their digests
        self.began = time.monotonic()
        self.most, self.until = float(MOST_BYTES), float("inf")
        places = sorted(hidden, key=len, reverse=True)
        self._hidden = hidden
        self._places = re.compile("|".join(f"{re.escape(place)}(?![\\w-])" for place in places)) if places else None

    def bound(self, share: float = 1.0, seconds: float = float("inf")) -> None:
        """From now on ask only for so much of what room is left, and so long."""
        self.most = self.size + share * (MOST_BYTES - self.size)
        self.until = time.monotonic() + seconds

    @property
    def room(self) -> bool:
        """Whether more may be asked."""
        return self.size < self.most and time.monotonic() < self.until

    async def __call__(self, path: str, **query: Any) -> Any:
        """The answer as plain values, which is kept unless it is very large; of an error or a tensor, or without room, None."""
        given = {name: str(value) for name, value in query.items() if value is not None and value != ""}
        if (kept := self.recording.answers.get(key_of(path, given))) is not None:
            return json.loads(kept.body) if kept.status == 200 and kept.shape is None else None
        if not self.room:
            return None
        answer = await _answered(self.app, f"/api/{path}", given)
        told: Any = None
        if answer.shape is None:
            told = self._without_places(json.loads(answer.body))
            answer = Answer(answer.status, packed(told), None)
            if answer.status != 200 and str(told.get("error", "")).startswith("nothing is at"):
                return None  # no such address
        if len(zlib.compress(answer.body, 1)) < LARGEST:
            self.recording.answers[key_of(path, given)] = answer
            self._count(answer.body)
        return told if answer.status == 200 else None

    def _count(self, body: bytes) -> None:
        """What one more answer takes beside the others: of what stood before only a mention."""
        if (seen := hashlib.sha256(body).digest()) not in self._bodies:
            self._bodies.add(seen)
            self.size += len(self._packer.compress(body))
        self.size += 30  # of the header

    async def of_run(self, path: str, **query: Any) -> Any:
        """What stands below the run's own address."""
        return await self(f"runs/{self.recording.name}{path}", **query)

    async def also(self, path: str, query: dict[str, Any], **other: Any) -> Any:
        """What `of_run` gives; the same is the answer to another question, in which what is left open is named."""
        told = await self.of_run(path, **query)
        keys = [
            key_of(
                f"runs/{self.recording.name}{path}",
                {name: str(value) for name, value in one.items() if value is not None},
            )
            for one in (query, query | other)
        ]
        if keys[0] in self.recording.answers:
            self.recording.answers[keys[1]] = self.recording.answers[keys[0]]
        return told

    def _without_places(self, told: Any) -> Any:
        """Without what tells where on this machine anything stands: of a path only its name is left."""
        if isinstance(told, str):
            places = self._places
            return places.sub(lambda found: self._hidden[found.group()], told) if places else told
        if isinstance(told, list):
            return [self._without_places(one) for one in told]
        if isinstance(told, dict):
            return {self._without_places(name): self._without_places(value) for name, value in told.items()}
        return told


async def _answered(app: App, path: str, query: dict[str, str]) -> Answer:
    """One question to an application in this process."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    status, shape, body = 500, None, b""

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, shape, body
        if message["type"] == "http.response.start":
            status = message["status"]
            shape = next((value.decode() for name, value in message["headers"] if name == b"x-shape"), None)
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    return Answer(status, body, shape)
