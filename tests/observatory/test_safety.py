"""Who may ask the page's server: this machine alone, or whoever knows the token; no other site, and no change but by JSON."""

from __future__ import annotations

import asyncio
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


def asked(guard: Guard, method: str = "POST", query: bytes = b"", **headers: str) -> int:
    """The status that a request gets."""
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

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    asyncio.run(guard(scope, receive, send))
    return int(said[0]["status"])


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
