"""What compute takes and gives, and how it fails."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from support.story import Story
from wxcube.contract.card import getcardbizuininfo
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.message import getupstreammsg, getupstreammsghour
from wxcube.contract.user import getusercumulate
from wxcube.cube.compute import CUBE_ENDPOINTS, compute
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.steps import Step
from wxcube.errors import ContractError, EngineError, EventError, SettingsError
from wxcube.events.columns import Batch, Columns, family, to_batch
from wxcube.events.kinds import Message, Publish, Read

DAY = date(2026, 3, 2)


def test_without_an_engine_one_is_started_and_ended(story: Story) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, endpoints=[getupstreammsg])
    assert len(computed.rows(story.account, getupstreammsg)) == 1


def test_events_after_the_last_day_do_not_count(story: Story) -> None:
    story.tell("2026-03-02 23:59:59", Message, "a", msg_type=1)
    story.tell("2026-03-03 00:00:00", Message, "a", msg_type=1)
    assert story.table(getupstreammsg, "2026-03-02", "ref_date msg_count") == [("2026-03-02", 1)]


def test_an_event_sent_twice_counts_once(story: Story) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    story.events.extend(story.events)
    assert story.table(getupstreammsg, "2026-03-02", "msg_count") == [(1,)]


def test_no_events_give_no_rows(engine: DuckDbEngine) -> None:
    computed = compute(to_batch([]), DAY, engine=engine)
    assert [computed.rows("nobody", endpoint) for endpoint in CUBE_ENDPOINTS] == [[]] * 21


def test_accounts_are_kept_apart_even_with_the_same_people_and_articles(
    engine: DuckDbEngine,
) -> None:
    stories = [Story(engine), Story(engine)]
    stories[1].account = "wxdemo-other"
    for n, story in enumerate(stories):
        story.tell("2026-03-02 08:00", Publish, title=f"title {n}")
        story.tell("2026-03-02 09:00", Read, "a b" if n else "a")
    computed = compute(to_batch(stories[0].events + stories[1].events), DAY, engine=engine)
    for n, story in enumerate(stories):
        [row] = computed.rows(story.account, getarticletotaldetail)
        assert (row.title, row.detail_list[0].read_user) == (f"title {n}", n + 1)


def test_changing_a_list_of_rows_changes_no_later_one(story: Story, engine: DuckDbEngine) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, engine=engine)
    computed.rows(story.account, getusercumulate).clear()
    assert len(computed.rows(story.account, getusercumulate)) == 1


def test_computed_rows_can_be_handed_to_another_process(story: Story, engine: DuckDbEngine) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, engine=engine)
    copy = pickle.loads(pickle.dumps(computed))
    assert copy.rows(story.account, getupstreammsg) == computed.rows(story.account, getupstreammsg)


def test_card_endpoints_and_uncomputed_ones_are_refused(engine: DuckDbEngine) -> None:
    with pytest.raises(ContractError, match="does not compute getcardbizuininfo"):
        compute(to_batch([]), DAY, engine=engine, endpoints=[getcardbizuininfo])
    computed = compute(to_batch([]), DAY, engine=engine, endpoints=[getupstreammsg])
    with pytest.raises(ContractError, match="getupstreammsghour was not computed"):
        computed.rows("a", getupstreammsghour)


def test_an_unknown_channel_is_refused(engine: DuckDbEngine) -> None:
    empty = to_batch([])
    names = ("account", "at", "user", "article", "action", "scene", "seconds", "finished")
    members = {name: [1] for name in (*names, "position", "fen")}
    activity = family("activity", **members, source=[9])
    batch = Batch(("a", "b"), **{**dict(empty.families()), "activity": activity})
    with pytest.raises(EventError, match="unknown action or channel"):
        compute(batch, date(2026, 3, 2), engine=engine)


class _Failing(DuckDbEngine):
    """Fails at one step."""

    def run(self, step: Step) -> None:
        if step.name == "message_day":
            step = Step(step.name, step.inputs, "SELECT nothing FROM message_hour")
        super().run(step)

    def tables(self) -> Sequence[object]:
        return self._connection.execute("SHOW TABLES").fetchall()


def test_a_step_that_fails_is_named_and_leaves_no_tables(story: Story) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    with _Failing(threads=1) as engine:
        with pytest.raises(EngineError, match="computing message_day failed"):
            compute(to_batch(story.events), DAY, engine=engine)
        assert engine.tables() == []


def test_a_computation_leaves_no_tables_behind(story: Story) -> None:
    story.tell("2026-03-02 10:00", Message, "a", msg_type=1)
    with _Failing(threads=1) as engine:
        compute(to_batch(story.events), DAY, engine=engine, endpoints=[getusercumulate])
        assert engine.tables() == []


def test_too_little_memory_says_what_to_change() -> None:
    numbers: Columns = {"n": np.arange(4_000_000)}
    with DuckDbEngine(threads=1, memory_limit="10MB") as engine:
        engine.load("small", {"n": np.arange(10)})
        engine._connection.execute("SET temp_directory=''")
        with pytest.raises(EngineError, match="larger memory_limit"):
            engine.load("large", numbers)


def test_options_the_engine_refuses_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="check threads and memory_limit"):
        DuckDbEngine(memory_limit="much", spill_directory=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_engine_leaves_no_files(tmp_path: Path) -> None:
    with DuckDbEngine(spill_directory=str(tmp_path)):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_without_duckdb_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SettingsError, match=r'pip install "wxcube\[cube\]"'):
        compute(to_batch([]), DAY)


def _python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_contract_does_not_need_numpy() -> None:
    code = "import sys, wxcube.contract, wxcube.contract.visible; print('numpy' in sys.modules)"
    assert _python(code) == "False"


def test_without_numpy_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "try: import wxcube.cube.compute\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    printed = _python(code)
    assert printed.startswith("SettingsError")
    assert 'pip install "wxcube[cube]"' in printed
