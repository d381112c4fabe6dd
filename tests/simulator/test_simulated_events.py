"""Simulated events are consistent and plausible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.simulated import FIRST_DAY, LAST_DAY, accounts, batch, of_account
from wxcube.beijing import BEIJING, day_number, ready_at
from wxcube.events.columns import Action, Columns, article_msgid

OPENED = int(ready_at(FIRST_DAY, 0).timestamp()) - 8 * 3600
CLOSED = int(ready_at(LAST_DAY, 1).timestamp()) - 8 * 3600
PLACES = (0, 1)
Numbers = NDArray[Any]


def day(at: Numbers) -> Numbers:
    return (at + 28_800) // 86_400


def hour(at: Numbers) -> Numbers:
    return (at + 28_800) % 86_400 // 3600


def published_at(columns: Columns, events: dict[str, Columns]) -> Numbers:
    """Publication time of the article of each row."""
    posts = events["publish"]
    order = np.argsort(posts["article"])
    place = np.searchsorted(posts["article"][order], columns["article"])
    assert np.array_equal(posts["article"][order][place], columns["article"])
    at: Numbers = posts["at"][order][place]
    return at


def test_nothing_happens_before_the_first_day_or_after_the_last() -> None:
    assert ready_at(FIRST_DAY, 0).tzinfo is BEIJING
    for name, columns in batch().families():
        assert columns["at"].min() >= OPENED, name
        assert columns["at"].max() < CLOSED, name


def test_each_account_opens_once_at_the_start_of_its_first_day() -> None:
    events = batch().open
    assert events["at"].tolist() == [OPENED, OPENED]
    assert events["followers"].tolist() == [a.character.followers for a in accounts()]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_happens_to_an_article_before_its_publication(place: int) -> None:
    events = of_account(batch(), place)
    acts, follows = events["activity"], events["follow"]
    assert (acts["at"] >= published_at(acts, events)).all()
    after = {name: values[follows["article"] > 0] for name, values in follows.items()}
    assert len(after["at"]) > 100
    assert (after["at"] > published_at(after, events)).all()


@pytest.mark.parametrize("place", PLACES)
def test_users_who_follow_after_an_article_read_it_just_before(place: int) -> None:
    events = of_account(batch(), place)
    acts, follows = events["activity"], events["follow"]
    read = acts["action"] == Action.READ
    readers = set(zip(acts["user"][read].tolist(), acts["article"][read].tolist(), strict=True))
    joined = follows["article"] > 0
    pairs = zip(follows["user"][joined].tolist(), follows["article"][joined].tolist(), strict=True)
    assert set(pairs) <= readers


@pytest.mark.parametrize("place", PLACES)
def test_users_follow_once_and_unfollow_later_at_most_once(place: int) -> None:
    follows = of_account(batch(), place)["follow"]
    came, left = follows["change"] == 1, follows["change"] == -1
    joined = dict(zip(follows["user"][came].tolist(), follows["at"][came].tolist(), strict=True))
    gone = dict(zip(follows["user"][left].tolist(), follows["at"][left].tolist(), strict=True))
    assert len(joined) == came.sum()
    assert len(gone) == left.sum()
    assert all(joined.get(user, 0) < at for user, at in gone.items())
    assert any(user in joined for user in gone)


@pytest.mark.parametrize("place", PLACES)
def test_unfollows_have_the_channel_of_the_follow(place: int) -> None:
    follows = of_account(batch(), place)["follow"]
    rows = list(
        zip(*(follows[name].tolist() for name in ("user", "change", "source")), strict=True)
    )
    source = {user: code for user, change, code in rows if change == 1}
    assert all(source.get(user, code) == code for user, change, code in rows if change == -1)


@pytest.mark.parametrize("place", PLACES)
def test_followers_grow_slowly_and_unfollow_after_mass_sends(place: int) -> None:
    events = of_account(batch(), place)
    follows, posts = events["follow"], events["publish"]
    opening = int(events["open"]["followers"][0])
    assert opening < opening + int(follows["change"].sum()) < opening * 1.5
    left = day(follows["at"][follows["change"] == -1]) - day_number(FIRST_DAY)
    sent = np.zeros(120, bool)
    sent[day(posts["at"][posts["publish_type"] == 0]) - day_number(FIRST_DAY)] = True
    per_day = np.bincount(left, minlength=120)
    assert per_day[sent].mean() > 2 * per_day[~sent].mean()


def test_every_source_of_followers_occurs_and_campaigns_are_visible() -> None:
    follows = batch().follow
    assert set(follows["source"].tolist()) == {0, 1, 17, 30, 57, 100, 149, 161, 200, 201}
    came = follows["change"] == 1
    per_day = np.bincount(day(follows["at"][came]) - day_number(FIRST_DAY))
    assert per_day.max() > 2.5 * np.median(per_day)


@pytest.mark.parametrize("place", PLACES)
def test_posts_have_plausible_ids_titles_and_links(place: int) -> None:
    posts = of_account(batch(), place)["publish"]
    msgids = [article_msgid(number) for number in posts["article"].tolist()]
    assert len(set(msgids)) == len(msgids) == len(set(posts["title"].tolist()))
    for msgid, url, title in zip(msgids, posts["content_url"], posts["title"], strict=True):
        mid, _, idx = msgid.partition("_")
        assert len(mid) == 10
        assert 1 <= int(idx) <= 8
        assert url.startswith("https://mp.weixin.qq.com/s?__biz=")
        assert f"&mid={mid}&idx={idx}&" in url
        assert 6 <= len(title) <= 32
        assert "{" not in title


@pytest.mark.parametrize("place", PLACES)
def test_mass_sends_reach_most_followers_and_others_nobody(place: int) -> None:
    events = of_account(batch(), place)
    posts, follows = events["publish"], events["follow"]
    mass = posts["publish_type"] == 0
    assert 0 < (~mass).sum() < mass.sum() / 3
    assert (posts["target_user"][~mass] == 0).all()
    changes = np.cumsum(follows["change"])
    before = np.searchsorted(follows["at"], posts["at"] // 86_400 * 86_400)
    followers = events["open"]["followers"][0] + np.append(0, changes)[before]
    share = posts["target_user"][mass] / followers[mass]
    assert share.min() > 0.94
    assert share.max() < 1.0


@pytest.mark.parametrize("place", PLACES)
def test_the_first_article_of_a_post_has_most_readers(place: int) -> None:
    events = of_account(batch(), place)
    acts = events["activity"]
    numbers, reads = np.unique(acts["article"][acts["action"] == Action.READ], return_counts=True)
    lead, second = (np.median(reads[numbers % 100 == index]) for index in (1, 2))
    assert lead > 2 * second


@pytest.mark.parametrize("place", PLACES)
def test_most_reading_is_on_the_first_day_with_a_long_tail(place: int) -> None:
    events = of_account(batch(), place)
    reads = {
        n: v[events["activity"]["action"] == Action.READ] for n, v in events["activity"].items()
    }
    age = day(reads["at"]) - day(published_at(reads, events))
    usual = ~np.isin(reads["article"], viral(reads))
    life = np.bincount(age[usual], minlength=90)
    assert life[0] > life[1] > life[2] > life[4] > life[10] > life[25] > 0
    assert life[0] / life.sum() > 0.4
    assert 0 < life[30:].sum() < life.sum() / 20
    assert len(life) == 90


def viral(reads: Columns) -> Numbers:
    numbers, counts = np.unique(reads["article"], return_counts=True)
    found: Numbers = numbers[counts > 10 * np.median(counts[numbers % 100 == 1])]
    return found


def test_one_article_goes_viral() -> None:
    events = of_account(batch(), 0)
    reads = events["activity"]["action"] == Action.READ
    numbers = viral({n: v[reads] for n, v in events["activity"].items()})
    assert len(numbers) == 1
    of_it = reads & np.isin(events["activity"]["article"], numbers)
    assert len(set(events["activity"]["user"][of_it].tolist())) > 20_000


def test_channels_all_occur_and_shift_with_age() -> None:
    events = of_account(batch(), 0)
    reads = {
        n: v[events["activity"]["action"] == Action.READ] for n, v in events["activity"].items()
    }
    assert set(reads["source"].tolist()) == {0, 1, 2, 4, 5, 6, 7}
    age = day(reads["at"]) - day(published_at(reads, events))
    chat_first, chat_later = (
        (reads["source"][rows] == 0).mean() for rows in (age == 0, (age > 7) & (age < 30))
    )
    search_first, search_later = (
        (reads["source"][rows] == 7).mean() for rows in (age == 0, (age > 7) & (age < 30))
    )
    assert chat_first > 0.4
    assert chat_later < 0.2
    assert search_later > 5 * search_first


@pytest.mark.parametrize("place", PLACES)
def test_some_users_read_repeatedly(place: int) -> None:
    acts = of_account(batch(), place)["activity"]
    read = acts["action"] == Action.READ
    daily = np.stack([day(acts["at"][read]), acts["user"][read], acts["article"][read]])
    readers = len(np.unique(daily, axis=1).T)
    assert 1.1 < read.sum() / readers < 1.6


def test_every_action_occurs_with_its_own_columns() -> None:
    acts = batch().activity
    assert set(acts["action"].tolist()) == set(Action)
    kinds = {action: acts["action"] == action for action in Action}
    assert set(acts["scene"][kinds[Action.SHARE]].tolist()) == {1, 2, 255}
    assert (acts["scene"][~kinds[Action.SHARE]] == 0).all()
    assert (acts["fen"][kinds[Action.PRAISE]] > 0).all()
    assert (acts["fen"][~kinds[Action.PRAISE]] == 0).all()
    only_reads = ("seconds", "position", "finished")
    assert not any(acts[name][~kinds[Action.READ]].any() for name in only_reads)


def test_reads_have_plausible_lengths() -> None:
    acts = batch().activity
    reads = {name: values[acts["action"] == Action.READ] for name, values in acts.items()}
    assert set(reads["position"].tolist()) == {1, 2, 3, 4, 5}
    assert (reads["position"][reads["finished"]] == 5).all()
    assert 0.3 < reads["finished"].mean() < 0.7
    assert reads["seconds"].min() >= 2
    assert reads["seconds"].max() < 1_800
    assert (
        reads["seconds"][reads["finished"]].mean()
        > 2 * reads["seconds"][reads["position"] == 1].mean()
    )


@pytest.mark.parametrize("place", PLACES)
def test_only_some_articles_have_original_pages_and_praise(place: int) -> None:
    events = of_account(batch(), place)
    acts, count = events["activity"], len(events["publish"]["at"])
    for action in (Action.READ_ORIGINAL, Action.PRAISE):
        assert 0 < len(set(acts["article"][acts["action"] == action].tolist())) < count * 0.6


def test_days_peak_at_breakfast_noon_evening_and_sleep_at_night() -> None:
    # Messages, since reading follows the hour of the mass send.
    counts = np.bincount(hour(batch().message["at"]), minlength=24)
    for peak, quiet in ((8, 6), (12, 15), (18, 16), (21, 19)):
        assert counts[peak] > 1.15 * counts[quiet]
    assert counts.argmax() in {21, 22}
    assert counts[2:5].sum() < counts.sum() / 50


def test_weekends_and_the_spring_festival_are_quieter() -> None:
    days = day(batch().message["at"])
    per_day = np.bincount(days - day_number(FIRST_DAY), minlength=120)
    dates = np.arange(120) + day_number(FIRST_DAY)
    festival = (dates >= 20_500) & (dates <= 20_507)
    weekend = (dates + 3) % 7 >= 5
    assert day_number(FIRST_DAY) + np.flatnonzero(festival)[0] == 20_500  # 2026-02-16
    assert per_day[festival].mean() < 0.7 * per_day[~festival].mean()
    assert per_day[weekend & ~festival].mean() < per_day[~weekend & ~festival].mean()


@pytest.mark.parametrize("place", PLACES)
def test_messages_have_all_types_and_a_few_heavy_senders(place: int) -> None:
    result = of_account(batch(), place)["message"]
    types = np.bincount(result["msg_type"])
    assert set(np.flatnonzero(types)) == {1, 2, 3, 4, 6}
    assert types[1] > types.sum() / 2
    _, counts = np.unique(np.stack([day(result["at"]), result["user"]]), axis=1, return_counts=True)
    few, some, many = (
        (counts <= 5).sum(),
        ((counts > 5) & (counts <= 10)).sum(),
        (counts > 10).sum(),
    )
    assert few > 8 * some > 0
    assert many > 0


@pytest.mark.parametrize("place", PLACES)
def test_each_message_and_each_new_follower_is_answered_once(place: int) -> None:
    events = of_account(batch(), place)
    pushed = np.concatenate(
        [events["message"]["at"], events["follow"]["at"][events["follow"]["change"] == 1]]
    )
    assert np.array_equal(np.sort(pushed), np.sort(events["reply"]["at"]))


@pytest.mark.parametrize("place", PLACES)
def test_replies_are_fast_with_a_tail_and_fail_above_the_limit(place: int) -> None:
    reply = of_account(batch(), place)["reply"]
    assert np.array_equal(reply["ok"], reply["ms"] < 5_000)
    assert reply["ms"].max() < 5_060
    assert np.median(reply["ms"]) < 200 < np.percentile(reply["ms"], 95)
    assert 0 < (~reply["ok"]).mean() < 0.005


@pytest.mark.parametrize("place", PLACES)
def test_one_hour_has_most_failures(place: int) -> None:
    reply = of_account(batch(), place)["reply"]
    hours = (reply["at"] - OPENED) // 3600
    failures = np.bincount(hours[~reply["ok"]], minlength=120 * 24)
    worst = int(failures.argmax())
    assert failures[worst] >= 5
    assert failures[worst] > 2 * np.sort(failures)[-2]
    assert (~reply["ok"][hours == worst]).mean() > 0.4


def test_two_accounts_have_different_users() -> None:
    first, second = (
        set(of_account(batch(), place)["activity"]["user"].tolist()) for place in PLACES
    )
    assert not first & second
