"""Impossible figures on the terminal and as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from wxcube.cli.commands.context import Context
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import _
from wxcube.log import redact
from wxcube.warehouse.finding import Finding, FindingGroup


def print_group(root: Context, console: Console, group: FindingGroup) -> None:
    """Print what was found, its cause, and what to do about it."""
    first = group.first
    mark, style = ("· ", "dim") if first.is_note else ("✗ ", "red")
    print_paragraph(console, redact(root.translate(group.as_message())), mark=mark, style=style)
    cause = _("cause: {cause}", cause=first.cause)
    print_paragraph(console, redact(root.translate(cause)), mark="  ")
    print_paragraph(console, redact(root.translate(first.remedy)), mark="  → ")


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding as members of a JSON object, in English."""
    return {
        "rule": finding.rule.value,
        "note": finding.is_note,
        "account": finding.appid,
        "endpoint": finding.endpoint,
        "origin": finding.origin.value,
        "day": finding.day,
        "key": finding.key,
        "column": finding.column,
        "what": str(finding.what),
        "cause": str(finding.cause),
        "remedy": str(finding.remedy),
    }


def group_as_json(group: FindingGroup) -> dict[str, Any]:
    """The first finding of a group, with the number of days and the last one."""
    return {**as_json(group.first), "days": len(group.days), "last_day": max(group.days)}
