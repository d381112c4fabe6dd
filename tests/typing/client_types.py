"""Types of the public API, checked by mypy and pyright; this code is not run."""

from __future__ import annotations

from datetime import date
from typing import assert_type

from wxcube import AsyncClient, Client, Window
from wxcube.contract.article import UserRead, getuserread
from wxcube.contract.content import ArticleTotalDetail, getarticletotaldetail
from wxcube.contract.source import Answer, Source
from wxcube.contract.user import UserSummary, getusersummary


def use_client(client: Client) -> None:
    rows = client.fetch(getuserread, "2026-03-01", date(2026, 3, 7))
    assert_type(rows, list[UserRead])
    assert_type(rows[0].ref_date, date)
    assert_type(rows[0].int_page_read_user, int)
    assert_type(rows[0].ori_page_read_user, int | None)
    assert_type(client.ask(getuserread, Window.parse("2026-03-01")), Answer[UserRead])


async def use_async_client(client: AsyncClient) -> None:
    details = await client.fetch(getarticletotaldetail, "2026-03-01", "2026-03-01")
    assert_type(details, list[ArticleTotalDetail])
    assert_type(details[0].detail_list[0].read_finish_rate, float)
    answer = await client.ask(getusersummary, Window.parse("2026-03-01"))
    assert_type(answer, Answer[UserSummary])
    assert_type(answer.rows, list[UserSummary])


def a_client_is_a_source(client: AsyncClient) -> Source:
    return client


def errors_are_found(client: Client) -> None:
    client.fetch("getuserread", "2026-03-01", "2026-03-01")  # type: ignore[arg-type] # a name is not an endpoint
    client.fetch(getuserread, 20260301, "2026-03-01")  # type: ignore[arg-type] # a number is not a date
    rows = client.fetch(getuserread, "2026-03-01", "2026-03-01")
    rows[0].int_page_read_users  # type: ignore[attr-defined] # noqa: B018 - no such column
    Client("wx", "secret", concurency=3)  # type: ignore[call-arg] # misspelt
