"""The pictures and files of cards, each at an address of its own."""

from __future__ import annotations

import io

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wxcube.charts import engine
from wxcube.charts.theme import Theme
from wxcube.figures.catalogue import FIGURES
from wxcube.pages.cards import NARROW, Card
from wxcube.pages.files import write_file
from wxcube.pages.reader_language import reader_language
from wxcube.pages.site import Site, site_of
from wxcube.pages.view import view_of

PICTURE_CSP = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""What a picture may load: nothing. It is shown as an image, where no script runs."""
_KEPT = "private, max-age=31536000, immutable"
_MISSING = HTTPException(404)


def card_file(request: Request) -> Response:
    """A card as picture, file or data."""
    name = f"{request.path_params['page']}/{request.path_params['card']}"
    respond = _FORMATS.get(request.path_params["extension"])
    if name not in FIGURES or respond is None:
        raise _MISSING
    return respond(request, Card(name, view_of(request, "/"), reader_language(request)))


ROUTES = [Route("/{page}/{card}.{extension}", card_file)]


def _svg(request: Request, card: Card) -> Response:
    is_current = request.query_params.get("v") == card.view.version
    headers = {
        "content-security-policy": PICTURE_CSP,
        "cache-control": _KEPT if is_current else "no-store",
    }
    return Response(_picture(request, card, "svg"), headers=headers, media_type="image/svg+xml")


def _png(request: Request, card: Card) -> Response:
    picture = _picture(request, card, "png")
    return Response(picture, headers=_attachment(card, "png"), media_type="image/png")


def _json(request: Request, card: Card) -> Response:
    theme = _theme(request) if "theme" in request.query_params else None
    return Response(msgspec.json.encode(card.as_data(theme)), media_type="application/json")


def _csv(_request: Request, card: Card) -> Response:
    return _file(card, "csv")


def _xlsx(_request: Request, card: Card) -> Response:
    return _file(card, "xlsx")


_FORMATS = {"svg": _svg, "png": _png, "json": _json, "csv": _csv, "xlsx": _xlsx}


def _file(card: Card, extension: str) -> Response:
    if not card.figure.columns:
        raise _MISSING
    buffer = io.BytesIO()
    media_type = write_file(buffer, card.figure, extension, card.language)
    headers = _attachment(card, extension)
    return Response(buffer.getvalue(), headers=headers, media_type=media_type)


def _picture(request: Request, card: Card, extension: str) -> bytes:
    width = NARROW if request.query_params.get("w") == str(NARROW) else engine.WIDTH
    return picture(site_of(request), card, _theme(request), width, extension)


def picture(site: Site, card: Card, theme: Theme, width: int, extension: str) -> bytes:
    """The chart of a card as `svg` or `png`.

    Raises:  HTTPException if there is nothing to draw.
    """

    def draw() -> bytes:
        if card.chart is None:
            raise _MISSING
        drawn = card.drawn(theme, width)
        return engine.png(drawn) if extension == "png" else drawn.encode()

    key = (card.address, card.view.query, card.view.version, card.language.code)
    return site.pictures.get((*key, theme, width, extension), draw)


def _theme(request: Request) -> Theme:
    return Theme.DARK if request.query_params.get("theme") == "dark" else Theme.LIGHT


def _attachment(card: Card, extension: str) -> dict[str, str]:
    days = card.figure.window
    name = f"wxcube-{card.key}-{days.first}_{days.last}.{extension}"
    return {"content-disposition": f'attachment; filename="{name}"'}
