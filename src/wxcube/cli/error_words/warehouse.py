"""The database."""

WORDS = {
    # which file
    "{text} is not an SQLite file": "{text} 不是 SQLite 文件",
    "give a path like wxcube.db, or sqlite:///wxcube.db": (
        "请写路径，如 wxcube.db，或 sqlite:///wxcube.db"
    ),
    "{path} is a directory": "{path} 是目录",
    "name a file, like wxcube.db": "请写文件名，如 wxcube.db",
    "there is no warehouse at {path}": "没有数据库 {path}",
    "fill it with `wxcube sync`": "请用 `wxcube sync` 取得数据",
    "there is no directory {path}": "没有目录 {path}",
    "make it, or name another file": "请建立这个目录，或换一个文件",
    "there is no directory {path} for {text}": "要写 {text}，但没有目录 {path}",
    "make it, or name another file with --out": "请建立这个目录，或用 --out 换一个文件",
    "{path} was opened for reading": "{path} 是以只读方式打开的",
    "open it for writing": "请以可写方式打开",
    # what is in it
    "{path} is empty": "{path} 是空的",
    "{path} has the tables of an older wxcube ({word}, needed is {last})": (
        "{path} 里是旧版 wxcube 的表（{word}，需要 {last}）"
    ),
    "open it once for writing, e.g. with `wxcube sync`, to bring it up to date": (
        "请以可写方式打开一次使它升级，例如运行 `wxcube sync`"
    ),
    "{path} is a database of something else": "{path} 是别的程序的数据库",
    "name another file for the warehouse": "请换一个文件作数据库",
    "{path} was written by a newer wxcube (tables {word}, this one knows {last})": (
        "{path} 由更新的 wxcube 写成（表的版本 {word}，本版只认得 {last}）"
    ),
    "update wxcube": "请升级 wxcube",
    "{path} has tables of no known wxcube ({why})": "{path} 里的表不属于任何已知的 wxcube（{why}）",
    "restore a backup, or name another file for the warehouse": (
        "请从备份恢复，或换一个文件作数据库"
    ),
    "{number} accounts of the warehouse fit {text} (there: {names})": (
        "数据库里符合 {text} 的公众号有 {number} 个（现有：{names}）"
    ),
    "{number} accounts of the warehouse fit {text} (there: none)": (
        "数据库里符合 {text} 的公众号有 {number} 个（现有：无）"
    ),
    "{number} accounts of the warehouse fit '' (there: {names})": (
        "数据库里有 {number} 个公众号（{names}）"
    ),
    "{number} accounts of the warehouse fit '' (there: none)": "数据库里有 {number} 个公众号",
    "name one with --account": "请用 --account 指定一个",
    "rows of {word} have no row above them": "{word} 的行没有所属的上级行",
    "nothing was changed; what computed them is wrong, please report it": (
        "什么也没有改动；是计算出了错，请报告"
    ),
    "{path} holds accounts of your own ({names}), the demo would remove them": (
        "{path} 里有你自己的公众号（{names}），演示会把它们删掉"
    ),
    "choose another place with --folder": "请用 --folder 换个位置",
    "the warehouse is empty and no account is set up": "数据库是空的，也没有配置公众号",
    "fill it with `wxcube sync`, or try `wxcube emulate`": (
        "请用 `wxcube sync` 取得数据，或试试 `wxcube emulate`"
    ),
    # what SQLite reports
    "{path}: there is no room left": "{path}：磁盘没有空间了",
    "free some space and run it again; nothing stored is lost": (
        "请腾出空间再运行，已存的没有丢失"
    ),
    "{path}: it is not an SQLite database": "{path}：不是 SQLite 数据库",
    "name another file, or restore a backup": "请换一个文件，或从备份恢复",
    "{path}: the file is damaged": "{path}：文件已损坏",
    "restore a backup, or try `sqlite3 FILE .recover`": (
        "请从备份恢复，或试试 `sqlite3 FILE .recover`"
    ),
    "{path}: it may only be read": "{path}：只能读，不能写",
    "change the rights of the file and its directory": "请修改文件及其目录的权限",
    "{path}: the file cannot be opened": "{path}：文件无法打开",
    "check that its directory is there and that you may read and write both": (
        "请检查目录是否存在，文件和目录是否都可读写"
    ),
    "{path}: access is denied": "{path}：没有访问权限",
    "{path}: another program has been writing for {number} seconds": (
        "{path}：另一个程序已经写了 {number} 秒"
    ),
    "end that program, or try again later": "请结束那个程序，或稍后再试",
    "{path}: another program is writing": "{path}：另一个程序正在写",
    "try again later": "请稍后再试",
    "{path}: the disk cannot be read or written": "{path}：磁盘读写出错",
    "check the disk and the space on it; nothing stored is lost": (
        "请检查磁盘和剩余空间，已存的没有丢失"
    ),
    "file is not a database": "不是 SQLite 数据库",
    "database disk image is malformed": "数据库文件已损坏",
    "database is locked": "数据库被别的程序锁着",
    "database or disk is full": "磁盘没有空间了",
    "unable to open database file": "数据库文件无法打开",
    "attempt to write a readonly database": "数据库只能读，不能写",
    "if it happens again, check the file with `sqlite3 FILE`": (
        "如果再次发生，请用 `sqlite3 FILE` 检查文件"
    ),
    # queries
    "the query does more than read: {why}": "查询不只是读取：{why}",
    "the query is wrong: {why}": "查询有错：{why}",
    "give one SELECT": "请写一条 SELECT",
    "give one SELECT; `SELECT name FROM sqlite_master` lists the tables": (
        "请写一条 SELECT，`SELECT name FROM sqlite_master` 列出各表"
    ),
}
