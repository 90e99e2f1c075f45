"""Processes of the lab: progress lines, one-off commands, free ports, children that cannot be orphaned.

May not know what it runs: nothing of Bitcoin or Electrum belongs here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL = 20
"""Lines of a log shown when its process fails."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # looked up here: between fork and exec little is safe to do
_started = time.monotonic()


class LabError(Exception):
    """What went wrong and what to do about it, in one line."""


def say(text: str) -> None:
    """Progress goes to standard error; standard output carries only the description of the lab."""
    print(f"{time.monotonic() - _started:6.1f} s  {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], advice: str, *, env: Mapping[str, str] | None = None,
        cwd: Path | None = None) -> str:
    """The standard output of a command; `advice` is what its failure is reported as."""
    try:
        done = subprocess.run([str(part) for part in command], env={**os.environ, **(env or {})}, cwd=cwd,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise LabError(f"{advice} ({command[0]}: {error.strerror})") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
        raise LabError(f"{advice} ({Path(command[0]).name}: {lines[-1].strip()})")
    return done.stdout


def free_ports(host: str, count: int) -> list[int]:
    """Ports of the operating system's choice; all are held until the last is known, so they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass
class Child:
    """A process of the lab and where it logs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str | Path], log: Path,
              env: Mapping[str, str] | None = None) -> Child:
        """Starts a process that dies with this one. Only for the main thread: the kernel
        watches the thread that forked, not the process."""
        parent = os.getpid()

        def die_with_parent() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches the lab alone, which then stops its children in order.
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
                                       start_new_session=True, preexec_fn=die_with_parent)
        return cls(name, process, log)

    def check(self) -> None:
        """Raises when the process has ended."""
        if self.process.poll() is not None:
            raise self.failure(f"ended with status {self.process.returncode}")

    def failure(self, what: str) -> LabError:
        """Shows the end of the log, and gives the error to raise."""
        for line in self.log.read_text(errors="replace").splitlines()[-TAIL:]:
            print(f"    {self.name}| {line}", file=sys.stderr)
        return LabError(f"{self.name} did not start: it {what}; the end of its log is above")


def stop(children: Iterable[Child], *, gently: bool) -> None:
    """Ends all children at once and waits for them. Gently lets them flush what is to be kept."""
    running = [child.process for child in children if child.process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
        process.send_signal(signal.SIGCONT)  # a test may have paused it
    deadline = time.monotonic() + 10
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
