"""The event store."""

_KEY_LOST = (
    "only if it is lost for good, begin with another one by `wxcube events rotate-key`: people of "
    "before and after are then counted as different ones"
)
_KEY_LOST_ZH = (
    "确实再也找不回来，才用 `wxcube events rotate-key` 换一个：此后，前后都出现的人会算作两个人"
)
_BACK_OR_OUT = (
    "put it back from a backup, or take it out with `wxcube events forget` and send that day's "
    "events again"
)
_BACK_OR_OUT_ZH = "请从备份放回，或用 `wxcube events forget` 把它移走，再重发那一天的事件"

WORDS = {
    # a file that cannot be used
    "{path} cannot be written ({why})": "{path} 无法写入（{why}）",
    "{path} cannot be read ({why})": "{path} 无法读取（{why}）",
    "{path} cannot be made ({why})": "{path} 无法创建（{why}）",
    "{path} cannot be moved ({why})": "{path} 无法移动（{why}）",
    "{path} cannot be removed ({why})": "{path} 无法删除（{why}）",
    "{path} cannot be locked ({why})": "{path} 无法加锁（{why}）",
    "{path} cannot be tidied ({why})": "{path} 无法清理（{why}）",
    "cannot be read ({why})": "无法读取（{why}）",
    "free space on that disk and send again; nothing acknowledged is lost": (
        "请在那块磁盘上腾出空间，然后重发；已确认的事件不会丢失"
    ),
    "let this user read and write there": "请给当前用户读写权限",
    "`wxcube doctor` says more; nothing acknowledged is touched": (
        "详情见 `wxcube doctor`；已确认的事件不受影响"
    ),
    "{path} is gone": "{path} 不见了",
    "{path} is gone: it says which files of events count": (
        "{path} 不见了：哪些事件文件有效，由它记录"
    ),
    "{path} is gone, though the folder holds events": "文件夹里有事件，{path} 却不见了",
    "{path} is damaged (its checksum is another)": "{path} 已损坏（校验和不符）",
    "{path} is damaged (its checksum is gone)": "{path} 已损坏（缺少校验和）",
    "{path} is damaged ({why})": "{path} 已损坏（{why}）",
    "put it back from a backup of the folder; an old one will do": (
        "请从文件夹的备份放回，旧的也行"
    ),
    "put it back from a backup of the folder, best the newest: `wxcube events compact` then lists "
    "newer files again; if there is none, let it hold only {}": (
        "请从文件夹的备份放回，最好是最新的：之后 `wxcube events compact` 会让更新的文件重新计入；"
        "没有备份，就在里面只写 {}"
    ),
    # the store
    "{path} has no event store": "{path} 里没有事件库",
    "`wxcube events ingest FILE` makes one": "可用 `wxcube events ingest FILE` 建立",
    "{path}: this store has layout {number}, this wxcube knows {other}": (
        "{path}：这个事件库的格式是第 {number} 版，本版 wxcube 只认得第 {other} 版"
    ),
    "use the version of wxcube that wrote it": "请用写它的那个版本的 wxcube",
    "compacting events needs DuckDB": "归档事件需要 DuckDB",
    'install it with: pip install "wxcube[cube]"': '请安装：pip install "wxcube[cube]"',
    "free space on that disk and run `wxcube events compact` again; the events wait in the log, "
    "none is lost": (
        "请在那块磁盘上腾出空间，再运行 `wxcube events compact`；事件还在日志里，没有丢失"
    ),
    _BACK_OR_OUT: _BACK_OR_OUT_ZH,
    "{path} is no file of events in {text}": "{path} 不是 {text} 里的事件文件",
    "`wxcube doctor` names them": "有哪些文件，见 `wxcube doctor`",
    # accounts
    "{path} is gone or was cut": "{path} 不见了，或被截短",
    "{path} was cut": "{path} 被截短",
    "{path} is damaged: it has an account twice": "{path} 已损坏：有公众号出现两次",
    "{path} is damaged at line {number}": "{path} 第 {number} 行已损坏",
    "put it back from the newest backup: the stored events use its numbers; without one write it "
    "anew by hand, the accounts in the order in which they first came: "
    '{"number":0,"account":"…"}': (
        "请从最新的备份放回：已存的事件用的是它的编号；没有备份，就手工重写，"
        '公众号按最初出现的先后排列：{"number":0,"account":"…"}'
    ),
    # keys
    "the openids in {path} were hashed with another key than the one given now": (
        "{path} 里的 openid 用的是另一个密钥，与现在给出的不同"
    ),
    "give the key of before, in the settings or, if the store had one of its own, as its file "
    f"`key` from a backup; {_KEY_LOST}": (
        "请给出以前的密钥：写在配置里；如果是事件库自己的，就从备份放回它的文件 `key`；"
        + _KEY_LOST_ZH
    ),
    f"put it back from a backup: with another key nobody is recognised; {_KEY_LOST}": (
        f"请从备份放回：换了密钥就谁也认不出来；{_KEY_LOST_ZH}"
    ),
    "put it back from a backup: with another key events sent again would count twice; if it is "
    "lost for good, move the folder away and send all events into a new one": (
        "请从备份放回：换了密钥，重发的事件会算两次；"
        "确实再也找不回来，就把文件夹移走，把全部事件发进新的文件夹"
    ),
    "{path} is another key than the one of this store": "{path} 不是这个事件库的密钥",
    "{path} is not a key of this store": "{path} 的内容不是密钥",
    "{path} uses this key already": "{path} 用的已经是这个密钥",
    "put the new key into the settings first, then rotate": "请先把新密钥放进配置，再更换",
    # files of events
    "{path} cannot be read to its end ({why})": "{path} 没有读完就出错（{why}）",
    "check its name, and who may read it": "请检查文件名和读取权限",
    "mend the file and send it again: what is stored already does no harm": (
        "请修好文件重新发一遍，已存的重发无害"
    ),
    "line {number} is longer than 16 MiB": "第 {number} 行超过 16 MiB",
    "zstd: it ends in the middle": "zstd：文件不完整",
    "reading Parquet needs DuckDB": "读取 Parquet 需要 DuckDB",
    "packed Parquet cannot be read here": "这里无法读取压缩过的 Parquet",
    "unpack it into a file first": "请先解压成文件",
    # what doctor finds
    "the folder of the log is gone": "日志文件夹不见了",
    "if events waited in it, put it back from a backup or send them again; otherwise there is "
    "nothing to do: the next write makes it again": (
        "如果里面有待归档的事件，请从备份放回，或重发这些事件；否则不用管，下次写入时会重新建立"
    ),
    "the clock was set back: it shows {text}, the store was last changed at {other_text}": (
        "时钟被往回拨了：现在是 {text}，事件库最后一次改动是 {other_text}"
    ),
    "set the clock right; events carry their own times, none is touched": (
        "请把时钟拨准；事件自带时间，都没有动"
    ),
    "bytes {number} to {other} are no whole batch: the writer was killed there, or the file was "
    "cut": "第 {number} 到 {other} 字节不成一批：写入者在那里被杀掉，或文件被截短",
    "bytes {number} to {other} are no whole batch, though batches follow: the file was damaged": (
        "第 {number} 到 {other} 字节不成一批，后面却还有完整的批次：文件已损坏"
    ),
    "`wxcube events compact` stores all other batches and sets these bytes aside; a writer that "
    "was killed there had acknowledged none of them; if the disk lost them, send that time's "
    "events again: what is stored already does no harm": (
        "`wxcube events compact` 会存下其余各批，把这些字节放到一边；如果是写入者被杀掉，"
        "这些字节还没有确认过；如果是磁盘丢了，请重发那段时间的事件，已存的重发无害"
    ),
    "it holds {number} events instead of {other}": "里面有 {number} 个事件，应有 {other} 个",
    "it was changed: it has {number} bytes, {other} were written": (
        "文件被改动过：现有 {number} 字节，写入时是 {other} 字节"
    ),
    "it was changed: its checksum is another than when it was written": (
        "文件被改动过：校验和与写入时不同"
    ),
    "it is newer than state.json and does not count: an older state.json was put back": (
        "它比 state.json 新，没有计入：放回的是旧的 state.json"
    ),
    "`wxcube events compact` lets it count again": "`wxcube events compact` 会让它重新计入",
    "a file of events that was taken out by `wxcube events forget`": (
        "用 `wxcube events forget` 移走的事件文件"
    ),
    "a file of events newer than state.json that could not count again as a whole": (
        "比 state.json 新的事件文件，不能整个重新计入"
    ),
    "send that day's events again, then remove the file": "请重发那一天的事件，再删掉这个文件",
    "bytes of the log that were no whole batch": "日志里不成一批的字节",
    "if a writer was killed then, remove the file; else send that time's events again": (
        "如果当时是写入者被杀掉，删掉这个文件即可；否则请重发那段时间的事件"
    ),
    "refused lines wait in {number} files": "{number} 个死信文件里有被拒绝的行",
    "mend these lines where they come from, send them again, remove the files": (
        "请在原文件里改好这些行，重新发送，再删掉死信文件"
    ),
    "only {number} MiB are free on its disk": "所在的磁盘只剩 {number} MiB",
    "free space, or keep fewer days with retention_days_events": (
        "请腾出空间，或用 retention_days_events 少保留几天"
    ),
    # what a compaction tells
    "{path} holds bytes that are no batch; they are kept in {text}": (
        "{path} 里有些字节不成一批，留在 {text}"
    ),
    "{path} was not listed, though it is newer than state.json: its {number} events count again": (
        "{path} 比 state.json 新，却没有列在里面：它的 {number} 个事件重新计入"
    ),
    "{path} is newer than state.json, but some of its events count already, or it cannot be read; "
    "it is kept in {text}": (
        "{path} 比 state.json 新，但其中有的事件已经计入，或者无法读取；留在 {text}"
    ),
    "{path} has events that count already": "{path} 里有的事件已经计入",
    # refused lines of a table
    "a quote is not closed on its line: a row is one line": (
        "引号没有在本行结束：CSV 一行文字就是一条事件"
    ),
    "it is no row of CSV: {why}": "不是正确的 CSV 行：{why}",
    "an activity event has an unknown action or channel": "某个活动事件的动作或渠道未知",
}
