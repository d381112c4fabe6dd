"""Settings that are missing, unknown or wrong."""

_FACTS_LACK = (
    "the month and the running totals of an event that comes late are made of facts of up to "
    "{number} days more"
)

WORDS = {
    # the file
    "the settings file {path} is not there": "没有配置文件 {path}",
    "`wxcube init` writes one": "可用 `wxcube init` 生成",
    "the settings file {path} cannot be read ({text})": "配置文件 {path} 无法读取（{text}）",
    "it must be a readable UTF-8 text file": "它必须是可读的 UTF-8 文本文件",
    "the settings file {path} is not valid TOML: {why}": "配置文件 {path} 不是正确的 TOML：{why}",
    "mend that line": "请改正这一行",
    "{path} is there already": "{path} 已经存在",
    "edit it, or overwrite it with `wxcube init --force`": (
        "请直接编辑，或用 `wxcube init --force` 覆盖"
    ),
    # what stands in it
    "{word} is no setting": "没有 {word} 这个配置项",
    "{word} is no setting of {text}": "{text} 没有 {word} 这个配置项",
    "expected {text}, got {word}": "应为 {text}，写的却是 {word}",
    "expected {word} >= {number}": "应为 {word}，不能小于 {number}",
    "expected {word} <= {number}": "应为 {word}，不能大于 {number}",
    "expected {word} > {number}": "应为 {word}，必须大于 {number}",
    "expected {word} < {number}": "应为 {word}，必须小于 {number}",
    "expected str of length >= {number}": "至少 {number} 个字符",
    "expected str of length <= {number}": "最多 {number} 个字符",
    "expected str matching regex {text}": "不符合规则 {text}",
    "invalid choice": "不在可选值之内",
    "invalid RFC3339 encoded date": "不是日期",
    "Invalid enum value {text}": "{text} 不在可选值之内",
    "table missing required field {member}": "缺少 {member}",
    "correct that value": "请改正这个值",
    "use one of {names}": "可用的有：{names}",
    'write a name in quotes and its value, as "spark.executor.memory" = "4g"': (
        '请写成带引号的名称和值，如 "spark.executor.memory" = "4g"'
    ),
    "letters, digits, - and _ may stand in it, as in wx0123456789abcdef": (
        "只能用字母、数字、- 和 _，如 wx0123456789abcdef"
    ),
    "write a day as 2026-03-01": "日期应写成 2026-03-01",
    "give it in that section": "请在该段里写上",
    "secrets do not stand in this file; name a variable (password_env) or password_file": (
        "密码不能写在这个文件里，请用 password_env 指定环境变量，或用 password_file 指定文件"
    ),
    "secrets do not stand in this file; name a variable (secret_env) or a secret_file": (
        "secret 和 token 不能写在这个文件里，"
        "请用 secret_env 指定环境变量，或用 secret_file 指定文件"
    ),
    "remove it": "请删掉它",
    "log_level {text} is unknown": "没有 {text} 这个 log_level",
    "language {text} is unknown": "没有 {text} 这种语言",
    "use zh or en": "请用 zh 或 en",
    # accounts
    "no account in the settings (there: none)": "配置里还没有公众号",
    "no account in the settings (there: {text})": "配置里没有这个公众号（现有：{text}）",
    "no account {text} in the settings (there: {other_text})": (
        "配置里没有公众号 {text}（现有：{other_text}）"
    ),
    "no account {text} in the settings (there: none)": "配置里没有公众号 {text}",
    "more than one account in the settings (there: {text})": "配置里不止一个公众号（现有：{text}）",
    "name one with --account, or add it to wxcube.toml (`wxcube init` writes one)": (
        "请用 --account 指定一个，或写进 wxcube.toml（可用 `wxcube init` 生成）"
    ),
    "{path}: account {text} stands there twice": "{path}：公众号 {text} 写了两次",
    "keep one [[accounts]] section of it, and give each a name of its own": (
        "只保留一个 [[accounts]] 段，各公众号的名称也不能相同"
    ),
    "{text} is not an AppID": "{text} 不是 AppID",
    "copy it from mp.weixin.qq.com, it looks like wx0123456789abcdef": (
        "请从 mp.weixin.qq.com 复制，形如 wx0123456789abcdef"
    ),
    "no source for account {names}": "没有公众号 {names} 的数据来源",
    "give one for each account": "请给每个公众号一个来源",
    # secrets and tokens
    "the secret of account {text} is not there": "没有找到公众号 {text} 的 AppSecret",
    "put it into the environment variable {word}, or name a file with secret_file": (
        "请把它放进环境变量 {word}，或用 secret_file 指定文件"
    ),
    'account {text} has token = "{word}" but no {member}': (
        '公众号 {text} 设置了 token = "{word}"，却没有 {member}'
    ),
    "give {member} in its section": "请在它的配置段里写上 {member}",
    "the token of account {text} is not there": "没有找到公众号 {text} 的 token",
    "put it into the environment variable {word}": "请把它放进环境变量 {word}",
    "the environment variable {word} is empty or not there": "环境变量 {word} 没有设置，或者是空的",
    "put the secret into it, or name a file instead": "请设置这个变量，或改为指定文件",
    "the secret file {path} cannot be read ({text})": "机密文件 {path} 无法读取（{text}）",
    "check its name and rights": "请检查文件名和权限",
    "the secret file {path} is empty": "机密文件 {path} 是空的",
    "write the secret into it": "请把机密写进去",
    "the token for events has less than {number} characters": (
        "接收事件用的 token 不足 {number} 个字符"
    ),
    "make one with: openssl rand -hex 32": "可以这样生成：openssl rand -hex 32",
    # retention
    f"facts of {{most}} days are too few beside all events: {_FACTS_LACK}": (
        "事件全部保留时，事实只保留 {most} 天不够：迟到的事件所在的月和累计数，"
        "要用到之前最多 {number} 天的事实"
    ),
    f"facts of {{most}} days are too few beside events of {{other}} days: {_FACTS_LACK}": (
        "事件保留 {other} 天时，事实只保留 {most} 天不够：迟到的事件所在的月和累计数，"
        "要用到再往前最多 {number} 天的事实"
    ),
    "keep facts without a limit (retention_days_facts, --facts)": (
        "请全部保留事实（retention_days_facts、--facts）"
    ),
    "keep facts for {number} days or more (retention_days_facts, --facts)": (
        "请至少保留 {number} 天的事实（retention_days_facts、--facts）"
    ),
    "keep facts without a limit (retention_days_facts, --facts), or events for {number} days or "
    "fewer (retention_days_events, --events)": (
        "请全部保留事实（retention_days_facts、--facts），"
        "或最多保留 {number} 天的事件（retention_days_events、--events）"
    ),
    "keep facts for {number} days or more (retention_days_facts, --facts), or events for {other} "
    "days or fewer (retention_days_events, --events)": (
        "请至少保留 {number} 天的事实（retention_days_facts、--facts），"
        "或最多保留 {other} 天的事件（retention_days_events、--events）"
    ),
    # the apps of serve
    "the apps file {path} cannot be read ({text})": "应用文件 {path} 无法读取（{text}）",
    "the apps file {path} is wrong: {why}": "应用文件 {path} 有错：{why}",
    "mend that line, or remove the file to have a new one written": (
        "请改正这一行，或删掉文件，让它重新生成"
    ),
    "the apps file {path}: {names} stands there twice": "应用文件 {path}：{names} 写了两次",
    "keep one [[apps]] section of it": "只保留一个 [[apps]] 段",
    "the apps file {path} cannot be written ({text})": "应用文件 {path} 无法写入（{text}）",
    "choose another place with serve.apps_file": "请用 serve.apps_file 换个位置",
}
