"""`wxcube serve --workers`: processes that share a port, and do not fall together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from support.command_line import Synced
from support.polling import eventually

MOMENT = "2026-03-10T09:00"


def children(pid: int) -> set[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    return {int(one) for one in text.split()}


@contextmanager
def workers(synced: Synced, log: Path, count: int, *options: str) -> Iterator[tuple[str, int]]:
    words = synced.site.launch(MOMENT, "serve", "--port", "0", "--workers", str(count), *options)
    with log.open("wb") as file:
        process = subprocess.Popen(words, cwd=synced.site.folder, stdout=file, stderr=file)
        try:
            eventually(lambda: "Ctrl-C" in log.read_text("utf-8") or process.poll() is not None)
            url = re.search(r"listening on (http://[0-9.:]+)", log.read_text("utf-8"))
            assert url, log.read_text("utf-8")
            eventually(lambda: len(children(process.pid)) == count)
            yield url[1], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0


def answers(url: str) -> bool:
    with urlopen(f"{url}/readyz", timeout=60) as response:
        return bool(response.status == 200)


def test_a_killed_worker_is_started_again_and_the_others_go_on(
    synced: Synced, tmp_path: Path
) -> None:
    with workers(synced, tmp_path / "log.txt", 2) as (url, parent):
        before = children(parent)
        assert all(answers(url) for _call in range(20))
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: killed not in children(parent))
        assert all(answers(url) for _call in range(20))
        eventually(lambda: len(children(parent)) == 2)
        assert before < children(parent)
        assert all(answers(url) for _call in range(20))
    assert "worker.ended" in (tmp_path / "log.txt").read_text("utf-8")
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)


def test_workers_do_not_outlive_a_killed_parent(synced: Synced, tmp_path: Path) -> None:
    words = synced.site.launch(MOMENT, "serve", "--port", "0", "--workers", "2")
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(words, cwd=synced.site.folder, stdout=file, stderr=file)
        eventually(lambda: "Ctrl-C" in log.read_text("utf-8"))
        eventually(lambda: len(children(process.pid)) == 2)
        started = children(process.pid)
        process.kill()
        process.wait(timeout=60)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_events_need_a_single_process(synced: Synced, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")
    token.chmod(0o600)
    settings = tmp_path / "wxcube.toml"
    settings.write_text(f'[events]\ntoken_file = "{token}"\n', encoding="utf-8")
    words = ["--config", str(settings), "serve", "--port", "0", "--workers", "2"]
    result = synced.site.run(*words)
    assert result.code == 1
    assert "events are stored by one process only" in result.err


FAILING = """
from wxcube.errors import SettingsError
from wxcube.server.workers import run_workers
def work(number):
    raise RuntimeError("it does not start")
try:
    run_workers(2, work)
except SettingsError as error:
    print(error)
"""


def test_processes_that_cannot_start_end_the_server() -> None:
    words = [sys.executable, "-c", FAILING]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert "the processes of the server end as soon as they are started" in ended.stdout


def metrics(admin: str) -> dict[str, float]:
    with urlopen(f"http://{admin}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _space, value in samples}


def test_any_worker_answers_with_the_metrics_of_all(synced: Synced, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = f"127.0.0.1:{free.getsockname()[1]}"
    asked = 'wxcube_answers_total{endpoint="getusersummary",status="200",errcode="41001"}'
    with workers(synced, tmp_path / "log.txt", 2, "--admin", admin) as (url, parent):

        def ask(number: int) -> None:
            for _call in range(number):
                request = Request(f"{url}/datacube/getusersummary", b"{}", method="POST")
                with urlopen(request, timeout=60) as response:
                    assert b"41001" in response.read()

        ask(20)
        eventually(lambda: metrics(admin).get(asked) == 20)
        found = metrics(admin)
        assert {'process_open_fds{worker="0"}', 'process_open_fds{worker="1"}'} <= found.keys()
        with urlopen(Request(f"http://{admin}/reload", method="POST"), timeout=60) as response:
            assert response.read() == b"reloaded\n"
        log = tmp_path / "log.txt"
        eventually(lambda: log.read_text("utf-8").count("server.reloaded") == 3)
        killed = children(parent).pop()
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: killed not in children(parent) and len(children(parent)) == 2)
        ask(20)
        eventually(lambda: metrics(admin).get(asked) == 40)
