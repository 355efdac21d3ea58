"""What stands before the pages: whose word is taken for where somebody comes from."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import Request
from fastapi.responses import PlainTextResponse

from api.shelf import Shelf
from bot.library import Folders
from tests import console_app
from tests.service import DAY

NEAR, FAR = "127.0.0.1", "203.0.113.5"
BROUGHT = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}


@pytest.mark.parametrize(
    ("believed", "comes_from", "headers", "seen"),
    [
        ("", NEAR, BROUGHT, "https 198.51.100.7"),
        ("", NEAR, {}, "http 127.0.0.1"),
        ("", FAR, BROUGHT, "http 203.0.113.5"),
        ("*", FAR, BROUGHT, "https 198.51.100.7"),
    ],
)
async def test_a_proxy_is_believed_where_the_operator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    believed: str, comes_from: str, headers: Mapping[str, str], seen: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if believed:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", believed)
    app, _ = console_app.build(Shelf(Folders(), (), dict), tmp_path, DAY)

    @app.get("/who")
    async def who(request: Request) -> PlainTextResponse:
        assert request.client
        return PlainTextResponse(f"{request.url.scheme} {request.client.host}")

    config = uvicorn.Config(app, log_config=None)  # as `gocua serve` has it
    config.load()
    transport = httpx.ASGITransport(app=config.loaded_app, client=(comes_from, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as page:
        assert (await page.get("/who", headers=dict(headers))).text == seen
