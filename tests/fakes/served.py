"""What fake providers share: an HTTP server on 127.0.0.1, a clock that tests move, faults, webhooks.

Never judges a call: that is each fake's own.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, web

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One call: the end of its path, its fields (a form's JSON is opened), its files."""

    what: str
    fields: Fields
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next call of `what`. `status` 0: the line drops. `done`: after it was carried out."""

    what: str
    status: int
    body: Any
    done: bool


class Served:
    """`async with` serves at `.base_url`. A fake adds routes whose handlers go through `carried`."""

    def __init__(self) -> None:
        self.base_url = ""
        self.webhook_url = ""
        self.now_ms = 1_795_255_200_000  # 2026-11-21 10:00 UTC
        self.calls: list[Received] = []
        self.delivered: list[Fields] = []
        self._faults: list[Fault] = []
        self._newest: tuple[bytes, Fields] = (b"", {})
        #: what people sent, by path: the provider's own file server
        self.kept: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=60_000_000)
        app.router.add_routes(self.routes())
        app.router.add_get("/kept/{path:.+}", self._give_file)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = ClientSession(timeout=ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    def later(self, hours: float) -> None:
        self.now_ms += int(hours * 3_600_000)

    def fail(self, what: str, status: int, body: Any = None, *, done: bool = False) -> None:
        """The next call of `what` fails. `status` 0: no answer, the line drops; `done`: it was carried out before."""
        self._faults.append(Fault(what=what, status=status, body=body, done=done))

    def keep(self, path: str, data: bytes) -> str:
        """Puts a file at the provider; gives the address that a webhook names. Its faults are those of "file"."""
        self.kept[path] = data
        return f"{self.base_url}/kept/{path}"

    async def _give_file(self, request: web.Request) -> web.StreamResponse:
        """Calls nothing a picture that is none: whoever fetches has to look."""
        path = request.match_info["path"]
        self.calls.append(Received(what="file", fields={"path": path}))
        fault = next((one for one in self._faults if one.what == "file"), None)
        if fault is None:
            found = path in self.kept
            return web.Response(body=self.kept.get(path, b""), status=200 if found else 404, content_type="image/jpeg")
        self._faults.remove(fault)
        if not fault.status:
            assert request.transport is not None
            request.transport.abort()
        headers = {"Location": fault.body} if fault.status == 302 else {}
        return web.Response(status=fault.status or 200, headers=headers)

    def called(self, what: str) -> list[Received]:
        return [call for call in self.calls if call.what == what]

    async def carried(self, request: web.Request, call: Received, answer: Any) -> web.StreamResponse:
        """The answer of a call: `answer(call)` is a body, or status and body; unless a fault waits for it."""
        self.calls.append(call)
        fault = next((one for one in self._faults if one.what == call.what), None)
        if fault is None or fault.done:
            found = await answer(call)
        if fault is None:
            status, body = found if isinstance(found, tuple) else (200, found)
            return web.json_response(body, status=status)
        self._faults.remove(fault)
        if not fault.status:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(fault.body, str):
            return web.Response(status=fault.status, text=fault.body)
        return web.json_response(fault.body, status=fault.status)

    async def repeat(self) -> int:
        """The newest webhook once more, byte for byte."""
        return await self.post_webhook(*self._newest)

    async def post_webhook(self, raw: bytes, headers: Fields) -> int:
        """The status that the webhook gave, 0 when nobody is there."""
        self._newest = (raw, headers)
        if not self.webhook_url:
            return 0
        headers = {"content-type": "application/json"} | headers
        try:
            async with self._client.post(self.webhook_url, data=raw, headers=headers) as response:
                await response.read()
                return response.status
        except (TimeoutError, ClientError):
            return 0


async def read(request: web.Request, what: str, *, json_fields: tuple[str, ...] = ()) -> Received:
    """The call of a request. Of a form, `json_fields` hold JSON. Raises ValueError on what is no object or form."""
    if request.content_type == "application/json":
        fields = await request.json()
        if not isinstance(fields, dict):
            raise ValueError("object expected")
        return Received(what=what, fields=fields)
    if request.content_type not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise ValueError(f"content type {request.content_type}")
    fields, files = {}, {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = (value.filename, value.file.read())
        else:
            fields[name] = json.loads(str(value)) if name in json_fields else str(value)
    return Received(what=what, fields=fields, files=files)
