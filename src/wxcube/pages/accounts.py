"""Accounts and syncs: adding an account, its rights, what a sync costs, and its progress."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wxcube.contract.window import Window
from wxcube.errors import SettingsError, WxcubeError
from wxcube.i18n import Message, _
from wxcube.jobs.sync_report import report_lines
from wxcube.jobs.sync_service import SyncOrder, SyncService
from wxcube.pages.rendering import render
from wxcube.pages.site import site_of

WECHAT = "https://api.weixin.qq.com"


def accounts_page(request: Request) -> Response:
    """The accounts, and the form that adds one."""
    return _accounts(request)


def add_account(request: Request) -> Response:
    """Try the credentials of an account; add it, or show the form again with the reason."""
    site, form = site_of(request), request.state.form
    if site.setup is None or site.source.is_demo:
        return RedirectResponse("/accounts", 303)
    appid, name = form.get("appid", "").strip(), form.get("name", "").strip()
    server = form.get("base_url", "").strip() or WECHAT
    try:
        rights = asyncio.run(site.setup.add(appid, form.get("secret", ""), name, server))
    except WxcubeError as error:
        return _accounts(request, status=400, error=error.as_message())
    site.rights[appid] = rights
    return RedirectResponse(f"/accounts/{appid}", 303)


def account_page(request: Request) -> Response:
    """What an account may do, and what a sync of it would cost now."""
    site, appid = site_of(request), request.path_params["appid"]
    source = site.source
    if source.sync is None or appid not in source.names():
        return RedirectResponse("/accounts", 303)
    return render(
        request,
        "account.html",
        appid=appid,
        name=source.accounts()[appid],
        rights=site.rights.get(appid, []),
        plan=source.sync.plan(appid),
    )


def start_demo(request: Request) -> Response:
    """Show the demo account from now on, until wxcube ends."""
    site = site_of(request)
    with site.demo_lock:
        if site.start_demo and not site.source.is_demo:
            site.source = site.start_demo()
    return RedirectResponse("/sync", 303)


def sync_page(request: Request) -> Response:
    """What the sync is doing, and what came of the last one."""
    return render(request, "sync.html", **_progress(request))


def sync_progress(request: Request) -> Response:
    """The part of the page that changes while a sync runs."""
    return render(request, "_progress.html", **_progress(request))


def order_sync(request: Request) -> Response:
    """Have something synced: an account, or the days of an endpoint once more."""
    sync, form = site_of(request).source.sync, request.state.form
    if sync is None:
        raise SettingsError(
            _("nothing is synced while these pages are shown"),
            hint=_("run `wxcube sync`, or start the pages with `wxcube up`"),
        )
    days = Window.parse(form["days"]) if form.get("days") else None
    sync.order(
        SyncOrder(
            accounts=tuple(filter(None, [form.get("account")])),
            only=tuple(filter(None, [form.get("endpoint")])),
            again=days,
        )
    )
    return RedirectResponse("/sync", 303)


ROUTES = [
    Route("/accounts", accounts_page),
    Route("/accounts", add_account, methods=["POST"]),
    Route("/accounts/{appid}", account_page),
    Route("/demo", start_demo, methods=["POST"]),
    Route("/sync", sync_page),
    Route("/sync", order_sync, methods=["POST"]),
    Route("/sync/progress", sync_progress),
]


def _accounts(request: Request, status: int = 200, error: Message | None = None) -> Response:
    site = site_of(request)
    return render(
        request,
        "accounts.html",
        status,
        error=error,
        accounts=site.source.accounts(),
        can_sync=site.source.sync is not None,
        can_add=site.setup is not None and not site.source.is_demo,
        can_start_demo=site.start_demo is not None and not site.source.is_demo,
        form=request.state.form,
        wechat=WECHAT,
    )


def _progress(request: Request) -> dict[str, Any]:
    source = site_of(request).source
    sync: SyncService | None = source.sync
    progress = sync.progress if sync else None
    names = source.names()
    lines = (
        list(report_lines(progress.last, lambda appid: names.get(appid) or appid))
        if progress and progress.last
        else []
    )
    return {"progress": progress, "lines": lines, "has_accounts": bool(source.accounts())}
