"""Logging in: the first code, throttling, ends of sessions, forms of other sites, hosts."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from pages.conftest import PASSWORD
from support.visitor import Visitor
from wxcube.beijing import ManualClock
from wxcube.figures.catalogue import FIGURES
from wxcube.pages.app import ROUTES
from wxcube.pages.guard import Entrance
from wxcube.pages.site import Site


def test_the_first_person_needs_the_code_and_it_works_once(visitor: Visitor, site: Site) -> None:
    assert visitor.get("/login").location == "/welcome"
    wrong = visitor.post("/welcome", code="a code", name="me", password=PASSWORD)
    assert wrong.status == 403
    assert "not the code" in wrong.text
    short = visitor.post("/welcome", code="the code", name="me", password="short")
    assert short.status == 400
    right = visitor.post("/welcome", code="the code", name="me", password=PASSWORD)
    assert right.location == "/accounts"
    assert visitor.get("/accounts").status == 200
    other = Visitor(visitor.url)
    again = other.post("/welcome", code="the code", name="other", password=PASSWORD)
    assert again.location == "/login"
    assert not site.people.has_password("other", PASSWORD)


OPEN_ROUTES = {"/static/{name}", "/language/{code}", "/theme/{code}", "/login", "/welcome"}
"""Routes that need no login."""


def _paths(method: str) -> list[tuple[str, str]]:
    """Every route of a method, with an address of it; of cards, every card in every format."""
    found = [(one.path, one.path) for one in ROUTES if method in (one.methods or ())]
    found += [("a page that does not exist", "/nothing")] if method == "GET" else []
    filled = []
    for route, path in found:
        if "{card}" in route:
            formats = ("svg", "png", "json", "csv", "xlsx")
            filled += [(route, f"/{card}.{kind}") for card in FIGURES for kind in formats]
        else:
            filled.append((route, re.sub(r"{\w+}", "app.css" if "static" in route else "zh", path)))
    return filled


def test_without_login_there_is_no_page_and_no_figure(visitor: Visitor, site: Site) -> None:
    site.people.set_password("me", PASSWORD)
    for route, path in _paths("GET"):
        page = visitor.get(path)
        if route in OPEN_ROUTES:
            assert not page.location.startswith("/login?next="), path
        elif "{extension}" in route:
            assert page.status == 401, path
        else:
            assert page.location.startswith("/login?next="), path
    assert not visitor.cookies.keys() - {"wxcube_language"}


def test_without_login_no_form_is_accepted(visitor: Visitor, site: Site) -> None:
    site.people.set_password("me", PASSWORD)
    for route, path in _paths("POST"):
        status = visitor.post(path, name="me", password="wrong").status
        assert status == {"/login": 403, "/welcome": 303}.get(route, 401), path
    assert not visitor.cookies


def test_every_form_of_another_site_is_refused(operator: Visitor) -> None:
    for _route, path in _paths("POST"):
        for origin in ("https://evil.example", "null", None):
            refused = operator.post(path, origin=origin, password=PASSWORD)
            assert refused.status == 403, path
            assert "another site" in refused.text, path
        for token in ("", "0" * 64):
            assert operator.post(path, form_token=token, password=PASSWORD).status == 403, path
    assert operator.get("/accounts").status == 200


def test_the_language_is_chosen_before_the_login(visitor: Visitor, site: Site) -> None:
    site.people.set_password("me", PASSWORD)
    assert visitor.get("/language/zh?next=%2Flogin").location == "/login"
    assert '<html lang="zh-CN"' in visitor.get("/login").text


def test_the_colours_are_chosen_and_kept(operator: Visitor) -> None:
    assert 'data-theme="system"' in operator.get("/accounts").text
    for theme in ("dark", "light", "system"):
        assert operator.get(f"/theme/{theme}?next=%2Faccounts").location == "/accounts"
        assert f'data-theme="{theme}"' in operator.get("/accounts").text
    assert operator.get("/theme/pink?next=https%3A%2F%2Fevil.example").location == "/"
    assert 'data-theme="system"' in operator.get("/accounts").text


def test_after_the_login_the_page_opens_that_was_asked_for(site: Site, visitor: Visitor) -> None:
    site.people.set_password("me", PASSWORD)
    target = "/followers?range=7d"
    reply = visitor.post("/login", name="me", password=PASSWORD, next=target)
    assert reply.location == target


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_after_the_login_no_other_site_opens(site: Site, visitor: Visitor, target: str) -> None:
    site.people.set_password("me", PASSWORD)
    assert visitor.post("/login", name="me", password=PASSWORD, next=target).location == "/"


def test_ten_tries_an_hour_for_a_name(site: Site, visitor: Visitor, clock: ManualClock) -> None:
    site.people.set_password("me", PASSWORD)
    tries = [visitor.post("/login", name="me", password="wrong").status for _ in range(10)]
    assert tries == [403] * 10
    assert visitor.post("/login", name="me", password=PASSWORD).status == 429
    clock.advance(timedelta(hours=1))
    assert visitor.post("/login", name="me", password=PASSWORD).location == "/"


def test_twenty_tries_an_hour_from_an_address(site: Site, visitor: Visitor) -> None:
    site.people.set_password("me", PASSWORD)
    tries = [visitor.post("/login", name=f"n{n}", password="wrong").status for n in range(21)]
    assert tries == [403] * 20 + [429]


@pytest.mark.parametrize(
    ("step", "count"), [(timedelta(hours=12, seconds=1), 1), (timedelta(hours=11), 31)]
)
def test_a_session_ends_when_idle_or_old(
    operator: Visitor, clock: ManualClock, step: timedelta, count: int
) -> None:
    """After 12 idle hours, or 14 days."""
    for _ in range(count - 1):
        clock.advance(step)
        assert operator.get("/accounts").status == 200
    clock.advance(step)
    assert operator.get("/accounts").location.startswith("/login")


def test_logging_out_ends_the_session_for_copies_of_the_cookie_too(operator: Visitor) -> None:
    copy = Visitor(operator.url, cookies=dict(operator.cookies))
    assert operator.post("/logout").location == "/login"
    assert not operator.cookies
    assert copy.get("/accounts").location.startswith("/login")


def test_a_new_password_ends_all_other_sessions(site: Site, operator: Visitor) -> None:
    other = Visitor(operator.url)
    other.post("/login", name="me", password=PASSWORD)
    changed = operator.post("/password", password=PASSWORD, new_password="another password")
    assert changed.location == "/"
    assert operator.get("/accounts").status == 200
    assert other.get("/accounts").location.startswith("/login")
    assert not site.people.has_password("me", PASSWORD)


def test_a_form_that_is_too_large_is_refused(operator: Visitor) -> None:
    assert operator.post("/login", name="x" * 70_000).status == 413


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8310", "", "[::", "1.2.3.4.5"])
def test_a_host_that_is_not_ours_is_refused(visitor: Visitor, host: str) -> None:
    assert visitor.get("/login", host=host).status in {400, 403}


def test_the_public_address_is_a_host_and_its_cookies_are_secure(
    site: Site, visitor: Visitor
) -> None:
    site.entrance = Entrance(site.entrance.sessions, "https://stats.example.com")
    assert visitor.get("/login", host="stats.example.com").status == 303
    site.people.set_password("me", PASSWORD)
    reply = visitor.post("/login", name="me", password=PASSWORD)
    assert "Secure" in reply.headers["set-cookie"]
    assert "HttpOnly" in reply.headers["set-cookie"]
    assert "SameSite=Lax" in reply.headers["set-cookie"]


def test_the_file_has_neither_passwords_nor_ids_of_sessions(
    operator: Visitor, tmp_path: Path
) -> None:
    dump = "\n".join(sqlite3.connect(tmp_path / "logins.db").iterdump())
    assert "me" in dump
    assert PASSWORD not in dump
    assert operator.cookies["wxcube_session"] not in dump
    assert (tmp_path / "logins.db").stat().st_mode & 0o077 == 0


def test_every_response_has_the_strict_headers(operator: Visitor) -> None:
    for path in ("/accounts", "/nothing", "/static/app.css", "/login"):
        headers = operator.get(path).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
