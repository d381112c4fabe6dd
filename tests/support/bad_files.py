"""Bad settings and apps files, and the words their errors must have: what is wrong, what to do."""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """A wrong settings file."""

    id: str
    text: str | bytes
    expected: tuple[str, ...]
    words: str = "account check"

    @property
    def raw(self) -> bytes:
        return self.text if isinstance(self.text, bytes) else self.text.encode()


ONE = '[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\n'
SETTINGS = (
    File("a value is missing", "database = ", ("not valid TOML", "mend that line")),
    File("an open bracket", "[sync\nx = 1", ("line 1", "mend that line")),
    File("an open quote", 'database = "x', ("not valid TOML", "mend that line")),
    File("a day in March the 40th", "[sync]\nsince = 2026-03-40", ("line 2", "mend that line")),
    File("a setting twice", 'database = "a"\ndatabase = "b"', ("overwrite", "mend that line")),
    File("not UTF-8", b'database = "\xe9"', ("cannot be read", "UTF-8 text file")),
    File("UTF-16", "database = 'x'".encode("utf-16"), ("cannot be read", "UTF-8 text file")),
    File("binary", b"\x00\x01\x02", ("not valid TOML", "mend that line")),
    File(
        "a misspelt setting", "databse = 'x'", ("databse is no setting", "did you mean database?")
    ),
    File(
        "a misspelt setting of a section",
        "[sync]\nconcurency = 3",
        ("of sync", "mean concurrency?"),
    ),
    File("a misspelt section", "[account]\nx = 1", ("account is no setting", "mean accounts?")),
    File("a setting nobody knows", "zzz = 1", ("zzz is no setting", "remove it")),
    File("a wrong type", "database = 5", ("database: expected str, got int", "correct that value")),
    File("a number as words", '[sync]\nconcurrency = "many"', ("sync.concurrency", "correct that")),
    File(
        "a number too small", "[sync]\nconcurrency = 0", ("expected int >= 1", "correct that value")
    ),
    File("a time that is none", "[sync]\ntimeout_seconds = -1", ("sync.timeout_seconds", "> 0")),
    File("a time that is not a number", "[sync]\ntimeout_seconds = nan", ("sync.timeout_seconds",)),
    File("a day in words", '[sync]\nsince = "soon"', ("sync.since", "write a day as 2026-03-01")),
    File("a port beyond all", "[serve]\nport = 70000", ("serve.port", "<= 65535")),
    File("a section that is a number", "sync = 3", ("sync: expected table, got int",)),
    File("accounts that are a number", "accounts = 5", ("accounts: expected list, got int",)),
    File("accounts that are a table", "[accounts]\nappid = 'wx1'", ("accounts: expected list",)),
    File(
        "an account without appid", '[[accounts]]\nname = "x"', ("required field appid", "give it")
    ),
    File("an appid with a space", '[[accounts]]\nappid = "wx 1"', ("accounts[0].appid", "letters")),
    File("an empty appid", '[[accounts]]\nappid = ""', ("accounts[0].appid", "length >= 3")),
    File("an account twice", ONE + ONE, ("stands there twice", "keep one [[accounts]] section")),
    File(
        "a name twice", ONE + ONE.replace("012", "999"), ("shop stands there twice", "of its own")
    ),
    File("no account", "", ("no account", "wxcube init")),
    File(
        "endpoints in words", ONE + 'endpoints = "user"', ("accounts[0].endpoints: expected list",)
    ),
    File("an unknown endpoint", ONE + 'endpoints = ["nope"]', ("no endpoint 'nope'", "name an")),
    File("a card that is a number", ONE + "cards = [1]", ("accounts[0].cards[0]: expected str",)),
    File(
        "a source of cards beyond all", ONE + "cond_source = 2", ("cond_source: expected int <= 1",)
    ),
    File(
        "an address without host", ONE + 'base_url = "http://"', ("not complete", "write it like")
    ),
    File("an address of files", ONE + 'base_url = "file:///x"', ("not complete", "write it like")),
    File("an address in words", ONE + 'base_url = "here"', ("not complete", "write it like")),
    File("a language nobody reads", ONE + 'language = "fr"', ("language", "is no setting of acc")),
    File(
        "an unknown language",
        'language = "fr"\n' + ONE,
        ("'fr' is unknown", "use zh or en"),
        "plan",
    ),
    File("an unknown log level", 'log_level = "loud"', ("log_level 'loud'", "use one of debug")),
    File(
        "a first day to come",
        "[sync]\nsince = 2030-01-01\n" + ONE,
        ("not over yet", "begin"),
        "plan",
    ),
    File(
        "a database with a null",
        'database = "a\\u0000b"\n' + ONE,
        ("not an SQLite", "give"),
        "plan",
    ),
    # secrets and tokens
    File(
        "a secret in the file", ONE + 'secret = "s3cretpw"', ("secrets do not stand", "secret_env")
    ),
    File("an appsecret in the file", ONE + 'appsecret = "s3cretpw"', ("secrets do not stand",)),
    File("a token in the file", ONE + 'access_token = "s3cretpw"', ("secrets do not stand",)),
    File(
        "a token for a kind", ONE + 'token = "s3cretpw"', ("accounts[0].token", "use one of stable")
    ),
    File("no secret anywhere", ONE, ("the secret of account shop", "WXCUBE_SECRET_SHOP")),
    File("no secret in its variable", ONE + 'secret_env = "NOT_SET"', ("NOT_SET", "secret_file")),
    File("no secret file", ONE + 'secret_file = "no.txt"', ("no.txt cannot be read", "check its")),
    File(
        "a folder as secret file", ONE + 'secret_file = "."', ("cannot be read", "check its name")
    ),
    File("no address of tokens", ONE + 'token = "url"', ("no token_url", "give token_url")),
    File("a wrong address of tokens", ONE + 'token = "url"\ntoken_url = "x"', ("not complete",)),
    File("no command for tokens", ONE + 'token = "command"', ("no token_command", "give")),
    File(
        "an unknown command for tokens",
        ONE + 'token = "command"\ntoken_command = ["no-such-program"]',
        ("no-such-program: No such file", "run it by hand"),
    ),
    File(
        "a command that fails",
        ONE + 'token = "command"\ntoken_command = ["false"]',
        ("exit code 1", "run it by hand"),
    ),
    File(
        "a command that says no token",
        ONE + 'token = "command"\ntoken_command = ["echo", "a b"]',
        ("holds no token", "access_token and expires_in"),
    ),
    File(
        "no variable for a fixed token", ONE + 'token = "fixed"', ("no token_env", "give token_env")
    ),
    File(
        "a fixed token that is not there", ONE + 'token = "fixed"\ntoken_env = "T"', ("variable T",)
    ),
    File(
        "a fixed token of two words",
        ONE + 'token = "fixed"\ntoken_env = "TWO_WORDS"',
        ("is empty or no token", "one word of letters"),
    ),
)

APP = '[[apps]]\nappid = "local1"\nsecret = "0123456789abcdef"\naccount = "wx0123456789abcdef"\n'
APPS = (
    File("an open bracket", "[[apps", ("apps file", "mend that line, or remove the file")),
    File("a short secret", APP.replace("0123456789abcdef", "s3cretp", 1), ("length >= 8", "mend")),
    File("no account", APP.rpartition("account")[0], ("account", "mend that line")),
    File("an unknown name", APP + "limit = 3", ("limit", "mend that line")),
    File("an app twice", APP + APP, ("local1 stands there twice", "keep one")),
    File("no calls a day", APP + "daily_limit = 0", (">= 1", "mend that line")),
    File("not UTF-8", b"\xff\xfe", ("cannot be read", "check its name and rights")),
)
