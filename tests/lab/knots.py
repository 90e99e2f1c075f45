"""Fetches bitcoind (Bitcoin Knots) as Debian packages into a directory, leaving the system as it is.

The packages are built for a newer Debian than the machine may run, so they are unpacked together with the
libraries they need, and run through the C loader among them. May not install anything on the system.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apt
from process import LabError, run, say

SUITES = ("trixie", "trixie-backports")
PACKAGE = "bitcoin-knots"
PROGRAMS = ("bitcoind", "bitcoin-cli")

WRAPPER = """\
#!/bin/sh
tree=$(dirname "$(readlink -f "$0")")/../knots
exec "$tree/{loader}" --library-path "$tree/{libraries}" "$tree/usr/bin/{program}" "$@"
"""


def install(directory: Path) -> None:
    """Puts the programs into DIR/bin, once."""
    tree, stamp = directory / "knots", directory / "knots" / ".installed"
    if stamp.exists():
        say(f"bitcoind: {stamp.read_text().strip()} is there")
        return
    apt.require_debian("put bitcoind 26 or newer on PATH")
    say("bitcoind: fetching Debian's packages")
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    fetch(tree / "apt", tree)
    wrap(directory / "bin", tree)
    shutil.rmtree(tree / "apt")
    version = run([directory / "bin/bitcoind", "-version"], f"the bitcoind fetched does not run: remove {tree}")
    stamp.write_text(version.splitlines()[0] + "\n")
    say(f"bitcoind: {stamp.read_text().strip()}")


def fetch(private: Path, tree: Path) -> None:
    """Downloads the package with all its dependencies, and unpacks the program and the libraries."""
    advice = f"bitcoind could not be fetched: check that the Debian mirror of this machine has {SUITES[-1]}"
    env = apt.private(private, SUITES, advice)
    run(["apt-get", "-qq", "--yes", "--download-only", "--no-install-recommends", "-t", SUITES[-1],
         "install", PACKAGE], advice, env=env)
    for package in sorted((private / "cache/archives").glob("*.deb")):
        if package.name.startswith(("lib", PACKAGE)):  # not systemd and the like, which nothing here loads
            run(["dpkg", "-x", package, tree], "a package did not unpack: is the disk full?")


def wrap(programs: Path, tree: Path) -> None:
    """Writes scripts that run the programs with the libraries beside them, wherever DIR has been moved to."""
    loader = next(tree.glob("usr/lib*/ld-linux*.so.*"), None)
    libraries = next(tree.glob("usr/lib/*/libc.so.6"), None)
    if loader is None or libraries is None:
        raise LabError("the packages hold no C library: this machine's kind of processor is not supported")
    programs.mkdir(exist_ok=True)
    for program in PROGRAMS:
        script = programs / program
        script.write_text(WRAPPER.format(program=program, loader=loader.relative_to(tree),
                                         libraries=libraries.parent.relative_to(tree)))
        script.chmod(0o755)


def find(directory: Path) -> Path:
    """The bitcoind to run: the one fetched, else the system's."""
    fetched = directory / "bin/bitcoind"
    if (directory / "knots/.installed").exists() and os.access(fetched, os.X_OK):
        return fetched
    if found := shutil.which("bitcoind"):
        return Path(found)
    raise LabError(f"bitcoind is not installed: run `python3 tests/lab/lab.py install --dir {directory}`")
