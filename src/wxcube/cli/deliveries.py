"""Sending letters to recipients of the settings, with one line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from wxcube.cli.commands.context import Context
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import Listing, _
from wxcube.i18n.language import Language, language
from wxcube.settings import RecipientSettings, recipient_url

if TYPE_CHECKING:
    from wxcube.report.delivery import Delivery, Post
    from wxcube.report.letter import Letter

Write = Callable[[RecipientSettings, Language], "Letter"]
"""Makes the letter for a recipient, in a language."""


def send_to_all(
    root: Context, recipients: Sequence[RecipientSettings], write: Write, *, again: bool = False
) -> bool:
    """Send a letter to recipients; whether all have it now."""
    from wxcube.report.delivery import Outcome

    outcomes = []
    with post_of(root) as post:
        for recipient in recipients:
            letter = write(recipient, language_of(root, recipient))
            again_after = timedelta(0) if again else None
            outcomes.append(post.deliver(letter, recipient, again_after=again_after))
            show(root, outcomes[-1])
    return all(one.outcome is not Outcome.FAILED for one in outcomes)


def show_only(root: Context, recipients: Sequence[RecipientSettings], write: Write) -> None:
    """Print what would be sent, and send nothing."""
    from wxcube.report.apprise_sender import check

    for recipient in recipients:
        service = check(recipient_url(recipient))
        letter = write(recipient, language_of(root, recipient))
        line = _(
            "to {recipient} ({service}): {title}",
            recipient=recipient.name,
            service=service,
            title=letter.title,
        )
        print_paragraph(root.console, root.shown(line))
        root.console.print(letter.text)
        if letter.files:
            files = Listing(f"{name} ({len(content):,} B)" for name, content in letter.files)
            print_paragraph(root.console, root.shown(_("files: {files}", files=files)))
    root.notes.print(root.translate(_("nothing was sent (--dry-run)")))


def show(root: Context, delivery: Delivery) -> None:
    """Print what came of a delivery."""
    from wxcube.report.delivery import Outcome

    failed = delivery.outcome is Outcome.FAILED
    style = "red" if failed else ""
    # a terminal that was closed keeps nobody else from a letter
    with suppress(OSError):
        print_paragraph(root.notes, root.shown(delivery.as_message()), mark="· ", style=style)


@contextmanager
def post_of(root: Context) -> Iterator[Post]:
    """What delivers letters, with the ledger of the settings."""
    from wxcube.report.delivery import Post
    from wxcube.report.delivery_ledger import DeliveryLedger

    settings = root.settings.report
    with DeliveryLedger(Path(settings.deliveries_file).expanduser()) as ledger:
        yield Post(settings, ledger, root.clock)


def language_of(root: Context, recipient: RecipientSettings) -> Language:
    """The language of a recipient; by default that of the settings."""
    return language(recipient.language) if recipient.language else root.translate
