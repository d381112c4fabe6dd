"""Pushes callbacks of simulated people to a message server, as WeChat does.

The server's address is checked first (echostr), as often as it takes. A push that is not answered
within five seconds is repeated, three attempts in all. What was measured replaces the simulated
figures of replies, day by day, so that the figures of the interface group are those of the server.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from email.utils import formatdate
from typing import Self

import aiohttp

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, Clock, day_number
from wxcube.emulator.callbacks import Callback, callbacks, encrypted_body, url_query
from wxcube.emulator.simulation import LOOKAHEAD, Simulation
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.simulator import simulate
from wxcube.tap.reply_check import ATTEMPTS, TIMEOUT_SECONDS, is_valid_reply

CONCURRENCY = 8
"""Pushes at the same time; those of one person are in order."""
_PAUSE = 0.5


@dataclass(frozen=True)
class Target:
    """Where callbacks go, and how."""

    url: str
    is_encrypted: bool = False
    speed: float | None = None
    """Simulated seconds per second; None: as fast as the server replies."""


@dataclass
class Pushed:
    """What has been pushed so far."""

    callbacks: int = 0
    attempts: int = 0
    failed: int = 0
    """Attempts without a valid reply in time."""
    through: date | None = None
    """The last simulated day whose callbacks were all pushed."""
    is_waiting: bool = True
    """Whether the server has not answered the check of its address yet."""


@dataclass
class Measured:
    """The replies of the server on a day: parallel lists, in the order in which they came."""

    appid: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    ms: list[int] = field(default_factory=list)
    ok: list[bool] = field(default_factory=list)

    def add(self, appid: str, at: int, milliseconds: int, *, is_ok: bool) -> None:
        """Add a reply to an attempt that began at a simulated second."""
        self.appid.append(appid)
        self.at.append(at)
        self.ms.append(milliseconds)
        self.ok.append(is_ok)


class Pusher:
    """Pushes the callbacks of a simulation, from its first day to the clock and then with it.

    A context manager that pushes meanwhile, in a thread.

    Raises:  SettingsError if the URL is none.
    """

    def __init__(self, simulation: Simulation, clock: Clock, target: Target) -> None:
        if not target.url.startswith(("http://", "https://")):
            raise SettingsError(
                _("{url!r} is not a URL to push to", url=target.url),
                hint=_("write it as http://127.0.0.1:8320"),
            )
        self.state = Pushed()
        self.target = target
        self._simulation = simulation
        self._clock = clock
        self._measured = Measured()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxcube-push", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Push nothing more; returns when the last reply has come."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._push())

    async def _push(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            await self._check_address(session)
            day, started = self._simulation.first_day, time.monotonic()
            known, of_day = date.min, dict[date, list[Callback]]()
            while not self._stopped.is_set():
                if day > known:
                    known = day + LOOKAHEAD
                    of_day = await asyncio.to_thread(self._simulated, day, known)
                await self._push_day(session, of_day.pop(day, []), started)
                if self._stopped.is_set():
                    return
                replies, self._measured = self._measured, Measured()
                self._simulation.use_replies(replies, day)
                self.state.through = day
                day += timedelta(days=1)

    async def _check_address(self, session: aiohttp.ClientSession) -> None:
        """Wait until the server answers echostr for every account."""
        waiting = list(self._simulation.accounts.values())
        while waiting and not self._stopped.is_set():
            if await self._is_checked(session, waiting[-1]):
                waiting.pop()
            else:
                await asyncio.sleep(_PAUSE)
        self.state.is_waiting = False

    async def _is_checked(self, session: aiohttp.ClientSession, account: SimulatedAccount) -> bool:
        echostr = secrets.token_hex(8)
        now = int(self._clock.now().timestamp())
        url = self._url(url_query(account, now, echostr=echostr))
        try:
            async with session.get(url) as response:
                return (await response.read()).strip() == echostr.encode()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def _simulated(self, first: date, last: date) -> dict[date, list[Callback]]:
        accounts = list(self._simulation.accounts.values())
        of_day: dict[date, list[Callback]] = {}
        start = day_number(first) * DAY_SECONDS - BEIJING_SECONDS
        for one in callbacks(simulate(accounts, last), accounts):
            if one.at >= start:
                day = first + timedelta(days=(one.at - start) // DAY_SECONDS)
                of_day.setdefault(day, []).append(one)
        return of_day

    async def _push_day(
        self, session: aiohttp.ClientSession, of_day: Sequence[Callback], started: float
    ) -> None:
        lanes: list[list[Callback]] = [[] for _ in range(CONCURRENCY)]
        for one in of_day:
            lanes[one.user % CONCURRENCY].append(one)
        await asyncio.gather(*(self._push_lane(session, lane, started) for lane in lanes))

    async def _push_lane(
        self, session: aiohttp.ClientSession, lane: Sequence[Callback], started: float
    ) -> None:
        for one in lane:
            if not await self._is_due(one, started):
                return
            await self._push_one(session, one)

    async def _is_due(self, one: Callback, started: float) -> bool:
        """Wait until a callback is due; False if the pusher was stopped before."""
        while not self._stopped.is_set():
            wait = one.at - self._clock.now().timestamp()
            if wait <= 0 and self.target.speed:
                passed = (time.monotonic() - started) * self.target.speed
                wait = (one.at - self._start - passed) / self.target.speed
            if wait <= 0:
                return True
            await asyncio.sleep(min(wait, _PAUSE))
        return False

    @property
    def _start(self) -> int:
        return day_number(self._simulation.first_day) * DAY_SECONDS - BEIJING_SECONDS

    async def _push_one(self, session: aiohttp.ClientSession, one: Callback) -> None:
        self.state.callbacks += 1
        begun = time.monotonic()
        for _attempt in range(ATTEMPTS):
            sent_at = one.at + int(time.monotonic() - begun)
            is_answered, is_ok, milliseconds = await self._attempt(session, one, sent_at)
            self.state.attempts += 1
            self.state.failed += not is_ok
            self._measured.add(one.appid, sent_at, milliseconds, is_ok=is_ok)
            if is_answered or self._stopped.is_set():
                return

    async def _attempt(
        self, session: aiohttp.ClientSession, one: Callback, sent_at: int
    ) -> tuple[bool, bool, int]:
        """Whether there was a reply, whether it was valid, and after how many milliseconds."""
        account = self._simulation.accounts[one.appid]
        body, text = one.body, ""
        if self.target.is_encrypted:
            body, text = encrypted_body(account, one.body)
        url = self._url(url_query(account, sent_at, user=one.user, encrypted=text))
        headers = {"content-type": "text/xml", "date": formatdate(sent_at, usegmt=True)}
        begun = time.perf_counter()
        try:
            async with session.post(url, data=body.encode(), headers=headers) as response:
                content = await response.read()
                is_ok = is_valid_reply(response.status, content)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False, False, _since(begun)
        return True, is_ok, _since(begun)

    def _url(self, query: str) -> str:
        separator = "&" if "?" in self.target.url else "?"
        return f"{self.target.url}{separator}{query}"


def _since(begun: float) -> int:
    return round((time.perf_counter() - begun) * 1000)
