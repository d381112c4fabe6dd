"""Sending through Apprise: mail, group robots of WeCom, Feishu and DingTalk, and many others."""

from __future__ import annotations

import io
import logging
import mimetypes
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from wxcube.errors import DeliveryError, SettingsError
from wxcube.i18n import Message, _
from wxcube.report.letter import Letter
from wxcube.settings import Secret

_STATUS = re.compile(r"\berror=(\d{3})\b")
_NOT_REACHED = re.compile(
    r"Connection refused|NewConnectionError|NameResolutionError|ConnectTimeout"
    r"|Name or service not known|Temporary failure in name resolution|nodename nor servname"
)
_TOO_LATE_TO_KNOW = 500
"""From this status on, a receiver may have taken what it failed at afterwards."""


def send(url: Secret, letter: Letter, title: str) -> None:
    """Send a letter to an address under a title.

    Mails have its HTML with its pictures and files; other receivers have its text, and its files
    if they take some. Nothing of the address is in logs and errors: it may be a secret.

    Raises:  SettingsError if Apprise is not installed, or the address is none; DeliveryError if
        the receiver does not accept it.
    """
    with _captured() as log:
        receiver = _receiver(url)
        is_mail = bool(letter.html) and hasattr(receiver, "inline")  # only mails show pictures so
        if is_mail:
            receiver.inline = True
        else:
            receiver.overflow_mode = "split"
        accepted = receiver.notify(
            title=title,
            body=letter.html if is_mail else letter.text,
            body_format="html" if is_mail else "text",
            attach=_attachments(letter) if receiver.attachment_support else None,
        )
        if not accepted:
            raise _refused(log.getvalue())


def check(url: Secret) -> str:
    """The name of the service of an address, such as `Email`.

    Raises:  SettingsError if Apprise is not installed, or the address is none.
    """
    with _captured():
        return str(_receiver(url).service_name)


def _receiver(url: Secret) -> Any:
    try:
        import apprise
    except ImportError:
        raise SettingsError(
            _("sending needs a package that is not installed"),
            hint=_('install it with: pip install "wxcube[{extra}]"', extra="deliver"),
        ) from None
    asset = apprise.AppriseAsset(app_id="wxcube", app_desc="wxcube", app_url="")
    receiver = apprise.Apprise.instantiate(url.reveal(), asset=asset, suppress_exceptions=True)
    if receiver is None:
        raise SettingsError(
            _("the address of a recipient is not a URL that Apprise knows"),
            hint=_("write it as Apprise's list of services shows it, such as mailtos://…"),
        )
    return receiver


def _attachments(letter: Letter) -> Any:
    from apprise import AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    attachments = AppriseAttachment()
    for name, content in letter.files:
        kind = mimetypes.guess_type(name)[0]
        attachments.add(AttachMemory(content=content, name=name, mimetype=kind))  # type: ignore[no-untyped-call]
    return attachments if letter.files else None


def _refused(log: str) -> DeliveryError:
    """The error for what Apprise logged, of which nothing but a status is shown."""
    status = _STATUS.search(log)
    if status:
        code = int(status[1])
        message: Message = _("the receiver refused it (HTTP status {code})", code=code)
        may_have_arrived = code >= _TOO_LATE_TO_KNOW
    elif _NOT_REACHED.search(log):
        message, may_have_arrived = _("the receiver cannot be reached"), False
    else:
        message, may_have_arrived = _("the receiver did not confirm it"), True
    return DeliveryError(
        message,
        hint=_("check its address, and whether it is up; then send it again"),
        may_have_arrived=may_have_arrived,
    )


@contextmanager
def _captured() -> Iterator[io.StringIO]:
    """What Apprise and its HTTP library log, which nobody else sees: it has parts of addresses."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    with ExitStack() as stack:
        for name in ("apprise", "urllib3"):
            stack.enter_context(_only_to(handler, logging.getLogger(name)))
        yield text


@contextmanager
def _only_to(handler: logging.Handler, logger: logging.Logger) -> Iterator[None]:
    level, propagate, others = logger.level, logger.propagate, logger.handlers[:]
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = others, propagate
        logger.setLevel(level)
