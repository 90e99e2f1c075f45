"""Builds electrs from crates.io, and runs it beside a bitcoind when it is there.

Building takes minutes, so nothing but the command for it ever does. May not touch the chain.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apt
import probe
from bitcoind import HOST, Node
from process import Child, LabError, free_ports, run, say

VERSION = "0.10.10"
ROCKSDB = "7.8"  # what this version is bound to


def build(directory: Path) -> None:
    """Puts electrs into DIR/bin, once."""
    program = directory / "bin/electrs"
    if program.exists() and _version(program) == VERSION:
        say(f"electrs: {VERSION} is there")
        return
    if not shutil.which("cargo"):
        raise LabError("cargo is missing: install Rust and try again")
    apt.ensure(["libclang-dev", "librocksdb-dev", "g++"], "electrs")
    command = ["cargo", "install", "electrs", "--version", VERSION, "--locked", "--root", str(directory.resolve())]
    say(f"electrs: building {VERSION}, which takes some minutes")
    # Elsewhere than the project, whose Cargo configuration is not meant for it.
    done = subprocess.run(command, cwd=tempfile.gettempdir(), env={**os.environ, **_system_rocksdb()},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise LabError(f"electrs did not build: see the messages above, then try `{' '.join(command)}` by hand")
    say("electrs: installed")


def _system_rocksdb() -> dict[str, str]:
    """Settings to link Debian's RocksDB if it is the release needed; else the crate compiles its own, slowly."""
    library = next(Path("/usr/lib").glob("*/librocksdb.so"), None)
    if library is None or not f"{library.resolve().name}.".startswith(f"librocksdb.so.{ROCKSDB}."):
        say(f"electrs: the system's RocksDB is not {ROCKSDB}, so that is compiled too")
        return {}
    return {"ROCKSDB_INCLUDE_DIR": "/usr/include", "ROCKSDB_LIB_DIR": str(library.parent)}


def find(directory: Path) -> Path | None:
    """The program, if there is one."""
    built = directory / "bin/electrs"
    on_path = shutil.which("electrs")
    return built if os.access(built, os.X_OK) else Path(on_path) if on_path else None


def _version(program: Path) -> str:
    return run([program, "--version"], f"{program} does not run: remove it").strip().removeprefix("v")


@dataclass
class Server:
    """A running electrs. It has no TLS of its own."""

    version: str
    host: str
    tcp: int
    child: Child

    @classmethod
    def start(cls, program: Path, space: Path, node: Node) -> Server:
        """Runs it on an address of its own, made from its version."""
        version = _version(program)
        numbers = [int(part) for part in version.partition("-")[0].split(".")]
        host = f"127.0.{numbers[1] % 256}.{numbers[2] % 254 + 1}"
        tcp, monitoring = free_ports(host, 2)
        database = space / "electrs"
        child = Child.start("electrs", [
            program, "--skip-default-conf-files", "--network", "regtest", "--db-dir", database,
            "--daemon-dir", node.cookie_file.parent, "--cookie-file", node.cookie_file,
            "--daemon-rpc-addr", f"{HOST}:{node.port}", "--daemon-p2p-addr", str(node.p2p),
            "--electrum-rpc-addr", f"{host}:{tcp}", "--monitoring-addr", f"{host}:{monitoring}",
            "--wait-duration-secs", "1", "--log-filters", "INFO",
        ], space / "electrs.log")
        return cls(version, host, tcp, child)

    def wait(self, tip: int) -> None:
        """Returns when it serves the whole chain."""
        probe.wait(self.child, self.host, self.tcp, tip)

    def describe(self) -> dict[str, Any]:
        """Its part of the description of the lab."""
        return {"implementation": "electrs", "version": self.version, "host": self.host, "tcp": self.tcp,
                "ssl": None, "rpc": None, "node": 1, "certificate_cn": None, "certificate_version": None,
                "pid": self.child.process.pid}
