"""Child processes kept together: started in order, watched, restarted when they die, stopped in the reverse order.

A child has a session of its own, so that a Ctrl-C in the terminal reaches only us and we decide the order; and a
tether, so that it ends when we are killed. Everything here belongs to the main thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

_TETHER = Path(__file__).with_name("tether.py")
_POLL_SECONDS = 0.1
_LOG_BYTES = 10_000_000
_MAX_DEATHS = 5
_WITHIN_SECONDS = 60.0
# Somebody tries out what a crash does: no sign that the part itself cannot live, however often.
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT})


class PartFailedError(Exception):
    """A part did not start, or keeps dying. The message says which, why, and where its log is."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep. `ready` gets what the process has written to its log so far."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    ready: Callable[[str], bool] = lambda _log: True
    ready_seconds: float = 60.0
    stop_seconds: float = 15.0


@dataclass(slots=True)
class _Child:
    part: Part
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_MAX_DEATHS))
    restart_at: float | None = None

    def written(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self.log_start)
            return file.read().decode(errors="replace")


class Supervisor:
    """Keeps parts running. As a context manager it stops them all at the end, whatever the end was."""

    def __init__(self, log_dir: Path, say: Callable[[str], None] = lambda _text: None) -> None:
        """Write the parts' logs to `log_dir`; `say` gets what a person should know."""
        self._log_dir = log_dir
        self._say = say
        self._children: dict[str, _Child] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def log_of(self, name: str) -> Path:
        """Return where a part's output goes."""
        return self._log_dir / f"{name}.log"

    def pid(self, name: str) -> int:
        """Return the process id of a part."""
        return self._children[name].process.pid

    def launch(self, part: Part) -> None:
        """Start a part without waiting for it."""
        log = self.log_of(part.name)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
        with log.open("ab") as file, _signals_held():
            child = _Child(part, _spawn(part, file), log, file.tell())
            if known := self._children.get(part.name):
                child.deaths = known.deaths
            self._children[part.name] = child

    def await_ready(self, *names: str) -> None:
        """Wait until these parts are ready. Raises PartFailedError when one ends or takes too long."""
        for name in names:
            child = self._children[name]
            deadline = time.monotonic() + child.part.ready_seconds
            while not child.part.ready(child.written()):
                code = child.process.poll()
                if code is not None:
                    raise PartFailedError(f"{name} ended at its start ({_ending(code)}). {self._last_words(child)}")
                if time.monotonic() > deadline:
                    seconds = f"{child.part.ready_seconds:g}"
                    raise PartFailedError(f"{name} was not ready within {seconds} s. {self._last_words(child)}")
                time.sleep(_POLL_SECONDS)

    def start(self, part: Part) -> None:
        """Start a part and wait until it is ready."""
        self.launch(part)
        self.await_ready(part.name)

    def kill(self, name: str) -> int:
        """Kill a part's process with SIGKILL, as a crash would; returns the process id that it had."""
        process = self._children[name].process
        process.kill()
        process.wait()
        return process.pid

    def restart(self, name: str) -> None:
        """Start a part's process again and wait until it is ready."""
        self.start(self._children[name].part)

    def ended(self) -> list[str]:
        """Return the names of parts whose process has ended."""
        return [name for name, child in self._children.items() if child.process.poll() is not None]

    def watch(self) -> None:
        """Restart what has died, each time after a longer pause. Raises PartFailedError for what keeps dying."""
        now = time.monotonic()
        for child in list(self._children.values()):
            code = child.process.poll()
            if code is None:
                continue
            if child.restart_at is None:
                self._note_death(child, code, now)
            elif now >= child.restart_at:
                self.launch(child.part)

    def stop(self) -> None:
        """Stop all parts, the last started first: SIGTERM, then SIGKILL when one does not end in its time."""
        try:
            for name in reversed(list(self._children)):
                self._stop(self._children.pop(name))
        finally:
            # Only after a second Ctrl-C, which means: at once.
            for child in self._children.values():
                _kill_group(child.process)
            self._children.clear()

    def _note_death(self, child: _Child, code: int, now: float) -> None:
        name = child.part.name
        if -code in _FROM_OUTSIDE:
            child.restart_at = now
            self._say(f"{name} was ended from outside ({_ending(code)}); restarting it. Log: {child.log}")
            return
        child.deaths.append(now)
        if len(child.deaths) == _MAX_DEATHS and now - child.deaths[0] < _WITHIN_SECONDS:
            raise PartFailedError(f"{name} keeps dying ({_ending(code)}). {self._last_words(child)}")
        recent = [moment for moment in child.deaths if now - moment < _WITHIN_SECONDS]
        pause = 2.0 ** (len(recent) - 1) - 1.0
        child.restart_at = now + pause
        self._say(f"{name} ended by itself ({_ending(code)}); restarting it. Log: {child.log}")

    def _stop(self, child: _Child) -> None:
        process = child.process
        try:
            process.terminate()
            process.wait(child.part.stop_seconds)
        except subprocess.TimeoutExpired:
            self._say(f"{child.part.name} did not stop within {child.part.stop_seconds:g} s; killing it")
        finally:
            _kill_group(process)

    def _last_words(self, child: _Child) -> str:
        lines = [line.strip() for line in child.written().splitlines() if line.strip()]
        return "\n".join([f"Its log, {child.log}, ends with:", *(f"  {line}" for line in lines[-8:])])


def _spawn(part: Part, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *part.command],
        env=dict(part.env),
        cwd=part.cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a part, its own children included."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


_held = 0
_pending: int | None = None


def stop_on_signals() -> None:
    """Make SIGTERM and SIGHUP end the program as Ctrl-C does: by KeyboardInterrupt in the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    global _pending
    if _held:
        _pending = number
    else:
        raise KeyboardInterrupt


@contextmanager
def _signals_held() -> Iterator[None]:
    """Put off an interrupt between the birth of a process and our knowing of it."""
    global _held, _pending
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if _pending is not None and not _held:
            _pending = None
            raise KeyboardInterrupt
