"""A lab of real Electrum servers on regtest: bitcoind, several versions of ElectrumX, electrs if built.

    python3 tests/lab/lab.py install    fetches bitcoind and the versions of ElectrumX; quick when they are there
    python3 tests/lab/lab.py electrs    builds electrs (minutes)
    python3 tests/lab/lab.py up         starts all, prints one line of JSON that describes the lab, and stays
                                        until standard input is closed, or SIGTERM or SIGINT; a line there
                                        (see market.py) makes things happen and is answered by one of JSON

For integration tests and demonstrations. Everything listens on loopback only. May not connect to any network
but the package registries, and those only in `install` and `electrs`. Progress goes to standard error.
Exit codes: 0 done; 2 wrong usage; 1 anything else, with a line that says what to do.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

sys.dont_write_bytecode = True  # before the lab's own modules: keeps the source tree clean

import bitcoind  # noqa: E402
import electrs  # noqa: E402
import electrumx  # noqa: E402
import knots  # noqa: E402
from chain import Chain  # noqa: E402
from electrumx import Placement  # noqa: E402
from market import DEARER_RELAY, SMALL_BLOCKS, Market  # noqa: E402
from process import Child, LabError, say, stop  # noqa: E402
from workspace import Workspace, lock  # noqa: E402

SERVERS = "1.17.0,1.18.0,1.19.0,1.20.0"


class Interrupted(Exception):
    """SIGTERM or SIGINT."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """Signal handler: turns the signal into an exception, so that everything is cleaned up on the way out."""
    raise Interrupted


def install(options: argparse.Namespace) -> None:
    """Fetches what `up` needs."""
    options.dir.mkdir(parents=True, exist_ok=True)
    lock(options.dir / ".lock", wait=True)  # held until the process ends: tests may install side by side
    versions = {placement.version for placement in options.electrumx}
    with ThreadPoolExecutor() as pool:  # much of it is waiting for the network
        tasks = [pool.submit(knots.install, options.dir),
                 *(pool.submit(electrumx.install, version, options.dir) for version in sorted(versions))]
    for task in tasks:
        task.result()


def build_electrs(options: argparse.Namespace) -> None:
    """Builds electrs."""
    options.dir.mkdir(parents=True, exist_ok=True)
    lock(options.dir / ".lock", wait=True)
    electrs.build(options.dir)


def up(options: argparse.Namespace) -> None:
    """Runs the lab."""
    if sys.stdin is None:
        raise LabError("standard input is closed, and the lab runs only while it is open: give it one")
    program = knots.find(options.dir)
    electrs_program = electrs.find(options.dir)
    if electrs_program is None:
        say("electrs: not installed, skipped (make electrs builds it)")
    children: list[Child] = []
    with Workspace(options.keep) as space:
        try:
            count = max(placement.node for placement in options.electrumx)
            nodes: list[bitcoind.Node] = []
            for number, settings in enumerate((SMALL_BLOCKS, DEARER_RELAY)[:count], start=1):
                p2p = number == 1 and (count > 1 or electrs_program is not None)
                nodes.append(bitcoind.Node(program, space / f"bitcoind-{number}", p2p=p2p, settings=settings))
                children.append(nodes[-1].child)
            for node in nodes:
                node.wait()
                say(f"{node.child.name}: answers")
            node, *others = nodes
            chain = Chain(node)
            made = chain.build()
            for other in others:
                other.follow(node)
            tip = node.call("getblockcount")
            say(f"chain: {tip} blocks")

            servers: list[electrumx.Server | electrs.Server] = []
            for placement in options.electrumx:
                daemon = nodes[placement.node - 1].url
                servers.append(electrumx.Server.start(placement, options.dir, space, daemon))
                children.append(servers[-1].child)
            if electrs_program is not None:
                servers.append(electrs.Server.start(electrs_program, space, node))
                children.append(servers[-1].child)
            for server in servers:
                server.wait(tip)
                say(f"{server.child.name}: serves height {tip} at {server.host}:{server.tcp}")

            description = json.dumps({
                "network": "regtest",
                "tip": {"height": tip, "hash": node.call("getblockhash", tip)},
                "genesis": node.call("getblockhash", 0),
                "nodes": [{"rpc": each.url, "p2p": each.p2p, "pid": each.child.process.pid} for each in nodes],
                "servers": [server.describe() for server in servers],
                "miner": chain.miner.address,
                **made,
                "directory": str(space),
            })
            try:  # from the moment that it is described, a signal is a proper end
                print(description, flush=True)
                say("lab: ready, until standard input is closed")
                stay(children, Market(chain, nodes), options.mine_every)
            except Interrupted:
                pass
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            stop(children, gently=options.keep)  # what is thrown away needs no flushing
            say("lab: stopped")


def stay(children: list[Child], market: Market, mine_every: float | None) -> None:
    """Does what standard input says; returns when that is at its end: there is nobody left to serve."""
    watched, said = list(children), b""
    due = time.monotonic() + mine_every if mine_every else float("inf")
    while True:
        wait = max(0.0, min(1.0, due - time.monotonic()))
        if select.select([0], [], [], wait)[0]:
            if not (more := os.read(0, 65536)):
                return
            *lines, said = (said + more).split(b"\n")
            for line in lines:
                print(json.dumps(market.obey(line.decode(errors="replace"))), flush=True)
        for child in [each for each in watched if each.process.poll() is not None]:
            say(f"{child.name}: has ended; the rest goes on")  # a test may well have meant it to
            watched.remove(child)
        if time.monotonic() >= due:
            due += mine_every or 0
            if error := market.obey("mine 1").get("error"):
                say(f"bitcoind: mined nothing: {error}")


def placements(text: str) -> list[Placement]:
    """Argument type: servers by version, separated by commas, each with @2 if it asks the second node."""
    found: list[Placement] = []
    copies: Counter[str] = Counter()
    for each in text.split(","):
        if not (match := re.fullmatch(r"(\d+\.\d+(?:\.\d+)?)(?:@([12]))?", each)):
            raise argparse.ArgumentTypeError(f"{each!r} is not a version such as 1.20.0, or 1.20.0@2")
        version = match[1]
        found.append(Placement(version, int(match[2] or 1), copies[version]))
        copies[version] += 1
    return found


def seconds(text: str) -> float:
    """Argument type: a positive time."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action in {"install": install, "up": up, "electrs": build_electrs}.items():
        command = commands.add_parser(name, help=action.__doc__, description=action.__doc__)
        command.set_defaults(action=action)
        command.add_argument("--dir", type=lambda text: Path(text).absolute(), default="target/lab", metavar="DIR",
                             help="where the servers are installed (default: target/lab)")
        if action is not build_electrs:
            command.add_argument("--electrumx", type=placements, default=SERVERS, metavar="SERVERS",
                                 help="versions of ElectrumX, separated by commas; the same may come twice, and "
                                      f"1.20.0@2 asks a second bitcoind, of the same chain (default: {SERVERS})")
        if action is up:
            command.add_argument("--keep", action="store_true", help="keep data and logs")
            command.add_argument("--mine-every", type=seconds, metavar="SECONDS",
                                 help="mine a block regularly; under a second ElectrumX falls behind")
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    try:
        options.action(options)
    except (LabError, bitcoind.RpcError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
    except Interrupted:
        print("lab: interrupted before it was done: start it again", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
