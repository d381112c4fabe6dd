"""Figures computed from events: engines, facts, the ledger."""

WORDS = {
    # engines
    "computing {asked} failed: {why}": "计算 {asked} 失败：{why}",
    "if a file is damaged, `wxcube doctor` says which and how to mend it": (
        "如果是文件损坏，`wxcube doctor` 会指出是哪个、怎么修复"
    ),
    "computing {asked} needs more memory than the engine may use: {why}": (
        "计算 {asked} 所需的内存超过引擎的上限：{why}"
    ),
    "give DuckDbEngine a larger memory_limit or fewer threads": (
        "请调大 DuckDbEngine 的 memory_limit，或减少线程"
    ),
    "computing rows from events needs DuckDB": "由事件计算需要 DuckDB",
    "computing rows from events needs numpy": "由事件计算需要 numpy",
    "DuckDB refuses its options: {why}": "DuckDB 不接受这些选项：{why}",
    "check threads and memory_limit": "请检查 threads 和 memory_limit",
    "check memory_limit": "请检查 memory_limit",
    "a query": "查询",
    "a first table": "第一张表",
    "the tables' folder": "存放表的文件夹",
    "the database": "数据库",
    "there is no engine {text}": "没有 {text} 这个引擎",
    "choose {names}": "可选的有：{names}",
    "the engine {word} has no option {names}": "引擎 {word} 没有选项 {names}",
    "the engine {word} needs the option {names}": "引擎 {word} 缺少选项 {names}",
    "engines other than DuckDB need sqlglot": "DuckDB 以外的引擎需要 sqlglot",
    'install it with: pip install "wxcube[spark]" or "wxcube[clickhouse]"': (
        '请安装：pip install "wxcube[spark]" 或 "wxcube[clickhouse]"'
    ),
    "the address of ClickHouse is not a URL of its HTTP interface": (
        "ClickHouse 的地址不是它的 HTTP 接口的 URL"
    ),
    'write it like "http://user@localhost:8123", or "chdb:" for one inside this process; signs '
    "like / # ? @ in a user or password are written as %2F %23 %3F %40": (
        '请写成 "http://user@localhost:8123" 的样子，本进程内的写 "chdb:"；'
        "用户名或密码里的 / # ? @ 写成 %2F %23 %3F %40"
    ),
    "the engine clickhouse needs clickhouse-connect": "引擎 clickhouse 需要 clickhouse-connect",
    'install it with: pip install "wxcube[clickhouse]"': '请安装：pip install "wxcube[clickhouse]"',
    "ClickHouse inside this process needs chdb": "本进程内的 ClickHouse 需要 chdb",
    "install it with: pip install chdb": "请安装：pip install chdb",
    "ClickHouse does not answer: {why}": "ClickHouse 没有应答：{why}",
    "check its address, user, password and that it runs": (
        "请检查地址、用户名、密码，以及它是否在运行"
    ),
    "the engine clickhouse needs the URL of a server": "引擎 clickhouse 缺少服务器的 URL",
    "give --url https://user@host:8443, or chdb: for one inside this process, or url in the "
    "section [cube]": (
        "请写 --url https://user@host:8443，本进程内的写 chdb:，或在 [cube] 段里写 url"
    ),
    "the URL of ClickHouse has a password in it, where others can see it": (
        "ClickHouse 的 URL 里带着密码，别人看得到"
    ),
    "leave it out of the URL; put it into the environment variable WXCUBE_CUBE_PASSWORD, or name a "
    "file with password_file in the section [cube]": (
        "请不要写进 URL；放进环境变量 WXCUBE_CUBE_PASSWORD，"
        "或在 [cube] 段里用 password_file 指定文件"
    ),
    "{text} is no master of Spark's": "{text} 不是 Spark 的 master",
    "write it like spark://host:7077, yarn, k8s://… or local[2]": (
        "请写成 spark://host:7077、yarn、k8s://… 或 local[2]"
    ),
    "the engine spark needs a master": "引擎 spark 缺少 master",
    "give --master spark://host:7077, yarn, k8s://… or local[2], or master in the section [cube]": (
        "请写 --master spark://host:7077、yarn、k8s://… 或 local[2]，或在 [cube] 段里写 master"
    ),
    "{word} is a secret and would be seen among the arguments of Spark's process": (
        "{word} 是机密，会出现在 Spark 的进程参数里"
    ),
    "put it into spark-defaults.conf in a folder named by SPARK_CONF_DIR": (
        "请放进 SPARK_CONF_DIR 所指文件夹的 spark-defaults.conf"
    ),
    "{path} is not the same folder here and on Spark's machines": (
        "{path} 在本机和 Spark 的机器上不是同一个文件夹"
    ),
    "name a folder that all of them share under the same path": (
        "请换一个大家以相同路径共享的文件夹"
    ),
    "the engine spark needs pyspark and pyarrow": "引擎 spark 需要 pyspark 和 pyarrow",
    'install them with: pip install "wxcube[spark]"': '请安装：pip install "wxcube[spark]"',
    "Spark runs in this process already, maybe with another master": (
        "本进程里已经有 Spark 在运行，master 可能不同"
    ),
    "stop that session first": "请先停掉那个会话",
    "Spark does not start: {why}": "Spark 无法启动：{why}",
    "check that Java 17 or newer is installed and that the master runs": (
        "请检查是否装有 Java 17 以上，master 是否在运行"
    ),
    "--{word} is for the engine {member}, not for {last}": (
        "--{word} 是引擎 {member} 的选项，不能用于 {last}"
    ),
    "leave it out, or choose --engine {word}": "请去掉它，或改用 --engine {word}",
    # memory and accounts
    "{text} is no size of memory": "{text} 不是内存大小",
    "write it like 2GB or 512MiB": "请写成 2GB 或 512MiB 的样子",
    "{text} is too little memory for the cube": "{text} 内存太少，不够计算",
    "give it 256MiB or more": "请至少给 256MiB",
    "there are no events of {names}": "没有 {names} 的事件",
    "name accounts as the events name them": "公众号请照事件里的名字写",
    # facts and their ledger
    "{path} is gone, though days count on it": "{path} 不见了，而有的日期还要用到它",
    "run `wxcube doctor --mend`, then build again": "请运行 `wxcube doctor --mend`，再重新构建",
    "the engine wrote {word} into several files of {path}: {names}": (
        "引擎把 {word} 写成了 {path} 里的几个文件：{names}"
    ),
    "only one of them would count; build with another engine, and report this": (
        "其中只有一个会计入；请换一个引擎构建，并报告这个问题"
    ),
    "{path} has layout {number}, this wxcube knows {other}": (
        "{path} 的格式是第 {number} 版，本版 wxcube 只认得第 {other} 版"
    ),
    "remove the folder of facts; the next build makes it again from the events": (
        "请删掉事实的文件夹，下一次构建会由事件重新生成"
    ),
    "another build is running in {path}": "{path} 里另有一个构建正在进行",
    "wait for its end, then try again": "请等它结束再试",
    "check the space on the disk and that no other build is running": (
        "请检查磁盘空间，以及是否另有构建在进行"
    ),
    "{path} cannot be read: {why}": "{path} 无法读取：{why}",
    "{path} cannot be written: {why}": "{path} 无法写入：{why}",
    # what doctor finds
    "a build is running in {path}": "{path} 里有构建正在进行",
    "wait for its end": "请等它结束",
    "a build is running, its files were not read": "有构建正在进行，它的文件没有检查",
    "run `wxcube doctor` again when the build has ended": ("请在构建结束后再运行 `wxcube doctor`"),
    "the cube's facts were not read ({why})": "cube 的事实没有检查（{why}）",
    "mend that first, then run `wxcube doctor` again": "请先修复这个，再运行 `wxcube doctor`",
    "it is gone, though facts are there": "事实还在，它却不见了",
    "it is empty, though facts are there": "事实还在，它却是空的",
    "it cannot be read ({why})": "无法读取（{why}）",
    "it is damaged ({why})": "已损坏（{why}）",
    "it has layout {number}, this wxcube knows {other}": (
        "格式是第 {number} 版，本版 wxcube 只认得第 {other} 版"
    ),
    "it is gone, though it counts": "文件不见了，但还要用到它",
    "`wxcube doctor --mend` marks its days, `wxcube cube build` then makes it again from events": (
        "`wxcube doctor --mend` 会标出受影响的日期，之后 `wxcube cube build` 由事件重算"
    ),
    "`wxcube cube build` makes it again: its days wait for that": (
        "`wxcube cube build` 会重新生成：它的日期正等着计算"
    ),
    "`wxcube doctor --mend` puts it aside and begins a new one, `wxcube cube build` then computes "
    "all days again from events": (
        "`wxcube doctor --mend` 会把它放到一边，另起一个新的，"
        "之后 `wxcube cube build` 由事件重算所有日期"
    ),
    "put it back from a backup: events or facts from which it was made were removed since; without "
    "one remove the file, and weeks, months and running totals that are computed anew will lack "
    "its days": (
        "请从备份放回：它所据的事件或事实已经删除；没有备份就删掉这个文件，"
        "此后重算的周、月和累计数会缺少它的日期"
    ),
    "put the whole folder back from a backup as old as the warehouse: events from which it was "
    "made were removed since": ("请从与数据库同一时间的备份放回整个文件夹：它所据的事件已经删除"),
}
