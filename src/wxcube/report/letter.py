"""What is sent: a title, a text, the same as HTML for mails, and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wxcube.figures import numbers
from wxcube.i18n import Message, _, verbatim
from wxcube.i18n.language import Language
from wxcube.report.formats import as_file, file_name
from wxcube.report.html import as_mail
from wxcube.report.pictures import pictures
from wxcube.report.report import Chapter, Report
from wxcube.settings import ReportFormat


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to send; `key` is the same whenever the same thing is sent.

    A file whose name is in `html` as `cid:<name>` is shown there.
    """

    key: str
    title: Message
    text: str
    language: Language
    html: str = ""
    files: tuple[tuple[str, bytes], ...] = ()


def letter_of(report: Report, file_format: ReportFormat, browser: str = "") -> Letter:
    """A report to send, with its charts as PNG pictures.

    Raises:  SettingsError if something that the format or a picture needs is not installed.
    """
    attached = (file_name(report, file_format), as_file(report, file_format, browser))
    accounts = ",".join(chapter.appid for chapter in report.chapters)
    return Letter(
        key=f"report {report.window} {accounts}",
        title=report.title,
        text="\n".join(map(report.language, _lines(report))),
        language=report.language,
        html=as_mail(report),
        files=(*pictures(report), attached),
    )


def _lines(report: Report) -> Iterator[Message]:
    """The report in a few lines, for receivers that show no HTML."""
    yield from report.notes
    for chapter in report.chapters:
        yield verbatim(chapter.account)
        yield from _of_chapter(chapter)
    yield report.origin


def _of_chapter(chapter: Chapter) -> Iterator[Message]:
    for total in chapter.totals:
        number = numbers.written(total.value, total.unit)
        value = _("{title} {value}", title=total.title, value=number)
        changes = [change.text for change in total.changes]
        yield _("{figure} ({change})", figure=value, change=changes[0]) if changes else value
    for section in chapter.sections[:1]:
        for card in section.cards:
            yield from card.texts
