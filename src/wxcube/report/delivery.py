"""Deliveries: each letter reaches each recipient once, or a repetition says that it is one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from wxcube.beijing import Clock
from wxcube.errors import DeliveryError
from wxcube.i18n import NOTHING, Message, _
from wxcube.report.apprise_sender import send as send_by_apprise
from wxcube.report.delivery_ledger import DeliveryLedger, Entry, State
from wxcube.report.letter import Letter
from wxcube.settings import RecipientSettings, ReportSettings, Secret, recipient_url

Send = Callable[[Secret, Letter, str], None]


class Outcome(StrEnum):
    """What came of a letter for a recipient."""

    DELIVERED = "delivered"
    KNOWN = "known"
    """It was delivered before, so it was not sent."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a letter for a recipient."""

    recipient: str
    outcome: Outcome
    problem: Message = NOTHING

    def as_message(self) -> Message:
        """The outcome in words."""
        return _WORDS[self.outcome](self)


_WORDS: dict[Outcome, Callable[[Delivery], Message]] = {
    Outcome.DELIVERED: lambda one: _("sent to {recipient}", recipient=one.recipient),
    Outcome.KNOWN: lambda one: _(
        "{recipient} has it already; --again sends it once more", recipient=one.recipient
    ),
    Outcome.FAILED: lambda one: _(
        "not sent to {recipient}: {problem}", recipient=one.recipient, problem=one.problem
    ),
}


@dataclass(frozen=True)
class Post:
    """Delivers letters: it notes attempts in a ledger, and retries those that failed."""

    settings: ReportSettings
    ledger: DeliveryLedger
    clock: Clock
    send: Send = send_by_apprise
    sleep: Callable[[float], None] = time.sleep

    def has_delivered(self, key: str, recipient: RecipientSettings) -> bool:
        """Whether the letter with a key was delivered to a recipient."""
        entry = self.ledger.entry(key, recipient.name)
        return entry is not None and entry.state is State.DELIVERED

    def deliver(
        self,
        letter: Letter,
        recipient: RecipientSettings,
        *,
        again_after: timedelta | None = None,
    ) -> Delivery:
        """Send a letter to a recipient, unless it was delivered before.

        What was delivered is sent again after `again_after`. A letter that may have arrived
        before says so in its title.

        Raises:  SettingsError if the recipient has no valid address.
        """
        url = recipient_url(recipient)
        before = self.ledger.entry(letter.key, recipient.name)
        if before and before.state is State.DELIVERED and not self._is_due(before, again_after):
            return Delivery(recipient.name, Outcome.KNOWN)
        problem = NOTHING
        for pause in self._pauses():
            self.sleep(pause)
            try:
                self._attempt(letter, recipient.name, url)
            except DeliveryError as error:
                problem = error.message
            else:
                return Delivery(recipient.name, Outcome.DELIVERED)
        return Delivery(recipient.name, Outcome.FAILED, problem)

    def _is_due(self, before: Entry, again_after: timedelta | None) -> bool:
        return again_after is not None and self.clock.now() >= before.at + again_after

    def _pauses(self) -> Iterator[float]:
        """The pause before each attempt."""
        yield 0
        for attempt in range(self.settings.attempts - 1):
            yield self.settings.retry_pause_seconds * 2**attempt

    def _attempt(self, letter: Letter, recipient: str, url: Secret) -> None:
        title = letter.language(self._title(letter, recipient))
        self.ledger.begin(letter.key, recipient, self.clock.now())
        state = State.UNSURE
        try:
            self.send(url, letter, title)
            state = State.DELIVERED
        except DeliveryError as error:
            state = State.UNSURE if error.may_have_arrived else State.FAILED
            raise
        finally:
            self.ledger.end(letter.key, recipient, state, self.clock.now())

    def _title(self, letter: Letter, recipient: str) -> Message:
        before = self.ledger.entry(letter.key, recipient)
        if before is None or before.state is State.FAILED:
            return letter.title
        if before.state is State.DELIVERED:
            return _("[again] {title}", title=letter.title)
        return _("[again, may have arrived before] {title}", title=letter.title)
