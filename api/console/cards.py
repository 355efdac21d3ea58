"""Pocket cards, printed on A6: one page a topic, for any member. The words are knowledge/cards.yaml's."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.responses import Response

from api import qr, words
from api.auth import member_of
from api.console.console import Console
from bot.library import Folders
from knowledge import cards

TopicId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]


def router(console: Console) -> APIRouter:
    routes = APIRouter(dependencies=[Depends(member_of)])
    house = console.house
    shelf = cards.load(Folders().knowledge / "cards.yaml", house.shelf.library.scams.links)

    @routes.get("/the-bo-tui")
    async def all_cards() -> Response:
        return console.pages.answer("cards.html", cards=shelf.values(), topics=words.topics(house.shelf.library))

    @routes.get("/the-bo-tui/{topic}")
    async def one_card(topic: TopicId) -> Response:
        card = shelf.get(topic)
        if card is None:
            raise HTTPException(404)
        code = qr.squares(f"https://{card.address}") if card.address else None
        return console.pages.answer("card.html", card=card, code=code)

    return routes
