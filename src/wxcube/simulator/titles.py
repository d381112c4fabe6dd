"""Titles and links of simulated articles."""

from __future__ import annotations

from base64 import b64encode
from datetime import date
from math import gcd

from wxcube.simulator.dice import Dice

_SUBJECTS: tuple[tuple[str, ...], ...] = (
    (
        "睡前阅读",
        "旧书收藏",
        "短篇小说",
        "读书笔记",
        "周末书单",
        "慢读",
        "历史散文",
        "诗歌入门",
        "亲子共读",
        "通勤听书",
        "书房布置",
        "旅行文学",
        "科普阅读",
        "共读打卡",
        "重读经典",
        "图书馆自习",
    ),
    (
        "城市夜跑",
        "社区菜场",
        "老街散步",
        "周末市集",
        "公园野餐",
        "地铁通勤",
        "租房收纳",
        "社区食堂",
        "露天电影",
        "骑行路线",
        "博物馆观展",
        "早餐地图",
        "垃圾分类",
        "邻里互助",
        "旧物改造",
        "雨天出行",
    ),
    (
        "家常小炒",
        "一人食",
        "十分钟早餐",
        "煲汤",
        "手工面食",
        "时令蔬菜",
        "低油烘焙",
        "便当搭配",
        "泡菜腌制",
        "厨房收纳",
        "选米煮饭",
        "杂粮粥",
        "凉拌菜",
        "海鲜清蒸",
        "豆腐料理",
        "家常汤面",
    ),
    (
        "绘本共读",
        "睡眠习惯",
        "户外游戏",
        "情绪引导",
        "入园准备",
        "家庭会议",
        "零花钱教育",
        "屏幕时间管理",
        "手工劳动",
        "亲子旅行",
        "专注力训练",
        "作业习惯",
        "同伴相处",
        "运动启蒙",
        "科学小实验",
        "隔代养育",
    ),
    (
        "新手徒步",
        "装备选择",
        "雨季登山",
        "露营做饭",
        "路线规划",
        "山野急救",
        "背包减重",
        "观星露营",
        "湖边徒步",
        "看日出",
        "古道穿越",
        "补给安排",
        "登山杖使用",
        "冬季徒步",
        "结伴出行",
        "无痕山林",
    ),
    (
        "阳台种菜",
        "多肉养护",
        "绿植浇水",
        "春季播种",
        "香草种植",
        "土壤配制",
        "修剪枝条",
        "扦插繁殖",
        "病虫防治",
        "室内补光",
        "月季养护",
        "球根种植",
        "花盆选择",
        "堆肥",
        "水培",
        "插花",
    ),
)
_FORMS = (
    "关于{subject}，我们整理了{n}个常见问题",
    "{subject}新手指南：从这{n}件小事开始",
    "这个{season}，一起聊聊{subject}",
    "为什么越来越多的人开始关注{subject}",
    "一篇文章讲清楚{subject}",
    "{subject}：{n}位读者的真实经验",
    "别再忽略{subject}了，这{n}点很多人不知道",
    "收藏｜{subject}实用手册",
    "聊聊{subject}：我们走过的弯路",
    "本周话题｜你怎么看{subject}",
    "读者来信｜我和{subject}的故事",
    "{season}的{subject}，有这{n}个小建议",
    "{subject}里的小学问",
    "答疑｜{subject}的{n}个误区",
    "活动预告｜{subject}主题分享会开始报名",
    "图解｜{n}步了解{subject}",
    "认真对待{subject}，一个月后有了这些变化",
    "写给初学者：{subject}小课堂",
)
_NUMBERS = (3, 4, 5, 6, 7, 8, 9, 10, 12)
_SEASONS = (
    "冬天",
    "冬天",
    "春天",
    "春天",
    "春天",
    "夏天",
    "夏天",
    "夏天",
    "秋天",
    "秋天",
    "秋天",
    "冬天",
)


def title(dice: Dice, theme: int, ordinal: int, day: date) -> str:
    """Title of an article; titles repeat only after all forms and subjects are used."""
    subjects = _SUBJECTS[theme % len(_SUBJECTS)]
    position = _shuffled(dice, ordinal, len(subjects) * len(_FORMS))
    return _FORMS[position // len(subjects)].format(
        subject=subjects[position % len(subjects)],
        n=_NUMBERS[dice.of("number").pick(ordinal, 0, len(_NUMBERS) - 1)],
        season=_SEASONS[day.month - 1],
    )


def content_url(dice: Dice, msg_data_id: int, index: int) -> str:
    """Link to an article in WeChat's format, to an account that cannot exist."""
    biz = b64encode(f"demo{dice.pick('biz', 0, 999_999):06}".encode()).decode()
    sn = dice.of("sn", msg_data_id, index).hex("sn", 32)
    return f"https://mp.weixin.qq.com/s?__biz={biz}&mid={msg_data_id}&idx={index}&sn={sn}"


def _shuffled(dice: Dice, ordinal: int, length: int) -> int:
    """Position of a number in a shuffle of all numbers below `length`."""
    stride = dice.pick("stride", length // 4, length // 2)
    while gcd(stride, length) > 1:
        stride += 1
    return (ordinal * stride + dice.pick("offset", 0, length - 1)) % length
