"""Who may ask the page's server: this machine alone, or whoever knows the token; no other site, and no change but by JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory.safety import MOST_BODY, Guard
from fogwalk.observatory.server import application


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.1:8777", "localhost:1", "[::1]:8777", "[::1]"])
def test_this_machine_may_ask(host: str, tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        assert client.get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8777", "", "localhost.", "[::2]", "a b"]
)
def test_a_name_that_leads_here_from_elsewhere_is_refused(host: str, tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        answer = client.get("/api/runs", headers={"host": host})
        assert answer.status_code == 400
        assert "answers to 127.0.0.1" in answer.text


def test_every_answer_carries_the_policy(tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        for address in ("/", "/page/app.js", "/api/runs", "/api/runs/none", "/nowhere"):
            headers = client.get(address).headers
            assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data: blob:")
            assert headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}]
)
def test_another_site_is_answered_nothing_even_when_it_only_asks(headers: dict[str, str], tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        assert client.get("/api/runs", headers=headers).status_code == 403
        assert client.get("/api/runs", headers={"sec-fetch-site": "same-origin"}).status_code == 200
        assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200, "a link may lead here"


OURS = {"origin": "http://127.0.0.1"}
EVIL = {"origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (OURS, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"} | OURS, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403),
        (EVIL, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 403),
    ],
)
@pytest.mark.parametrize("address", ["/", "/?run=book", "/page/app.js", "/page/style.css"])
def test_the_pages_own_files_are_for_the_page_and_for_links(
    address: str, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        assert client.get(address, headers=headers).status_code == status


async def taken(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def asked(guard: Guard, method: str = "POST", query: bytes = b"", receive: Any = None, **headers: str) -> int:
    """The status that a request gets."""
    return int(answered(guard, method, query, receive, **headers)[0]["status"])


def answered(guard: Guard, method: str = "POST", query: bytes = b"", receive: Any = None, **headers: str) -> list[Any]:
    """All that is sent back."""
    told = {"host": "127.0.0.1:8777"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def nothing() -> Any:
        return {"type": "http.request", "body": b""}

    asyncio.run(guard(scope, receive or nothing, send))
    return said


MINE = {"origin": "http://127.0.0.1:8777", "content_type": "application/json", "content_length": "2"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://127.0.0.1:8778"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_length": ""}, 413),
        ({"content_length": str(MOST_BODY + 1)}, 413),
        ({"host": "evil.example"}, 400),
    ],
)
def test_a_change_is_asked_for_by_the_page_itself(changes: dict[str, str], status: int) -> None:
    assert asked(Guard(taken), **(MINE | changes)) == status


def test_a_change_is_measured_as_it_comes_whatever_length_it_says() -> None:
    """As with Transfer-Encoding: chunked, beside which a Content-Length says nothing."""
    pieces, given = [b"x" * 400_000] * 3, 0
    got: list[Any] = []

    async def receive() -> Any:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": pieces[given - 1], "more_body": given < len(pieces)}

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            got.append(message)
        got.append(message)
        await taken(scope, receive, send)

    assert asked(Guard(read), receive=receive, **MINE) == 413
    assert not got
    pieces, given = [b'{"a"', b":1", b"}"], 0
    assert asked(Guard(read), receive=receive, **MINE) == 200
    assert b"".join(message["body"] for message in got) == b'{"a":1}'


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://[]/", "[", "http://a]b"])
def test_an_origin_that_is_none_is_anothers(origin: str) -> None:
    for method in ("GET", "POST"):
        assert asked(Guard(taken), method, **(MINE | {"origin": origin})) == 403


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "5, 5", "1e3"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert asked(Guard(taken), **(MINE | {"content_length": length})) == 413


def test_an_address_of_any_length_is_answered_in_words(tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        for digits in (13, 900, 5000):
            answer = client.get(f"/api/runs/two-moons/steps/{'9' * digits}")
            assert answer.status_code in (404, 414)
            assert "Exceeds" not in answer.text
        answer = client.get("/api/runs/two-moons/events", headers={"last-event-id": "9" * 5000})
        assert answer.status_code == 404
        assert "Last-Event-ID cannot be '999" in answer.json()["error"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("frames/3?edit=layers.0.weight:0,0:1e39", "edit cannot be"),
        ("answer?prompt=%00", "the prompt holds"),
        ("answer?prompt=x%3D1%00", "the prompt holds"),
        ("answer/form?prompt=%00", "the prompt holds"),
    ],
)
def test_what_no_number_and_no_text_can_be_is_refused_in_words(address: str, words: str, tmp_path: Path) -> None:
    with TestClient(application(tmp_path), base_url="http://127.0.0.1") as client:
        answer = client.get(f"/api/runs/two-moons/{address}")
        assert answer.status_code == 404
        assert words in answer.json()["error"]


@pytest.mark.parametrize("what", [ValueError("odd"), KeyError("x"), MemoryError(), RecursionError("deep")])
def test_a_fault_is_said_in_words_behind_the_same_guard(what: Exception) -> None:
    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        raise what

    said = answered(Guard(faulty), "GET")
    assert said[0]["status"] == 500
    assert any(name == b"content-security-policy" for name, _ in said[0]["headers"])
    words = json.loads(said[1]["body"])["error"]
    assert words.startswith("the server could not answer this")
    assert type(what).__name__ not in words


def test_other_ways_of_asking_are_refused() -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert asked(Guard(taken), method, **MINE) == 405


def test_another_host_needs_the_token() -> None:
    guard = Guard(taken, "secret")
    for given, status in (
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer secret"}, 200),
        ({"cookie": "fogwalk=secret"}, 200),
        ({"cookie": "fogwalk=wrong"}, 401),
    ):
        assert asked(guard, "GET", host="machine.example:8777", **given) == status, given
    assert asked(guard, "GET", b"token=secret", host="machine.example") == 200
    assert asked(guard, "GET", b"token=", host="machine.example") == 401
