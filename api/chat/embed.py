"""The web chat on a commune's own site: one script that puts a round button there, and the page that it frames.

Only the origins of GOCUA_CHAT_ORIGINS may frame it; on any other page the script shows a link to the chat instead. The
frame's cookie is a partitioned one: it works where other sites' cookies are blocked, follows nobody from one commune's
site to another's, and keeps every token out of addresses and scripts. A browser too old for it is shown the link there.
"""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from api import threads
from api.chat.door import MOST_CHARACTERS, Door
from api.chat.pages import Pages, page_headers
from api.house import House

_SCRIPT = Path(__file__).parent / "static" / "embed.js"


def router(house: House, door: Door, pages: Pages) -> APIRouter:
    routes = APIRouter()
    allowed = house.settings.framing_origins

    @routes.get("/embed.js")
    async def script() -> Response:
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "public, max-age=3600",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return FileResponse(_SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)

    @routes.get("/embed/allowed")
    async def is_allowed(request: Request) -> Response:
        """204 when the page that asks may frame the chat. A browser lets it read the answer only then."""
        origin = request.headers.get("origin", "")
        if origin not in allowed:
            return Response(status_code=403, headers={"Vary": "Origin"})
        return Response(status_code=204, headers={"Vary": "Origin", "Access-Control-Allow-Origin": origin})

    @routes.get("/embed")
    async def page(request: Request) -> Response:
        resident = door.resident(request)
        lines = () if resident is None else await house.store.read(lambda c: threads.thread(c, f"web:{resident}"))
        html = pages.page(lines, MOST_CHARACTERS, house.now(), framed=True)
        answer = HTMLResponse(html, headers=page_headers(*allowed))
        door.let_in(answer, resident, framed=True)
        return answer

    return routes
