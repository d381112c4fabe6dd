"""The catalogue: translations by their English templates, compiled from `locale/*/wxcube.po`."""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "wxcube"
FOLDER = Path(__file__).with_name("locale")


def translated(template: str, plural: str, number: object, code: str) -> str:
    """The template in a language; the English one where there is no translation."""
    if not template:
        return template
    translations = _translations(code)
    if not plural:
        return translations.gettext(template)
    return translations.ngettext(template, plural, 1 if number == 1 else 2)


@cache
def _translations(code: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, FOLDER, [code], fallback=True)
