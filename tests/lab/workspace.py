"""The temporary directory of one lab, and the removal of those left behind by labs that were killed.

May not start or stop processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from process import say

PREFIX = "electrum-lab-"
LOCK = "running"


def lock(path: Path, *, wait: bool) -> int | None:
    """An open, locked file, or None when another process has it. The kernel drops the lock of a dead process."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


class Workspace:
    """A directory of its own for each run, removed on leaving unless it is to be kept."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep

    def __enter__(self) -> Path:
        sweep()
        self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.handle = lock(self.directory / LOCK, wait=True)
        return self.directory

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.keep:
            (self.directory / LOCK).unlink(missing_ok=True)  # without it no later run will sweep the directory away
            say(f"kept {self.directory}")
        else:
            remove(self.directory)


def sweep() -> None:
    """Removes the directories of labs that ended without cleaning up: SIGKILL leaves no chance to."""
    for directory in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        lock_file = directory / LOCK
        if not os.access(lock_file, os.W_OK):  # kept on purpose, another user's, or only just being made
            continue
        handle = lock(lock_file, wait=False)
        if handle is not None:
            remove(directory)
            os.close(handle)


def remove(directory: Path) -> None:
    """Removes a directory, its lock file last: a removal that is cut short is finished by a later sweep."""
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
