"""The report of the days and accounts of a view, as a file to send."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wxcube.errors import SettingsError
from wxcube.export.files import MEDIA_TYPES
from wxcube.i18n import _
from wxcube.pages.card_files import PICTURE_CSP
from wxcube.pages.reader_language import reader_language
from wxcube.pages.site import site_of
from wxcube.pages.view import view_of
from wxcube.settings import REPORT_FORMATS

MOST_ACCOUNTS = 20
"""Accounts of a report that is made while somebody waits for it."""
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "png": "image/png",
    "xlsx": MEDIA_TYPES["xlsx"],
    "md": "text/markdown; charset=utf-8",
}


def report(request: Request) -> Response:
    """The report that a query asks for.

    Raises:  SettingsError if there are too many accounts, or no browser that prints.
    """
    site, wanted = site_of(request), request.path_params["extension"]
    file_format = next((one for one in REPORT_FORMATS if one == wanted), None)
    if site.write_report is None or file_format is None:
        raise HTTPException(404)
    view = view_of(request, "/")
    accounts = view.reader.accounts(view.filter)
    if len(accounts) > MOST_ACCOUNTS:
        raise SettingsError(
            _("a report of {n} accounts takes too long here", n=len(accounts)),
            hint=_(
                "choose at most {most} accounts, or run `wxcube report` in the terminal",
                most=MOST_ACCOUNTS,
            ),
        )
    with site.report_lock:
        name, content = site.write_report(
            view.reader, view.filter, view.names, reader_language(request), file_format
        )
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-security-policy": PICTURE_CSP,
    }
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[file_format])


ROUTES = [Route("/report.{extension}", report)]
