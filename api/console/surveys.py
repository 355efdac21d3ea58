"""What residents answered in surveys, for the leads of their place: counts on a page, rows as a file. Reads only.

Each reading is written down.
"""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import Response

from api import cases, surveys
from api.auth import Member
from api.console.console import Console
from api.console.lead import Lead
from api.console.pages import SAFE
from bot.flow import Flow

SurveyId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,80}$")]

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house = console.house

    def known(survey: str) -> Flow:
        flow = house.shelf.library.flows.get(survey)
        if flow is None or flow.kind != "survey":
            raise HTTPException(404)
        return flow

    @routes.get("/surveys")
    async def all_surveys(me: Lead) -> Response:  # noqa: ARG001 leads alone
        flows = [flow for flow in house.shelf.library.flows.values() if flow.kind == "survey"]
        return console.pages.answer("surveys.html", flows=flows)

    @routes.get("/surveys/{survey}")
    async def one_survey(me: Lead, survey: SurveyId) -> Response:
        flow, now, library = known(survey), house.now(), house.shelf.library

        def look(connection: sa.Connection) -> surveys.Result:
            cases.write_log(connection, now, "survey_read", member_id=me.id, flow=flow.id)
            return surveys.result(connection, library, me, flow)

        shown = await house.store.write(look)
        return console.pages.answer("survey.html", flow=flow, result=shown)

    @routes.get("/surveys/{survey}/table.csv")
    async def as_csv(me: Lead, survey: SurveyId) -> Response:
        flow = known(survey)
        return _file(surveys.as_csv(await table(me, flow)), f"{flow.id}.csv", "text/csv; charset=utf-8")

    @routes.get("/surveys/{survey}/table.xlsx")
    async def as_xlsx(me: Lead, survey: SurveyId) -> Response:
        flow = known(survey)
        return _file(surveys.as_xlsx(await table(me, flow)), f"{flow.id}.xlsx", _XLSX)

    async def table(me: Member, flow: Flow) -> tuple[tuple[str, ...], ...]:
        now, library = house.now(), house.shelf.library

        def look(connection: sa.Connection) -> tuple[tuple[str, ...], ...]:
            rows = surveys.table(connection, library, me, flow)
            detail = str(len(rows) - 1)
            cases.write_log(connection, now, "survey_exported", member_id=me.id, flow=flow.id, detail=detail)
            return rows

        return await house.store.write(look)

    return routes


def _file(data: bytes, name: str, kind: str) -> Response:
    headers = {**SAFE, "Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, headers=headers, media_type=kind)
