"""Links to articles: kept as they come, so one that names a person is not taken."""

from __future__ import annotations

import re
from urllib.parse import unquote

_MEMBER = re.compile(
    r"[?&;#/](?:(?:wx|user|from|to)?_?(?:openid|open_id|unionid|union_id)|fromusername)=[^&;#]",
    re.IGNORECASE,
)
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")


def names_a_person(link: str) -> bool:
    """Whether a link has a member for an openid, or a part of an openid's form.

    >>> names_a_person("https://example.com/a?openid=o1"), names_a_person("https://example.com/o1")
    (True, False)
    """
    if not link:
        return False
    plain = unquote(unquote(link)) if "%" in link else link
    return bool(_MEMBER.search(plain) or _OPENID.search(plain))
