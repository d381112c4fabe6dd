"""Settings: the only reader of wxcube.toml, of the environment and of files with secrets.

A command-line option overrides the environment, the environment overrides `wxcube.toml`, and the
file overrides the defaults. The file contains no secrets: it names an environment variable or
another file.
"""

from wxcube.settings.private_file import read_private_file
from wxcube.settings.proxies import (
    account_proxy,
    checked_proxy,
    environment_proxy,
    is_loopback,
)
from wxcube.settings.reading import DEFAULT_FILE, PREFIX, load
from wxcube.settings.secrets import (
    SHORTEST_TOKEN,
    Secret,
    copy_password,
    cube_password,
    database_password,
    default_secret_variable,
    emulator_password,
    events_key,
    events_token,
    read_secret_file,
    recipient_url,
    secret,
)
from wxcube.settings.sections import (
    ALERT_RULES,
    FACTS_OUTLAST_EVENTS_DAYS,
    REPORT_FORMATS,
    AccountSettings,
    AlertSettings,
    AppId,
    CubeSettings,
    EngineName,
    EventsSettings,
    LimitSettings,
    PagesSettings,
    RecipientSettings,
    ReportFormat,
    ReportSettings,
    ServeSettings,
    Settings,
    SyncSettings,
    TokenKind,
)

__all__ = [
    "ALERT_RULES",
    "DEFAULT_FILE",
    "FACTS_OUTLAST_EVENTS_DAYS",
    "PREFIX",
    "REPORT_FORMATS",
    "SHORTEST_TOKEN",
    "AccountSettings",
    "AlertSettings",
    "AppId",
    "CubeSettings",
    "EngineName",
    "EventsSettings",
    "LimitSettings",
    "PagesSettings",
    "RecipientSettings",
    "ReportFormat",
    "ReportSettings",
    "Secret",
    "ServeSettings",
    "Settings",
    "SyncSettings",
    "TokenKind",
    "account_proxy",
    "checked_proxy",
    "copy_password",
    "cube_password",
    "database_password",
    "default_secret_variable",
    "emulator_password",
    "environment_proxy",
    "events_key",
    "events_token",
    "is_loopback",
    "load",
    "read_private_file",
    "read_secret_file",
    "recipient_url",
    "secret",
]
