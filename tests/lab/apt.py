"""Debian packages: what the lab builds with, and which mirror this machine is set up for.

May install packages on the system, saying so, but may not change where they come from.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from process import LabError, run, say

KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")

# The lists, the cache and the record of what is installed (nothing) are apart from the system's, so apt works
# out and fetches, with its usual checks of signatures, whatever is needed beyond this directory.
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

_one_at_a_time = threading.Lock()  # apt-get gives up where another one runs


def missing(packages: list[str]) -> list[str]:
    """Those of the packages that are not installed, which elsewhere than on Debian may be all."""
    if not shutil.which("dpkg-query"):
        return packages
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                           capture_output=True, text=True)  # it fails when it does not know one, and tells the rest
    return [package for package in packages if f"{package} installed" not in query.stdout.splitlines()]


def ensure(packages: list[str], purpose: str) -> None:
    """Installs what is missing of the packages, or says how to."""
    require_debian(f"install by hand what Debian calls {' '.join(packages)} ({purpose})")
    with _one_at_a_time:
        if absent := missing(packages):
            _install(absent, purpose)


def _install(absent: list[str], purpose: str) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *absent]
    if os.geteuid() != 0:
        raise LabError(f"{purpose} needs packages: run `sudo {' '.join(command)}` and try again")
    say(f"apt: installing {' '.join(absent)} ({purpose})")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    advice = f"{purpose} needs packages: run `{' '.join(command)}` and try again"
    try:
        run(command, advice, env=quiet)
    except LabError:  # the lists may be absent or old, as in a fresh container
        run(["apt-get", "update"], "apt-get update failed: see to /etc/apt and the network", env=quiet)
        run(command, advice, env=quiet)


def require_debian(otherwise: str) -> None:
    """Raises on any other system, saying what to do there."""
    if _release().get("ID") != "debian":
        raise LabError(f"this is not Debian: {otherwise}")


def mirror() -> str:
    """The address of Debian's own archive in the machine's apt sources."""
    own = {_release().get("VERSION_CODENAME", ""), "stable", "oldstable", "testing"}
    # Without --no-release-info apt hides sources whose lists were never fetched.
    targets = run(["apt-get", "indextargets", "--no-release-info", "--format", "$(RELEASE) $(REPO_URI)",
                   "Created-By: Packages"], "apt does not tell its sources: see to /etc/apt")
    for line in targets.splitlines():
        release, _, address = line.partition(" ")
        if release in own:
            return address
    raise LabError("no Debian archive in this machine's apt sources: add one to /etc/apt/sources.list.d")


def private(directory: Path, suites: Sequence[str], advice: str) -> dict[str, str]:
    """Makes an apt in a directory that knows these suites alone; gives the environment to run apt-get in."""
    keyring = next((path for name in KEYRINGS if (path := Path("/usr/share/keyrings", name)).exists()), None)
    if keyring is None:
        raise LabError("Debian's keys are missing: run `apt-get install debian-archive-keyring`")
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (directory / needed).mkdir(parents=True)
    (directory / "status").touch()
    (directory / "apt.conf").write_text(SETTINGS.format(apt=directory))
    source = f"deb [signed-by={keyring}] {mirror()}"
    (directory / "sources.list").write_text("".join(f"{source} {suite} main\n" for suite in suites))
    env = {"APT_CONFIG": str(directory / "apt.conf")}
    run(["apt-get", "-qq", "update", "--error-on=any"], advice, env=env)
    return env


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
