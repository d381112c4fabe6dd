"""Invalid settings and apps files, and what their errors must contain: the problem and the hint."""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """An invalid settings or apps file."""

    id: str
    text: str | bytes
    expected: tuple[str, ...]
    words: str = "account check"

    @property
    def raw(self) -> bytes:
        return self.text if isinstance(self.text, bytes) else self.text.encode()


ONE = '[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\n'
SETTINGS = (
    File("a value is missing", "database = ", ("not valid TOML", "correct that line")),
    File("an open bracket", "[sync\nx = 1", ("line 1", "correct that line")),
    File("an open quote", 'database = "x', ("not valid TOML", "correct that line")),
    File("the 40th of March", "[sync]\nsince = 2026-03-40", ("line 2", "correct that line")),
    File("a duplicate key", 'database = "a"\ndatabase = "b"', ("overwrite", "correct that line")),
    File("not UTF-8", b'database = "\xe9"', ("cannot be read", "UTF-8 text file")),
    File("UTF-16", "database = 'x'".encode("utf-16"), ("cannot be read", "UTF-8 text file")),
    File("binary", b"\x00\x01\x02", ("not valid TOML", "correct that line")),
    File(
        "a misspelt key",
        "databse = 'x'",
        ("unknown key databse at the top level", "did you mean database?"),
    ),
    File(
        "a misspelt key of a section",
        "[sync]\nconcurency = 3",
        ("unknown key concurency in [sync]", "mean concurrency?"),
    ),
    File("a misspelt section", "[account]\nx = 1", ("unknown key account at", "mean accounts?")),
    File("an unknown key", "zzz = 1", ("unknown key zzz", "remove it")),
    File(
        "a wrong type",
        "database = 5",
        ("database: expected string, got integer", "correct that value"),
    ),
    File(
        "a string instead of a number",
        '[sync]\nconcurrency = "many"',
        ("sync.concurrency", "correct that"),
    ),
    File(
        "a number too small",
        "[sync]\nconcurrency = 0",
        ("sync.concurrency: must be >= 1", "correct that value"),
    ),
    File("a negative time", "[sync]\ntimeout_seconds = -1", ("sync.timeout_seconds", "> 0")),
    File("a time of NaN", "[sync]\ntimeout_seconds = nan", ("sync.timeout_seconds",)),
    File(
        "a string instead of a day",
        '[sync]\nsince = "soon"',
        ("sync.since", "write a date as 2026-03-01"),
    ),
    File("a port that is too large", "[serve]\nport = 70000", ("serve.port", "<= 65535")),
    File("a number instead of a section", "sync = 3", ("sync: expected table, got integer",)),
    File(
        "a number instead of accounts", "accounts = 5", ("accounts: expected array, got integer",)
    ),
    File(
        "a table instead of a list of accounts",
        "[accounts]\nappid = 'wx1'",
        ("accounts: expected array, got table",),
    ),
    File(
        "an account without appid",
        '[[accounts]]\nname = "x"',
        ("missing key appid in [[accounts]]", "add it"),
    ),
    File("an appid with a space", '[[accounts]]\nappid = "wx 1"', ("accounts[0].appid", "letters")),
    File("an empty appid", '[[accounts]]\nappid = ""', ("accounts[0].appid", "length >= 3")),
    File("a duplicate account", ONE + ONE, ("the name or AppID", "keep one [[accounts]] section")),
    File(
        "a duplicate name",
        ONE + ONE.replace("012", "999"),
        ("the name or AppID shop", "of its own"),
    ),
    File("no account", "", ("no account", "wxcube init")),
    File(
        "an account's key at the top level",
        'base_url = "https://wx.example"',
        ("unknown key base_url at the top level", "it belongs in [[accounts]]"),
    ),
    File(
        "a key of two sections in a third",
        '[serve]\nsince = "2026-01-01"',
        ("unknown key since in [serve]", "it belongs in [sync] or [[accounts]]"),
    ),
    File(
        "an unknown key in the second account",
        ONE + ONE.replace("012", "999").replace("shop", "other") + "zzz = 1",
        ("unknown key zzz in [[accounts]] number 2", "remove it"),
    ),
    File(
        "a misspelt key of another section",
        "conccurrency = 3",
        ("unknown key conccurrency", "did you mean concurrency in [sync]?"),
    ),
    File(
        "an unencrypted base URL",
        ONE + 'base_url = "http://wx.example"',
        ("http://wx.example would receive AppSecret and tokens unencrypted", "allow_http = true"),
    ),
    File(
        "an unencrypted token URL",
        ONE + 'token = "url"\ntoken_url = "http://token.example/s3cretpw"',
        ("http://token.example would receive AppSecret and tokens unencrypted", "https://"),
    ),
    File(
        "an invalid proxy",
        ONE + 'proxy = "socks5://me:s3cretpw@proxy.example"',
        ("the URL of the proxy is invalid", "write it like http://"),
    ),
    File(
        "a string instead of endpoints",
        ONE + 'endpoints = "user"',
        ("accounts[0].endpoints: expected array",),
    ),
    File("an unknown endpoint", ONE + 'endpoints = ["nope"]', ("no endpoint 'nope'", "name an")),
    File(
        "a number instead of a card",
        ONE + "cards = [1]",
        ("accounts[0].cards[0]: expected string",),
    ),
    File(
        "a card source that is too large",
        ONE + "cond_source = 2",
        ("cond_source: must be <= 1",),
    ),
    File("a URL without host", ONE + 'base_url = "http://"', ("is incomplete", "write it like")),
    File("a file URL", ONE + 'base_url = "file:///x"', ("is incomplete", "write it like")),
    File("no URL", ONE + 'base_url = "here"', ("is incomplete", "write it like")),
    File(
        "a language of an account",
        ONE + 'language = "fr"',
        ("unknown key language in [[accounts]]", "belongs at the top level"),
    ),
    File(
        "an unknown language",
        'language = "fr"\n' + ONE,
        ("'fr' is unknown", "use zh or en"),
        "plan",
    ),
    File("an unknown log level", 'log_level = "loud"', ("log_level 'loud'", "use one of debug")),
    File(
        "a first day in the future",
        "[sync]\nsince = 2030-01-01\n" + ONE,
        ("not over yet", "begin"),
        "plan",
    ),
    File(
        "a database name with a null character",
        'database = "a\\u0000b"\n' + ONE,
        ("not an SQLite", "give"),
        "plan",
    ),
    # secrets and tokens
    File(
        "a secret in the file",
        ONE + 'secret = "s3cretpw"',
        ("may not contain secrets", "secret_env"),
    ),
    File("an appsecret in the file", ONE + 'appsecret = "s3cretpw"', ("may not contain secrets",)),
    File("a token in the file", ONE + 'access_token = "s3cretpw"', ("may not contain secrets",)),
    File(
        "a token instead of a token kind",
        ONE + 'token = "s3cretpw"',
        ("accounts[0].token: not an allowed value", "use one of classic"),
    ),
    File("no secret anywhere", ONE, ("the AppSecret of account shop", "WXCUBE_SECRET_SHOP")),
    File("no secret in its variable", ONE + 'secret_env = "NOT_SET"', ("NOT_SET", "secret_file")),
    File("no secret file", ONE + 'secret_file = "no.txt"', ("no.txt cannot be read", "check its")),
    File(
        "a folder as secret file",
        ONE + 'secret_file = "."',
        ("it is not a regular file", "name a file"),
    ),
    File("no token URL", ONE + 'token = "url"', ("no token_url", "add token_url")),
    File("an invalid token URL", ONE + 'token = "url"\ntoken_url = "x"', ("is incomplete",)),
    File("no token command", ONE + 'token = "command"', ("no token_command", "add token_command")),
    File(
        "an unknown token command",
        ONE + 'token = "command"\ntoken_command = ["no-such-program"]',
        ("no-such-program: No such file", "run it yourself"),
    ),
    File(
        "a token command that fails",
        ONE + 'token = "command"\ntoken_command = ["false"]',
        ("exit code 1", "run it yourself"),
    ),
    File(
        "a token command without a token in its output",
        ONE + 'token = "command"\ntoken_command = ["echo", "a b"]',
        ("contains no token", "access_token and expires_in"),
    ),
    File(
        "no variable for a fixed token", ONE + 'token = "fixed"', ("no token_env", "add token_env")
    ),
    File(
        "a fixed token whose variable is not set",
        ONE + 'token = "fixed"\ntoken_env = "T"',
        ("variable T",),
    ),
    File(
        "a fixed token of two words",
        ONE + 'token = "fixed"\ntoken_env = "TWO_WORDS"',
        ("is empty or invalid", "letters, digits"),
    ),
)

APP = '[[apps]]\nappid = "local1"\nsecret = "0123456789abcdef"\naccount = "wx0123456789abcdef"\n'
APPS = (
    File("an open bracket", "[[apps", ("apps file", "correct that line; if you delete the file")),
    File(
        "a short secret", APP.replace("0123456789abcdef", "s3cretp", 1), ("length >= 8", "correct")
    ),
    File("no account", APP.rpartition("account")[0], ("account", "correct that line")),
    File("an unknown name", APP + "limit = 3", ("limit", "correct that line")),
    File("a duplicate app", APP + APP, ("has local1 twice", "keep one")),
    File("a daily limit of zero", APP + "daily_limit = 0", (">= 1", "correct that line")),
    File("not UTF-8", b"\xff\xfe", ("cannot be read", "check its name and permissions")),
)
