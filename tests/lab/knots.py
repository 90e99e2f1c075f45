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
KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")

# The lists, the cache and the record of what is installed (nothing) are apart from the system's, so apt works
# out and fetches, with its usual checks of signatures, all that bitcoind needs beyond this directory.
SETTINGS = """\
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""

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
    keyring = next((path for name in KEYRINGS if (path := Path("/usr/share/keyrings", name)).exists()), None)
    if keyring is None:
        raise LabError("Debian's keys are missing: run `apt-get install debian-archive-keyring`")
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (private / needed).mkdir(parents=True)
    (private / "status").touch()
    (private / "apt.conf").write_text(SETTINGS.format(apt=private))
    source = f"deb [signed-by={keyring}] {apt.mirror()}"
    (private / "sources.list").write_text("".join(f"{source} {suite} main\n" for suite in SUITES))
    env = {"APT_CONFIG": str(private / "apt.conf")}
    advice = f"bitcoind could not be fetched: check that the Debian mirror of this machine has {SUITES[-1]}"
    run(["apt-get", "-qq", "update", "--error-on=any"], advice, env=env)
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
