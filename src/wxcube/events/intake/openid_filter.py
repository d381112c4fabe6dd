"""Links to articles are stored as they come, so a link that contains an openid is refused."""

from __future__ import annotations

import re
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"[?&;#/](?:(?:wx|user|from|to)?_?(?:openid|open_id|unionid|union_id)|fromusername)=[^&;#]",
    re.IGNORECASE,
)
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")


def has_openid(link: str) -> bool:
    """Whether a link has a parameter for an openid, or a part with the form of an openid.

    >>> has_openid("https://example.com/a?openid=o1"), has_openid("https://example.com/o1")
    (True, False)
    """
    if not link:
        return False
    plain = unquote(unquote(link)) if "%" in link else link
    return bool(_PARAMETER.search(plain) or _OPENID.search(plain))
