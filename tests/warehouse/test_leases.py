"""Leases: who has an account, for how long, and what happens when the holder ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from wxcube.beijing import BEIJING, ManualClock
from wxcube.warehouse.lease_holder import Holder, Life, life_of, new_holder
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.exclusive import exclusive

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
ELSEWHERE = Holder("0123456789abcdef.77.a1", "other-machine", 4711)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


def ended() -> Holder:
    """A holder of this machine whose process has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        own = new_holder()
        machine, _start, rest = own.mark.split(".")
        text = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
        start = text.rpartition(")")[2].split()[19]
        holder = Holder(f"{machine}.{start}.{rest}", own.host, process.pid)
        assert life_of(holder) is Life.RUNNING
        process.kill()
        process.wait()
    return holder


def reused() -> Holder:
    """A holder that had the process number of this process before."""
    own = new_holder()
    machine, start, rest = own.mark.split(".")
    return replace(own, mark=f"{machine}.{int(start) - 1}.{rest}")


def test_an_account_has_one_holder(warehouse: Warehouse) -> None:
    one, other = new_holder(), new_holder()
    assert warehouse.take_leases(["wx1", "wx2"], one, NOW) == {}
    busy = warehouse.take_leases(["wx2", "wx3"], other, NOW + timedelta(hours=5))
    assert list(busy) == ["wx2"]
    assert (busy["wx2"].holder, busy["wx2"].taken_at) == (one, NOW)
    warehouse.release_leases(one)
    assert warehouse.take_leases(["wx1", "wx2", "wx3"], other, NOW) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("make", [ended, reused])
def test_a_holder_that_ended_is_replaced_at_once(warehouse: Warehouse, make: object) -> None:
    holder = make()  # type: ignore[operator] # one of the functions above
    warehouse.take_leases(["wx1"], holder, NOW)
    assert warehouse.take_leases(["wx1"], new_holder(), NOW) == {}


def test_a_holder_on_another_machine_is_replaced_when_its_lease_expires(
    warehouse: Warehouse,
) -> None:
    own = new_holder()
    warehouse.take_leases(["wx1"], ELSEWHERE, NOW)
    assert life_of(ELSEWHERE) is Life.UNKNOWN
    assert warehouse.take_leases(["wx1"], own, NOW + timedelta(seconds=59))
    assert warehouse.renew_leases(["wx1"], ELSEWHERE, NOW + timedelta(seconds=50)) == set()
    assert warehouse.take_leases(["wx1"], own, NOW + timedelta(seconds=109))
    assert warehouse.take_leases(["wx1"], own, NOW + timedelta(seconds=110)) == {}
    assert warehouse.renew_leases(["wx1"], ELSEWHERE, NOW) == {"wx1"}


def test_a_lease_of_a_wrong_clock_is_no_lease(warehouse: Warehouse) -> None:
    warehouse.take_leases(["wx1"], ELSEWHERE, NOW + timedelta(days=400))
    assert warehouse.take_leases(["wx1"], new_holder(), NOW) == {}


def test_leases_are_renewed_while_they_are_used(warehouse: Warehouse) -> None:
    clock, renewed = ManualClock(NOW), threading.Event()
    renew = warehouse.renew_leases

    class Observed:
        take_leases = staticmethod(warehouse.take_leases)
        release_leases = staticmethod(warehouse.release_leases)

        @staticmethod
        def renew_leases(*arguments: object) -> set[str]:
            lost = renew(*arguments)  # type: ignore[arg-type] # passed on
            renewed.set()
            return lost

    with exclusive(Observed(), ["wx1"], clock, renewal_seconds=0.01) as own:  # type: ignore[arg-type]
        assert own.held == ("wx1",)
        clock.advance(timedelta(seconds=50))
        renewed.clear()
        assert renewed.wait(30)
        assert not own.lost
        lease = warehouse.take_leases(["wx1"], ELSEWHERE, clock.now())["wx1"]
        assert lease.expires_at == NOW + timedelta(seconds=110)
    assert warehouse.take_leases(["wx1"], ELSEWHERE, clock.now()) == {}


def test_a_lost_lease_is_reported(warehouse: Warehouse) -> None:
    lost = threading.Event()
    with exclusive(warehouse, ["wx1"], ManualClock(NOW), renewal_seconds=0.01) as own:
        own.on_loss = lost.set
        with warehouse._database.transaction() as connection:
            connection.exec_driver_sql("UPDATE leases SET holder = 'x.1.y'")
        assert lost.wait(30)
        assert own.lost == {"wx1"}
