"""The supervisor with real processes: order, readiness, crashes, clean ends, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from starter.children import Part, PartFailedError, Supervisor
from starter.keys import load_or_make, read_api_key
from starter.stack import Ports, StackError, holding
from tests.repository import ROOT

PATIENT = """
    import signal, sys, time
    def stop(number, frame):
        print("NAME ends", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    print("NAME is ready", flush=True)
    while True:
        time.sleep(0.05)
"""


def part(name: str, code: str, tmp_path: Path, **more: float) -> Part:
    text = textwrap.dedent(code).replace("NAME", name)
    return Part(name, [sys.executable, "-c", text], dict(os.environ), tmp_path, lambda log: "ready" in log, **more)


def wait_until(held: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_parts_start_when_ready_and_stop_in_the_reverse_order(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    code = PATIENT.replace('NAME ends", flush=True', f"NAME ends\", file=open({str(marks)!r}, 'a')")
    with Supervisor(tmp_path / "logs") as supervisor:
        for name in ("first", "second"):
            supervisor.start(part(name, code, tmp_path))
        pids = [supervisor.pid("first"), supervisor.pid("second")]
        assert "first is ready" in supervisor.log_of("first").read_text()
    assert marks.read_text().splitlines() == ["second ends", "first ends"]
    assert all(map(gone, pids))


def test_a_part_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor, pytest.raises(PartFailedError) as caught:
        supervisor.start(part("broken", "raise SystemExit('no settings')", tmp_path))
    assert "broken ended at its start (exit code 1)" in str(caught.value)
    assert "no settings" in str(caught.value)
    assert str(tmp_path / "broken.log") in str(caught.value)


def test_a_part_that_is_never_ready_is_told(tmp_path: Path) -> None:
    slow = part("slow", "import time; time.sleep(60)", tmp_path, ready_seconds=0.3)
    with Supervisor(tmp_path) as supervisor, pytest.raises(PartFailedError, match=r"not ready within 0\.3 s"):
        supervisor.start(slow)


def test_a_killed_part_comes_back(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(tmp_path, said.append) as supervisor:
        supervisor.start(part("worker", PATIENT, tmp_path))

        def back() -> bool:
            supervisor.watch()
            return not supervisor.ended()

        # Ten times in a row: being killed is no sign that a part cannot live.
        for _ in range(10):
            first = supervisor.kill("worker")
            assert supervisor.ended() == ["worker"]
            wait_until(back)
            assert supervisor.pid("worker") != first
    assert "worker was ended from outside (killed by SIGKILL)" in said[0]


def test_a_part_that_keeps_dying_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr("starter.children.time.monotonic", lambda: clock["now"])
    with Supervisor(tmp_path) as supervisor:
        supervisor.launch(part("worker", "raise SystemExit(3)", tmp_path))

        def watch_for_long() -> None:
            while True:
                clock["now"] += 0.5
                supervisor.watch()
                if not supervisor.ended():
                    os.waitid(os.P_PID, supervisor.pid("worker"), os.WEXITED | os.WNOWAIT)

        with pytest.raises(PartFailedError, match=r"worker keeps dying \(exit code 3\)"):
            watch_for_long()


def test_a_deaf_part_is_killed_and_takes_its_own_children_along(tmp_path: Path) -> None:
    code = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        print("child", child.pid, "ready", flush=True)
        time.sleep(300)
    """
    said: list[str] = []
    with Supervisor(tmp_path, said.append) as supervisor:
        supervisor.start(part("deaf", code, tmp_path, stop_seconds=0.3))
        pids = [supervisor.pid("deaf"), int(supervisor.log_of("deaf").read_text().split()[1])]
    wait_until(lambda: all(map(gone, pids)))
    assert "deaf did not stop within 0.3 s" in said[0]


PARENT = """
    import os, sys, time
    from pathlib import Path
    from starter.children import Part, Supervisor, stop_on_signals
    stop_on_signals()
    code = "import time\\nprint('ready', flush=True)\\ntime.sleep(300)"
    with Supervisor(Path(sys.argv[1])) as supervisor:
        for name in ("one", "two"):
            command = [sys.executable, "-c", code]
            supervisor.start(Part(name, command, dict(os.environ), Path.cwd(), lambda log: "ready" in log))
        try:
            print(supervisor.pid("one"), supervisor.pid("two"), flush=True)
            time.sleep(300)
        except KeyboardInterrupt:
            print("stopping", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "clean"),
    [
        (signal.SIGTERM, True),
        (signal.SIGINT, True),
        pytest.param(
            signal.SIGKILL, False, marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tether")
        ),
    ],
)
def test_nobody_is_left_behind_however_the_parent_ends(number: signal.Signals, clean: bool, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(number)
        parent.wait(10)
        assert ("stopping" in parent.stdout.read()) is clean
    assert parent.returncode == (0 if clean else -signal.SIGKILL)
    wait_until(lambda: all(map(gone, pids)))


def test_keys_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    kept = tmp_path / "data"
    first = load_or_make(kept)
    assert set(first.made) == {"api-key", "encryption-keys"}
    assert load_or_make(kept).made == ()
    assert (load_or_make(kept).api_key, load_or_make(kept).encryption_keys) == (first.api_key, first.encryption_keys)
    assert read_api_key(kept) == first.api_key
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    assert first.api_key not in repr(first)


def test_given_keys_are_not_written_down(tmp_path: Path) -> None:
    given = load_or_make(tmp_path / "data", api_key="mine", encryption_keys="theirs")
    assert (given.api_key, given.encryption_keys, given.made) == ("mine", "theirs", ())
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_named_with_its_option() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"port {port} is in use; choose another with --port"):
            Ports(api=port).check(sandboxes=False)
        assert Ports(api=port).or_free().api != port


def test_two_services_do_not_share_a_data_directory(tmp_path: Path) -> None:
    with holding(tmp_path), pytest.raises(StackError, match="in use"), holding(tmp_path):
        pass
