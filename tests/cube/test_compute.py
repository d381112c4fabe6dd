"""The function compute: its input, its result and its errors."""

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
from wxcube.errors import ContractError, EngineError, EventError
from wxcube.events.columns import Batch, Columns, family, to_batch
from wxcube.events.kinds import Message, Publish, Read

DAY = date(2026, 3, 2)


def test_without_an_engine_duckdb_is_used(story: Story) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, endpoints=[getupstreammsg])
    assert len(computed.rows(story.account, getupstreammsg)) == 1


def test_events_after_the_last_day_do_not_count(story: Story) -> None:
    story.add("2026-03-02 23:59:59", Message, "a", msg_type=1)
    story.add("2026-03-03 00:00:00", Message, "a", msg_type=1)
    assert story.table(getupstreammsg, "2026-03-02", "ref_date msg_count") == [("2026-03-02", 1)]


def test_an_event_sent_twice_counts_once(story: Story) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    story.events.extend(story.events)
    assert story.table(getupstreammsg, "2026-03-02", "msg_count") == [(1,)]


def test_no_events_give_no_rows(engine: DuckDbEngine) -> None:
    computed = compute(to_batch([]), DAY, engine=engine)
    assert [computed.rows("nobody", endpoint) for endpoint in CUBE_ENDPOINTS] == [[]] * 21


def test_accounts_are_separate_even_with_the_same_users_and_articles(
    engine: DuckDbEngine,
) -> None:
    stories = [Story(engine), Story(engine)]
    stories[1].account = "wxdemo-other"
    for n, story in enumerate(stories):
        story.add("2026-03-02 08:00", Publish, title=f"title {n}")
        story.add("2026-03-02 09:00", Read, "a b" if n else "a")
    computed = compute(to_batch(stories[0].events + stories[1].events), DAY, engine=engine)
    for n, story in enumerate(stories):
        [row] = computed.rows(story.account, getarticletotaldetail)
        assert (row.title, row.detail_list[0].read_user) == (f"title {n}", n + 1)


def test_a_returned_list_may_be_changed(story: Story, engine: DuckDbEngine) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, engine=engine)
    computed.rows(story.account, getusercumulate).clear()
    assert len(computed.rows(story.account, getusercumulate)) == 1


def test_computed_rows_can_be_pickled(story: Story, engine: DuckDbEngine) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    computed = compute(to_batch(story.events), DAY, engine=engine)
    copy = pickle.loads(pickle.dumps(computed))
    assert copy.rows(story.account, getupstreammsg) == computed.rows(story.account, getupstreammsg)


def test_card_endpoints_and_endpoints_not_computed_are_refused(engine: DuckDbEngine) -> None:
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
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    with _Failing(threads=1) as engine:
        with pytest.raises(EngineError, match="computing message_day failed"):
            compute(to_batch(story.events), DAY, engine=engine)
        assert engine.tables() == []


def test_a_computation_drops_all_its_tables(story: Story) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    with _Failing(threads=1) as engine:
        compute(to_batch(story.events), DAY, engine=engine, endpoints=[getusercumulate])
        assert engine.tables() == []


def test_the_error_for_too_little_memory_says_what_to_change() -> None:
    numbers: Columns = {"n": np.arange(4_000_000)}
    with DuckDbEngine(threads=1, memory_limit="10MB") as engine:
        engine.load("small", {"n": np.arange(10)})
        engine._connection.execute("SET temp_directory=''")
        with pytest.raises(EngineError, match="larger memory_limit"):
            engine.load("large", numbers)


def test_invalid_options_of_the_engine_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="check threads and memory_limit"):
        DuckDbEngine(memory_limit="much", spill_directory=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_engine_leaves_no_files(tmp_path: Path) -> None:
    with DuckDbEngine(spill_directory=str(tmp_path)):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["wxcube.contract.visible", "wxcube.cli.main"])
def test_numpy_and_duckdb_are_imported_only_where_they_are_used(module: str) -> None:
    code = f"import sys, {module}; print({{'numpy', 'duckdb'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
