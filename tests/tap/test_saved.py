import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from support.callbacks import APPID, AT, KEY, OPENID, Callback, encrypted, event, plain, xml
from support.command_line import CommandResult, Site
from support.tapped_site import all_bytes, stored_events, tapped_site


def saved(callback: Callback, **more: Any) -> Any:
    return json.dumps({"query": callback.query, "body": callback.body.decode(), **more})


def written(site: Site, name: str, *lines: str) -> Any:
    path = site.folder / name
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(path)


def counts(result: CommandResult) -> Any:
    (line,) = result.lines
    return line


@pytest.mark.parametrize("name", ["saved.jsonl", "saved.jsonl.gz"])
def test_saved_callbacks_become_events_once(tmp_path: Path, name: str) -> None:
    site = tapped_site(tmp_path)
    body = xml(MsgId=7)
    file = written(
        site,
        name,
        saved(plain(body, nonce="1"), received=AT + 1, ms=5_012, status=504),
        saved(plain(body, nonce="2"), received=AT + 6, ms=35, reply="success"),
        saved(
            plain(event("subscribe", EventKey="qrscene_1")), received=AT, ms=20, reply="nonsense"
        ),
        saved(plain(event("unsubscribe", CreateTime=AT + 50))),
    )
    for _ in range(2):
        result = site.run("tap", "read", file, "--json")
        assert result.code == 0, result.text
        assert counts(result)["replies"] == 3
    assert len(stored_events(tmp_path, "message")) == 1
    replies = sorted(stored_events(tmp_path, "reply"), key=lambda one: (one["at"], one["ms"]))
    assert [(one["at"], one["ms"], one["ok"]) for one in replies] == [
        (AT, 20, False), (AT + 1, 5_012, False), (AT + 6, 35, True),
    ]  # fmt: skip
    assert [(one["change"], one["source"]) for one in stored_events(tmp_path, "follow")] == [
        (1, 30), (-1, 30),
    ]  # fmt: skip
    assert OPENID.encode() not in all_bytes(tmp_path / "events") + all_bytes(tmp_path / "tap-spool")


def test_saved_encrypted_callbacks(tmp_path: Path) -> None:
    site = tapped_site(tmp_path, is_encrypted=True)
    file = written(site, "saved.jsonl", saved(encrypted(xml())), saved(plain(xml())))
    result = site.run("tap", "read", file, "--json")
    assert result.code == 3
    assert counts(result)["callbacks"] == {"text": 1}
    assert counts(result)["refused"] == {"not_encrypted": 1}


def test_xml_documents_with_anything_between(tmp_path: Path) -> None:
    site = tapped_site(tmp_path)
    content = f"2026-03-01 got {xml()} and\n{xml(MsgType='location')}\n\n<xml>cut"
    result = site.run("tap", "read", written(site, "wx.log", content), "--json")
    assert result.code == 3
    assert counts(result)["callbacks"] == {"location": 1, "text": 1}
    assert counts(result)["refused"] == {"malformed": 1}
    assert len(stored_events(tmp_path, "message")) == 1
    assert stored_events(tmp_path, "reply") == []


def test_documents_over_the_border_of_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxcube.tap.saved._READ", 700)
    site = tapped_site(tmp_path)
    result = site.run("tap", "read", written(site, "a.xml", *(xml() for _ in range(50))), "--json")
    assert counts(result)["callbacks"] == {"text": 50}


def test_what_is_wrong_is_told_in_words(tmp_path: Path) -> None:
    site = tapped_site(tmp_path)
    lines = [
        "{",
        '{"body": 1}',
        saved(plain(xml(), token="other")),
        saved(plain(event("teleport"))),
    ]
    result = site.run("tap", "read", written(site, "saved.jsonl", *lines, saved(plain(xml()))))
    assert result.code == 3
    assert "2 callbacks were refused: neither XML nor JSON" in " ".join(result.text.split())
    assert "signed with another token" in result.text
    assert "unknown kind teleport" in result.text
    assert OPENID not in result.text


