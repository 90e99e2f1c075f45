"""Tests of the lab itself: what its servers answer, over TCP and TLS, and that nothing of it outlives it.

    python3 tests/lab/selftest.py [--electrumx SERVERS] [--dir DIR]     needs `lab.py install` first

May not import the lab: it sees what every user of the lab sees, the command and its line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TARGETS = (2, 3, 5, 10, 25, 144, 504, 1008)
LAB = [sys.executable, str(Path(__file__).with_name("lab.py")), "up", *sys.argv[1:]]


def start(*more: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A running lab and its description."""
    lab = subprocess.Popen([*LAB, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    assert lab.stdout
    line = lab.stdout.readline()
    assert line, f"no lab: run {' '.join(LAB)} to see why"
    return lab, json.loads(line)


class Client:
    """One connection to a server of the lab."""

    def __init__(self, server: dict[str, Any], transport: str) -> None:
        connection = socket.create_connection((server["host"], server[transport]), timeout=20)
        if transport == "ssl":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            secure = context.wrap_socket(connection)
            self.certificate: bytes | None = secure.getpeercert(binary_form=True)
            connection = secure
        self.connection, self.replies = connection, connection.makefile("rb")

    def ask(self, *requests: tuple[str, list[Any]]) -> list[Any]:
        """The results of pipelined requests: one by one, ElectrumX 1.18 and later takes a second for each."""
        self.connection.sendall(b"".join(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
            for number, (method, params) in enumerate(requests)))
        answers = [json.loads(self.replies.readline()) for _ in requests]
        return [answer["result"] for answer in sorted(answers, key=lambda answer: answer["id"])]


def check_server(lab: dict[str, Any], server: dict[str, Any], transport: str) -> None:
    """Compares all that the description promises with the server's own answers."""
    client, scripts, history = Client(server, transport), lab["scripts"], lab["history"]
    (version,) = client.ask(("server.version", ["selftest", "1.4"]))
    assert version[0] == f"{server['implementation']} {server['version']}", version
    tip, features, *balances = client.ask(
        ("blockchain.headers.subscribe", []), ("server.features", []),
        *(("blockchain.scripthash.get_balance", [each["scripthash"]]) for each in [*scripts.values(), history]))
    assert tip["height"] >= lab["tip"]["height"], tip
    assert features["genesis_hash"] == lab["genesis"], features
    for (name, script), balance in zip(scripts.items(), balances):
        assert balance == {"confirmed": script["amount_sat"], "unconfirmed": 0}, (name, balance)
    assert balances[-1]["confirmed"] == history["confirmed_sat"], balances[-1]
    assert balances[-1]["unconfirmed"] == history["unconfirmed_sat"], balances[-1]
    past, *proofs = client.ask(
        ("blockchain.scripthash.get_history", [history["scripthash"]]),
        *(("blockchain.transaction.get_merkle", [each["txid"], each["height"]]) for each in scripts.values()))
    entries = [{"txid": each["tx_hash"], "height": each["height"]} for each in past]
    assert entries == [*history["transactions"], {"txid": lab["mempool"]["txid"], "height": 0}], past
    assert all(proof["merkle"] for proof in proofs), proofs
    if transport == "ssl":
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=client.certificate,
                              capture_output=True, check=True).stdout.decode()
        assert server["certificate_cn"] in text and f"Version: {server['certificate_version']} " in text, text
    print(f"ok: {server['implementation']} {server['version']} over {transport} at {server['host']}: {version}")


def remaining(lab: dict[str, Any]) -> list[str]:
    """Processes of the lab that still run, known by their arguments or settings."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if lab["directory"].encode() in traces and int(process.name) != os.getpid():
                found.append(process.name)
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return found


def check_end(name: str, graceful: bool, end: Any) -> Path:
    """Ends a lab in one way, and looks for what it left behind. Gives the directory it had."""
    lab, description = start()
    pids = {str(process["pid"]) for process in [*description["nodes"], *description["servers"]]}
    assert pids <= set(remaining(description)), "the description names processes that do not run"
    began = time.monotonic()
    end(lab)
    code = lab.wait(30)
    took = time.monotonic() - began
    deadline = time.monotonic() + 5
    while remaining(description) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not remaining(description), f"{name}: orphans {remaining(description)}"
    assert code == (0 if graceful else -signal.SIGKILL), f"{name}: code {code}"
    directory = Path(description["directory"])
    assert directory.exists() != graceful, f"{name}: directory {directory}"
    print(f"ok: {name} ends everything ({took:.1f} s)")
    return directory


def check_nodes() -> None:
    """Drives two nodes, and looks whether the servers of one are told from the servers of the other."""
    lab, description = start("--electrumx", "1.20.0,1.20.0,1.19.0@2")
    assert lab.stdin and lab.stdout

    def tell(command: str) -> dict[str, Any]:
        lab.stdin.write(command + "\n")
        lab.stdin.flush()
        return json.loads(lab.stdout.readline())

    servers = [server for server in description["servers"] if server["implementation"] == "ElectrumX"]
    assert [server["node"] for server in servers] == [1, 1, 2] and len(description["nodes"]) == 2, servers
    assert len({server["host"] for server in servers}) == 3, servers
    for _ in range(6):
        paid, mined = tell("pay 60"), tell("mine 3")
        assert len(paid["paid"]) == 60 and paid["mempool"][0] > paid["mempool"][1] > 0, paid
        assert len(mined["mined"]) == 3, mined
    views = []
    for server in servers:
        reach(server, mined["tip"]["height"])
        _, *fees, relay = Client(server, "tcp").ask(
            ("server.version", ["selftest", "1.4"]),
            *(("blockchain.estimatefee", [target]) for target in TARGETS), ("blockchain.relayfee", []))
        views.append((fees, relay))
    assert all(fee > 0 for fees, _ in views for fee in fees), views
    assert views[0] == views[1], views
    differing = sum(one != other for one, other in zip(views[0][0], views[2][0]))
    assert differing >= 4 and views[0][1] != views[2][1], views
    assert "error" in tell("dance") and "error" in tell("pay 9999") and "error" in tell("mine -1")
    print(f"ok: two nodes of one chain, whose estimates differ for {differing} of {len(TARGETS)} targets")
    lab.communicate()


def reach(server: dict[str, Any], height: int) -> None:
    """Returns when the server is at this height."""
    deadline = time.monotonic() + 15
    while True:
        _, tip = Client(server, "tcp").ask(("server.version", ["selftest", "1.4"]),
                                           ("blockchain.headers.subscribe", []))
        if tip["height"] >= height:
            return
        assert time.monotonic() < deadline, f"height {tip['height']} instead of {height} after 15 s"
        time.sleep(0.2)


def main() -> None:
    """Runs all tests; an AssertionError ends them."""
    began = time.monotonic()
    lab, description = start()
    print(f"ok: ready after {time.monotonic() - began:.1f} s")
    for server in description["servers"]:
        for transport in ("tcp", "ssl"):
            if server[transport] is not None:
                check_server(description, server, transport)
    lab.communicate()
    check_nodes()

    check_end("standard input closed", True, end=lambda lab: lab.stdin.close())
    check_end("SIGTERM", True, end=lambda lab: lab.terminate())
    check_end("SIGINT", True, end=lambda lab: lab.send_signal(signal.SIGINT))
    killed = check_end("SIGKILL", False, end=lambda lab: lab.kill())
    lab, description = start("--mine-every", "1")
    assert not killed.exists(), f"not swept: {killed}"
    reach(description["servers"][-1], description["tip"]["height"] + 1)
    print("ok: mines, and has swept the directory of the lab that was killed")
    lab.communicate()


if __name__ == "__main__":
    main()
