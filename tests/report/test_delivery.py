"""Deliveries to real receivers on loopback: once each, or with a mark; addresses stay secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from support.receivers import Hook, Mailbox, free_port, mail_server, web_hook
from support.warehouses import NOW
from wxcube.beijing import ManualClock
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n import verbatim
from wxcube.i18n.language import Language
from wxcube.report.apprise_sender import check
from wxcube.report.delivery import Outcome, Post
from wxcube.report.delivery_ledger import DeliveryLedger, State
from wxcube.report.letter import Letter, letter_of
from wxcube.report.report import report_of
from wxcube.settings import RecipientSettings, ReportSettings, Secret

ENGLISH = Language("en")
LETTER = Letter("report 1", verbatim("Report"), "Text", ENGLISH, files=(("a.png", b"\x89PNG"),))
TEAM = RecipientSettings(name="team", url_env="TEAM_URL")


@dataclass
class Desk:
    """A post with a clock of its own, and the pauses that it made."""

    path: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    pauses: list[float] = field(default_factory=list)

    def deliver(
        self, letter: Letter = LETTER, *, attempts: int = 1, again_after: timedelta | None = None
    ) -> Outcome:
        settings = ReportSettings(attempts=attempts, retry_pause_seconds=1)
        with DeliveryLedger(self.path) as ledger:
            post = Post(settings, ledger, self.clock, sleep=self.pauses.append)
            delivery = post.deliver(letter, TEAM, again_after=again_after)
        self.words = str(delivery.as_message())
        return delivery.outcome

    def state(self) -> State | None:
        with DeliveryLedger(self.path) as ledger:
            entry = ledger.entry(LETTER.key, TEAM.name)
        return entry.state if entry else None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "deliveries.db")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with web_hook() as hook:
        monkeypatch.setenv("TEAM_URL", hook.url)
        yield hook


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        monkeypatch.setenv("TEAM_URL", mailbox.url())
        yield mailbox


def titles(hook: Hook) -> list[str]:
    return [message["title"] for message in hook.got]


def test_a_letter_is_delivered_once(desk: Desk, hook: Hook) -> None:
    assert desk.deliver() is Outcome.DELIVERED
    assert desk.deliver() is Outcome.KNOWN
    assert titles(hook) == ["Report"]
    assert hook.got[0]["message"] == "Text"


def test_again_has_a_mark(desk: Desk, hook: Hook) -> None:
    desk.deliver()
    desk.deliver(again_after=timedelta(0))
    assert titles(hook) == ["Report", "[again] Report"]


def test_what_lasts_is_sent_again_after_a_while(desk: Desk, hook: Hook) -> None:
    day = timedelta(days=1)
    desk.deliver(again_after=day)
    desk.clock.advance(day - timedelta(seconds=1))
    assert desk.deliver(again_after=day) is Outcome.KNOWN
    desk.clock.advance(timedelta(seconds=1))
    assert desk.deliver(again_after=day) is Outcome.DELIVERED
    assert len(hook.got) == 2


def test_a_receiver_that_is_down_is_reported_and_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_URL", f"json://127.0.0.1:{free_port()}/SECRETPATH")
    assert desk.deliver(attempts=3) is Outcome.FAILED
    assert desk.words == "not sent to team: the receiver cannot be reached"
    assert desk.pauses == [0, 1, 2]
    assert desk.state() is State.FAILED
    with web_hook() as hook:
        monkeypatch.setenv("TEAM_URL", hook.url)
        assert desk.deliver() is Outcome.DELIVERED
        assert titles(hook) == ["Report"], "it did not arrive before, so it has no mark"


def test_a_refusal_is_retried_without_a_mark(desk: Desk, hook: Hook) -> None:
    hook.statuses = [403]
    assert desk.deliver(attempts=2) is Outcome.DELIVERED
    assert titles(hook) == ["Report"]


@pytest.mark.parametrize("status", [0, 503])
def test_what_may_have_arrived_is_sent_again_with_a_mark(
    desk: Desk, hook: Hook, status: int
) -> None:
    hook.statuses = [status]
    assert desk.deliver() is Outcome.FAILED
    assert desk.state() is State.UNSURE
    assert desk.deliver() is Outcome.DELIVERED
    assert titles(hook)[-1] == "[again, may have arrived before] Report"


def test_a_process_that_died_while_sending_leaves_a_mark(desk: Desk, hook: Hook) -> None:
    with DeliveryLedger(desk.path) as ledger:
        ledger.begin(LETTER.key, TEAM.name, NOW)
    assert desk.deliver() is Outcome.DELIVERED
    assert titles(hook) == ["[again, may have arrived before] Report"]


def test_a_mail_has_the_report_and_its_charts(
    desk: Desk, mailbox: Mailbox, reader: Reader, appid: str
) -> None:
    window = Window.parse("2026-03-02..2026-03-08")
    report = report_of(reader, Filter(accounts=(appid,), range=window), {}, Language("zh"))
    letter = letter_of(report, "html")
    assert desk.deliver(letter) is Outcome.DELIVERED
    (mail,) = mailbox.mails
    assert mail["Subject"] == Language("zh")(report.title)
    parts = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
    pictures = [name for name, part in parts.items() if part.get_content_type() == "image/png"]
    assert len(pictures) == sum(card.chart is not None for card in report.cards)
    assert "wxcube-2026-03-02_2026-03-08.html" in parts
    body = next(
        part.get_content()
        for part in mail.walk()
        if part.get_content_type() == "text/html" and not part.get_filename()
    )
    assert all(f"cid:{name}" in body for name in pictures)
    assert {part["Content-ID"] for part in parts.values() if part["Content-ID"]} == {
        f"<{name}>" for name in pictures
    }


def test_a_mail_server_that_is_down_is_reported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as mailbox:
        pass
    monkeypatch.setenv("TEAM_URL", mailbox.url())
    assert desk.deliver() is Outcome.FAILED
    assert "cannot be reached" in desk.words


def test_no_address_in_logs_errors_and_output(
    desk: Desk, hook: Hook, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hook.statuses = [500, 403, 0]
    desk.deliver(attempts=3)
    with pytest.raises(SettingsError) as raised:
        check(Secret("nonsense://SECRETPATH"))
    seen = "".join(capfd.readouterr()) + caplog.text + desk.words + str(raised.value)
    seen += desk.path.read_bytes().decode("latin-1")
    assert "SECRET" not in seen


def test_an_address_that_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_URL", raising=False)
    with pytest.raises(SettingsError, match="TEAM_URL"):
        desk.deliver()
