"""Messages in the ledger can be shown in any language, and have no secrets."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import TransportError
from wxcube.i18n import NOTHING, Listing, Meaning, Message, _, plural, verbatim
from wxcube.i18n.language import Language
from wxcube.warehouse.ledger_messages import MESSAGE_LENGTH, from_columns, to_columns
from wxcube.warehouse.store import Warehouse

CHINESE = Language("zh")
SUMMARY = named("getusersummary")
DAY, NOW = date(2026, 3, 9), datetime(2026, 3, 10, 9, tzinfo=BEIJING)
SECRET = "68_TokenThatMustNotShow0123456789abcdefghijklmnop"


def entry_message(warehouse: Warehouse) -> Message:
    return warehouse.coverage("wx1", SUMMARY)[DAY].message


def record(warehouse: Warehouse, message: Message) -> None:
    warehouse.record_error(
        "wx1", Origin.WECHAT, SUMMARY, Window.day(DAY), TransportError(message), NOW
    )


@pytest.mark.parametrize(
    "message",
    [
        _("the answer was cut off"),
        plural("{n} call", "{n} calls", n=2),
        _("{names}: {reason}", names=Listing(["a", _("sync")]), reason=Meaning("busy", "繁忙")),
        reply_error(48001, "api unauthorized", endpoint="getusersummary").as_message(),
        _("{error}", error=TransportError(_("no answer"), hint=_("try again later"))),
        verbatim("said by WeChat"),
        NOTHING,
    ],
)
def test_a_stored_message_is_the_same_in_every_language(
    warehouse: Warehouse, message: Message
) -> None:
    record(warehouse, message)
    assert entry_message(warehouse) == message
    assert CHINESE(entry_message(warehouse)) == CHINESE(message)


def test_the_english_text_is_readable_with_sql(warehouse: Warehouse) -> None:
    record(warehouse, _("the answer was cut off"))
    [(text, data)] = warehouse.query("SELECT message, message_data FROM coverage").rows
    assert text == "the answer was cut off"
    assert data.startswith("{")


def test_entries_of_older_versions_have_their_english_text(
    warehouse: Warehouse,
) -> None:
    record(warehouse, _("the answer was cut off"))
    with warehouse._database.transaction() as connection:
        change = "UPDATE coverage SET message = 'an old text', message_data = NULL"
        connection.exec_driver_sql(change)
    assert CHINESE(entry_message(warehouse)) == "an old text"


def test_damaged_data_gives_the_english_text() -> None:
    assert from_columns("a text", "no JSON") == "a text"
    assert from_columns("a text", '{"message":"another","plural":"","values":{}}') == "a text"


def test_values_that_json_does_not_have_are_stored_as_text_only() -> None:
    text, data = to_columns(_("{day:%d %B}", day=DAY))
    assert (text, data) == ("09 March", None)


@pytest.mark.parametrize(
    "message",
    [
        _("no answer to {path}", path=f"/cgi-bin/token?secret={SECRET}"),
        _("{name}={value}", name="access_token", value=SECRET),
        reply_error(40001, f"invalid credential, access_token={SECRET}").as_message(),
        _("{names}", names=Listing([f"secret={SECRET}"])),
    ],
)
def test_no_secret_is_stored(message: Message) -> None:
    text, data = to_columns(message)
    assert SECRET not in text
    assert SECRET not in (data or "")


def test_long_texts_of_others_are_cut() -> None:
    text, data = to_columns(reply_error(-1, "x" * 10_000).as_message())
    assert len(text) <= MESSAGE_LENGTH
    assert data is None or len(data) < 3 * MESSAGE_LENGTH


def test_a_database_of_the_revision_before_keeps_its_entries(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from wxcube.warehouse import migrations
    from wxcube.warehouse.databases.sqlite import SqliteDatabase

    with Warehouse.open(path) as warehouse:
        record(warehouse, _("the answer was cut off"))
    engine, config = SqliteDatabase(path).engine, Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    engine.dispose()
    with Warehouse.open(path) as warehouse:
        assert entry_message(warehouse) == "the answer was cut off"