def log_line(
    callback: Callback,
    *,
    status: int = 200,
    rest: str = '7 "-" "Mozilla/4.0" rt=0.035',
    method: str = "POST",
) -> Any:
    return (
        f"101.226.103.1 - - [01/Mar/2026:09:00:01 +0800] "
        f'"{method} /wx?{callback.query} HTTP/1.1" {status} {rest}'
    )


def test_an_access_log_has_replies_only_and_says_so(tmp_path: Path) -> None:
    site = tapped_site(tmp_path)
    file = written(
        site,
        "access.log",
        log_line(plain(xml())),
        log_line(plain(xml(), nonce="2"), status=499, rest='0 "-" "-" 5.001 -'),
        log_line(plain(xml(), nonce="2"), status=499, rest='0 "-" "-" 5.001 -'),
        log_line(plain(xml()), method="GET"),
        '1.2.3.4 - - [01/Mar/2026:09:00:01 +0800] "GET /robots.txt HTTP/1.1" 404 9 "-" "-" 0.000',
        log_line(plain(xml(), token="forged")),
        "nonsense",
    )
    for _ in range(2):
        result = site.run("tap", "read", file)
        assert result.code == 3
        assert "figures of replies only" in " ".join(result.text.split())
    replies = stored_events(tmp_path, "reply")
    assert sorted((one["at"], one["ms"], one["ok"]) for one in replies) == [
        (AT - 4, 5_001, False), (AT - 4, 5_001, False), (AT + 1, 35, True),
    ]  # fmt: skip
    assert stored_events(tmp_path, "message") == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ('7 "-" "Mozilla/4.0" 0.035 0.034', 35),
        ('7 "-" "Mozilla/4.0" "0.035" "0.034"', 35),
        ('7 "-" "a 9.999 b" rt=0.035', 35),
        ('7 "9.999, x" "9.999" 0.035', 9_999),
        ("7 " + "9" * 400 + ".000 0.035", 35),
        ('7 "-" "Mozilla/4.0" "-" rt=0.035 uct="0.001" uht="0.034" urt="0.034"', 35),
        ('7 "-" "Mozilla/4.0"rt=0.035 uct="0.001"', 35),
        ('7 "-" "-" rt=0.035 uct="-"', 35),
        ('7 "-" "Mozilla/4.0" urt="0.034" rt="0.035"', 35),
        ('7 "-" "rt=9.999" upstream 0.034 request_time=0.035', 35),
    ],
)
def test_the_time_of_a_request_is_no_number_in_a_text(
    tmp_path: Path, rest: str, expected: Any
) -> None:
    site = tapped_site(tmp_path)
    line = log_line(plain(xml()), rest=rest)
    assert site.run("tap", "read", written(site, "access.log", line)).code == 0
    (reply,) = stored_events(tmp_path, "reply")
    assert reply["ms"] == expected


@pytest.mark.parametrize("kind", ["flipped", "cut"])
@pytest.mark.parametrize("name", ["saved.jsonl.gz", "access.log.gz"])
def test_a_damaged_file_is_told(tmp_path: Path, name: str, kind: str) -> None:
    site = tapped_site(tmp_path)
    lines = [plain(xml(), nonce=str(n)) for n in range(2_000)]
    one = saved if "jsonl" in name else log_line
    content = bytearray(gzip.compress("\n".join(map(one, lines)).encode()))
    if kind == "cut":
        del content[-1_000:]
    else:
        content[-1_000:-900] = bytes(100)
    (tmp_path / name).write_bytes(content)
    result = site.run("tap", "read", name)
    assert result.code == 1
    assert "is a damaged or incomplete gzip file" in " ".join(result.text.split())


