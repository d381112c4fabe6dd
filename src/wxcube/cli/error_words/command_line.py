"""What the command line says itself."""

WORDS = {
    "cannot read or write: {why}": "读写失败：{why}",
    "cannot read or write {path}: {why}": "读写 {path} 失败：{why}",
    "check that its directory is there, its rights, and the space on the disk": (
        "请检查目录是否存在、权限和磁盘空间"
    ),
    "wxcube itself failed: {why}": "wxcube 自身出错：{why}",
    "nothing stored is lost": "已存的没有丢失",
    "please report it with the details in {path}": "请报告，并附上 {path} 里的详情",
    "stopped; what is stored stays, start it again to go on": (
        "已停止；已存的都在，重新运行会接着做"
    ),
    # click's own words
    "Missing command.": "缺少命令",
    "Missing argument {text}.": "缺少参数 {text}",
    "Missing option {text}.": "缺少选项 {text}",
    "No such command {text}.": "没有命令 {text}",
    "No such command {text}. Did you mean {word}?": "没有命令 {text}，是不是想写 {word}？",
    "No such option {text}.": "没有选项 {text}",
    "No such option {text}. Did you mean {word}?": "没有选项 {text}，是不是想写 {word}？",
    "No such option {text}. (Did you mean one of: {names}?)": (
        "没有选项 {text}，是不是想写 {names}？"
    ),
    "Option {text} requires an argument.": "选项 {text} 需要写值",
    "Option {text} does not take a value.": "选项 {text} 不带值",
    "Got unexpected extra argument ({text})": "多写了参数（{text}）",
    "Got unexpected extra arguments ({text})": "多写了参数（{text}）",
    "Invalid value for {text}: {known}": "{text} 的值不对：{known}",
    "Invalid value for {text}: {why}": "{text} 的值不对：{why}",
    "{text} is not one of {names}.": "{text} 不在可选值之内：{names}",
    "{text} is not in the range {word}.": "{text} 不在范围 {word} 之内",
    "{text} is not a valid integer.": "{text} 不是整数",
    "{text} is not a valid integer range.": "{text} 不是整数",
    "File {text} is a directory.": "{text} 是目录",
    "File {text} does not exist.": "没有文件 {text}",
    "--{word} does not go with {member}: it is for tables. Leave it out, or use --format csv.": (
        "--{word} 不能与 {member} 一起用：它只用于表格。请去掉它，或用 --format csv"
    ),
    "the query is empty. Give one SELECT.": "查询是空的，请写一条 SELECT",
}
