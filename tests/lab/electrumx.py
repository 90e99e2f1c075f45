"""Installs versions of ElectrumX side by side, and runs one beside a bitcoind.

Everything that shapes an answer is left at the server's default, so that tests meet what the network runs.
May not touch the chain.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apt
import certificate
import probe
from process import Child, LabError, free_ports, run, say

# 1.17.0 to 1.20.0 run on Python 3.10 to 3.13 without pins: their own metadata holds aiorpcx where it must be.
# 2.0.0 installs, but refuses a bitcoind before 31.
REQUIREMENT = "e-x=={version}"
DATABASE = "plyvel"
BUILD = ["g++", "python3-dev", "libleveldb-dev"]  # for it, where it has no ready-made wheel
FIRST_WITH_X509_V3 = (1, 19)


def install(version: str, directory: Path) -> None:
    """Makes a virtual environment for one version, once."""
    if sys.version_info < (3, 10):
        raise LabError("ElectrumX needs Python 3.10 or newer: run this with one")
    home, stamp = _home(version, directory), _home(version, directory) / ".installed"
    wanted = REQUIREMENT.format(version=version)
    contents = f"Python {sys.version.split()[0]}: {wanted} {DATABASE}\n"
    if stamp.exists() and stamp.read_text() == contents:
        say(f"ElectrumX {version}: is there")
        return
    if not importlib.util.find_spec("ensurepip"):
        apt.ensure(["python3-venv"], "a virtual environment")
    say(f"ElectrumX {version}: installing {wanted}")
    run([sys.executable, "-m", "venv", "--clear", home],
        f"no virtual environment could be made at {home}: run `apt-get install python3-venv`")
    pip: list[str | Path] = [home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        run([*pip, DATABASE], f"pip could not install {DATABASE}")
    except LabError as error:
        if not apt.missing(BUILD):
            raise
        say(str(error))
        apt.ensure(BUILD, DATABASE)
        run([*pip, DATABASE], f"pip could not install {DATABASE}, with {', '.join(BUILD)} there: see what it lacks")
    run([*pip, wanted], f"pip could not install ElectrumX {version}: check the version and the network")
    stamp.write_text(contents)
    say(f"ElectrumX {version}: installed")


@dataclass(frozen=True)
class Placement:
    """A server to run: a version, the node it asks, and which one of that version it is, from 0."""

    version: str
    node: int
    copy: int

    @property
    def name(self) -> str:
        """Distinct within a lab."""
        return f"electrumx-{self.version}" + (f"-{self.copy + 1}" if self.copy else "")

    @property
    def address(self) -> str:
        """On loopback: the first 1.20.0 has 127.0.120.1, the second 127.1.120.1, so that servers differ by more
        than a port, and by more than whoever groups them by network looks at."""
        major, minor, patch = (*_numbers(self.version), 0, 0)[:3]
        return f"127.{self.copy}.{(major * 100 + minor) % 256}.{patch % 254 + 1}"


@dataclass
class Server:
    """A running ElectrumX."""

    version: str
    host: str
    tcp: int
    ssl: int
    rpc: int
    node: int
    certificate_cn: str
    certificate_version: int
    child: Child

    @classmethod
    def start(cls, placement: Placement, directory: Path, space: Path, daemon: str) -> Server:
        """Runs an installed version on an address of its own."""
        version, host = placement.version, placement.address
        home = _home(version, directory)
        if not (home / ".installed").exists():
            raise LabError(f"ElectrumX {version} is not installed: run `python3 tests/lab/lab.py install "
                           f"--electrumx {version} --dir {directory}`")
        database = space / placement.name
        database.mkdir()
        tcp, ssl, rpc = free_ports(host, 3)
        name = f"{placement.name}.lab.test"
        edition = 3 if _numbers(version) >= FIRST_WITH_X509_V3 else 1
        crt, key = certificate.make(database, name, edition)
        # The script by way of its Python: 1.16.0 is packed without the permission to execute it.
        child = Child.start(placement.name, [home / "bin/python", home / "bin/electrumx_server"],
                            database.with_name(database.name + ".log"), {
            "COIN": "Bitcoin", "NET": "regtest", "DAEMON_URL": daemon,
            "DB_ENGINE": "leveldb", "DB_DIRECTORY": str(database), "CACHE_MB": "50",
            "SERVICES": f"ssl://{host}:{ssl},tcp://{host}:{tcp},rpc://{host}:{rpc}",
            "REPORT_SERVICES": f"tcp://{host}:{tcp},ssl://{host}:{ssl}",
            "SSL_CERTFILE": str(crt), "SSL_KEYFILE": str(key),
            "PEER_DISCOVERY": "self", "PEER_ANNOUNCE": "",  # no connection leaves the machine
            "ANON_LOGS": "", "LOG_LEVEL": "info", "ALLOW_ROOT": "1",
            # Only to notice blocks and transactions within a test's patience; 1.16.0 has no such setting.
            "DAEMON_POLL_INTERVAL_BLOCKS": "500", "DAEMON_POLL_INTERVAL_MEMPOOL": "500",
        })
        return cls(version, host, tcp, ssl, rpc, placement.node, name, edition, child)

    def wait(self, tip: int) -> None:
        """Returns when it serves the whole chain."""
        probe.wait(self.child, self.host, self.tcp, tip)

    def describe(self) -> dict[str, Any]:
        """Its part of the description of the lab."""
        return {"implementation": "ElectrumX", "version": self.version, "host": self.host, "tcp": self.tcp,
                "ssl": self.ssl, "rpc": self.rpc, "node": self.node, "certificate_cn": self.certificate_cn,
                "certificate_version": self.certificate_version, "pid": self.child.process.pid}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _home(version: str, directory: Path) -> Path:
    return directory / f"electrumx-{version}"