@pytest.mark.parametrize(
    "change", [{"ms": -5}, {"ms": 1e300}, {"ms": 1, "received": 1e300}, {"ms": 1, "received": -1}]
)
def test_impossible_numbers_of_a_reply_cost_the_reply_alone(
    tmp_path: Path, change: dict[str, float]
) -> None:
    site = tapped_site(tmp_path)
    line = saved(plain(xml()), **change)
    result = site.run("tap", "read", written(site, "saved.jsonl", line), "--json")
    assert counts(result)["refused"] == {"wrong_member": 1}
    assert len(stored_events(tmp_path, "message")) == 1
    assert stored_events(tmp_path, "reply") == []


def test_an_old_file_changes_no_newer_channel(tmp_path: Path) -> None:
    """The file is read after a tap has recorded that the person came back."""
    site = tapped_site(tmp_path)
    before, after = AT - 86_400 * 3, AT + 60

    def read(name: str, *changes: tuple[str, int, str]) -> None:
        bodies = [event(kind, CreateTime=at, EventKey=key) for kind, at, key in changes]
        assert site.run("tap", "read", written(site, name, *bodies)).code == 0

    read("new.xml", ("subscribe", AT, ""))
    old = ("subscribe", before, "qrscene_1"), ("unsubscribe", before + 60, "")
    read("old.xml", *old)
    read("later.xml", ("unsubscribe", after, ""))
    read("old.xml", *old)
    rows = sorted(stored_events(tmp_path, "follow"), key=lambda row: int(str(row["at"])))
    assert [(row["change"], row["source"]) for row in rows] == [(1, 30), (-1, 30), (1, 0), (-1, 0)]


def test_an_access_log_without_times_says_what_to_add(tmp_path: Path) -> None:
    site = tapped_site(tmp_path)
    line = log_line(plain(xml()), rest='7 "-" "Mozilla/4.0"')
    result = site.run("tap", "read", written(site, "access.log", line))
    assert result.code == 1
    assert "$request_time" in result.text


ONE = f'[[accounts]]\nappid = "{APPID}"\noriginal_id = "gh_1"\nmessage_token_file = "token"\n'
KEY_IN_TOKEN = 'message_key_file = "token"\n'


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (f'[[accounts]]\nappid = "{APPID}"\n', "no account in the settings has an original_id"),
        (f'[[accounts]]\nappid = "{APPID}"\noriginal_id = "gh_1"\n', "message token"),
        (f"{ONE}{KEY_IN_TOKEN}", "not an EncodingAESKey"),
        (ONE + ONE.replace(APPID, "wx2"), "the same original_id"),
    ],
)
def test_settings_that_do_not_do_say_what_is_missing(
    tmp_path: Path, settings: str, expected: Any
) -> None:
    site = tapped_site(tmp_path)
    site.settings.write_text(settings)
    for words in (["read", "x"], ["proxy", "--to", "http://127.0.0.1:1"], ["mirror"]):
        result = site.run("tap", *words, *(["--port", "0"] if words[0] != "read" else []))
        assert result.code == 1
        assert expected in " ".join(result.text.split())
        assert KEY not in result.text


@pytest.mark.parametrize(
    "to",
    ["127.0.0.1:80", "ftp://a", "http://a/path", "http://u:p@a", "http://a:99999", "http://[a"],
)
def test_an_address_that_is_none(tmp_path: Path, to: str) -> None:
    result = tapped_site(tmp_path).run("tap", "proxy", "--port", "0", "--to", to)
    assert result.code == 1
    assert "http://127.0.0.1:8080" in result.text
    assert "u:p" not in result.text


@pytest.mark.parametrize(
    ("host", "to"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1")],
)
def test_a_tap_does_not_pass_callbacks_on_to_itself(tmp_path: Path, host: str, to: str) -> None:
    with socket.create_server((host, 0)) as free:
        port = str(free.getsockname()[1])
    words = ("tap", "proxy", "--host", host, "--port", port, "--to", f"http://{to}:{port}")
    result = tapped_site(tmp_path).run(*words)
    assert (result.code, "the address of the tap itself" in result.err) == (1, True)
