"""The way into the console and out of it. Says nothing about why a link no longer works, nor whose it was."""

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api import auth, cases
from api.console.pages import Pages
from api.house import House


def router(house: House, pages: Pages) -> APIRouter:
    routes = APIRouter()

    @routes.get("/sign-in")
    async def how_to(request: Request) -> Response:
        if await auth.member_or_none(request):
            return RedirectResponse("/team", 303)
        return pages.answer("sign_in.html", token="", is_dead=False)

    @routes.get("/sign-in/{token}")
    async def door(token: str) -> Response:
        now = house.now()
        if await house.store.read(lambda c: auth.is_fresh(c, token, now)):
            return pages.answer("sign_in.html", token=token, is_dead=False)
        return pages.answer("sign_in.html", 410, token="", is_dead=True)

    @routes.post("/sign-in/{token}")
    async def enter(token: str) -> Response:
        now = house.now()

        def spend(connection: sa.Connection) -> bool:
            member_id = auth.spend_link(connection, token, now)
            if member_id is not None:
                cases.write_log(connection, now, "signed_in", member_id=member_id)
            return member_id is not None

        if not await house.store.write(spend):
            return pages.answer("sign_in.html", 410, token="", is_dead=True)
        answer = RedirectResponse("/team", 303)
        auth.set_cookie(answer, house, token)
        return answer

    @routes.post("/sign-out")
    async def leave(request: Request) -> Response:
        now, sitting = house.now(), auth.sitting_of(request, house)

        def end(connection: sa.Connection) -> None:
            member_id = auth.end_sitting(connection, sitting)
            if member_id is not None:
                cases.write_log(connection, now, "signed_out", member_id=member_id)

        await house.store.write(end)
        answer = RedirectResponse("/team/sign-in", 303)
        auth.drop_cookie(answer)
        return answer

    return routes
