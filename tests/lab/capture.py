"""Captures how a server of the lab answers: a new version of ElectrumX for the knowledge base of the analyzer.

    python3 tests/lab/lab.py install --electrumx 1.19.0
    python3 tests/lab/capture.py --electrumx 1.19.0        writes analyzer/captures/ElectrumX-1.19.0.jsonl.gz
    make grammars                                          and the analyzer knows it

Asks all that a light and a deep visit ask, each on a connection of its own. May not judge answers, nor connect
to anything but the lab's own server on loopback.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CAPTURES = HERE.parents[1] / "analyzer/captures"
PATIENCE = 3.0
"""Seconds to wait for an answer: silence is an answer too."""

Request = dict[str, Any]
GREETINGS: dict[str, Any] = {"1.4": "1.4", "max": ["1.4", "9.9"]}


def call(method: str, *params: Any, number: int = 1, **members: Any) -> Request:
    """One request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params), **members}


def greetings() -> Iterator[tuple[str, list[Request]]]:
    """What is asked first, or asked without a greeting."""
    for offer in ("1.4", ["1.4", "1.4.2"], ["1.4", "1.6"], ["1.4", "1.7"], ["0.9", "1.0"], "0.9"):
        yield f"greet {offer}", [call("server.version", "electrum/4.5.5", offer, number=0)]
    yield "greet extra", [call("server.version", "e", "1.4", "x", number=0)]
    yield "greet extra list", [call("server.version", "e", ["1.4", "1.6"], "x", number=0)]
    yield "greet twice", [call("server.version", "e", "1.4", number=0), call("server.version", "e", "1.4")]
    yield "ping first", [call("server.ping")]
    yield "features first", [call("server.features")]


def questions(lab: dict[str, Any]) -> Iterator[tuple[str, list[Request] | str]]:
    """What is asked after a greeting, of the objects of the lab."""
    unused = hashlib.sha256(b"nobody").hexdigest()
    script, history = lab["scripts"]["p2wpkh"], lab["history"]
    txid, height = script["txid"], script["height"]
    nowhere = "ab" * 32
    simple = ["server.ping", "server.features", "server.banner", "server.donation_address",
              "server.peers.subscribe", "blockchain.headers.subscribe", "blockchain.relayfee",
              "mempool.get_fee_histogram", "mempool.get_info", "mempool.recent", "no.such.method"]
    for method in simple:
        yield method, [call(method)]
        yield f"{method} extra", [call(method, "x")]
    for params in ([0], [5], [0, 0], [5, 0], [5, 100], [5, 999_999], [9_999_999], [-1], ["x"], [], [5, 0, 0]):
        yield f"header {params}", [call("blockchain.block.header", *params)]
    for params in ([0, 3], [5, 3], [0, 3, 100], [9_999_999, 2], [0], []):
        yield f"headers {params}", [call("blockchain.block.headers", *params)]
    for params in ([2], [5], [10], [25], [144], [504], [1008], [2, "ECONOMICAL"], [2, "foo"], []):
        yield f"estimatefee {params}", [call("blockchain.estimatefee", *params)]
    scripts = {"unused": unused, "history": history["scripthash"], "short": "abcd", "text": "not hex", "empty": "",
               **{name: each["scripthash"] for name, each in lab["scripts"].items()}}
    for what in ("subscribe", "get_balance", "get_history", "listunspent", "get_mempool", "unsubscribe"):
        for name, value in scripts.items():
            yield f"{what} {name}", [call(f"blockchain.scripthash.{what}", value)]
        yield f"{what} none", [call(f"blockchain.scripthash.{what}")]
        yield f"{what} two", [call(f"blockchain.scripthash.{what}", unused, unused)]
        yield f"{what} named", [call(f"blockchain.scripthash.{what}", params={"scripthash": unused})]
        yield f"{what} script", [call(f"blockchain.scriptpubkey.{what}", script["script_hex"])]
    for params in ([txid], [txid, False], [txid, True], [nowhere], [nowhere, True], [lab["mempool"]["txid"]],
                   ["abcd"], [], [txid, False, 0]):
        yield f"tx {params}", [call("blockchain.transaction.get", *params)]
    for params in ([txid, height], [txid, height - 1], [nowhere, height], [txid, 9_999_999], [txid], []):
        yield f"merkle {params}", [call("blockchain.transaction.get_merkle", *params)]
    for params in ([height, 1], [height, 0], [height, 1, True], [height, 1, False], [height, 999], [9_999_999, 0], []):
        yield f"id_from_pos {params}", [call("blockchain.transaction.id_from_pos", *params)]
    orphan = f"0200000001{nowhere}0000000000ffffffff01e803000000000000160014{'11' * 20}00000000"
    for raw in (orphan, "00", "zz", "000", ""):
        yield f"broadcast {raw[:4]!r}", [call("blockchain.transaction.broadcast", raw)]
    yield "broadcast none", [call("blockchain.transaction.broadcast")]
    for params in ({"height": 5}, {"height": 5, "cp_height": 100}, {"height": 5, "bogus": 1}):
        yield f"header {params}", [call("blockchain.block.header", params=params)]
    yield "tx named", [call("blockchain.transaction.get", params={"tx_hash": txid})]
    yield "ping without jsonrpc", json.dumps({"id": 1, "method": "server.ping", "params": []})
    yield "unknown without jsonrpc", json.dumps({"id": 1, "method": "no.such.method", "params": []})
    yield "id as exponent", '{"jsonrpc":"2.0","id":1e2,"method":"server.ping","params":[]}'
    yield "id as text", [call("server.ping", id="\u00e9")]
    yield "batch of 2", json.dumps([call("server.ping"), call("server.ping", number=2)])
    yield "batch of none", "[]"
    yield "no JSON", "{not json}"


class Connection:
    """One connection, and what came over it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.buffer = b""
        self.closed: str | None = None

    def ask(self, data: bytes, count: int) -> tuple[list[str], list[float], list[int]]:
        """Sends, and reads until there are so many answers, silence or the end: lines, times, sizes of reads."""
        began = time.monotonic()
        lines: list[str] = []
        times: list[float] = []
        segments: list[int] = []
        self.socket.sendall(data)
        while sum('"method"' not in line for line in lines) < count:
            try:
                read = self.socket.recv(1 << 16)
            except TimeoutError:
                break
            except OSError:
                read = b""
            if not read:
                self.closed = "eof"
                break
            segments.append(len(read))
            *whole, self.buffer = (self.buffer + read).split(b"\n")
            lines += [line.decode("latin-1") + "\n" for line in whole]
            times += [round((time.monotonic() - began) * 1_000, 1)] * len(whole)
        return lines, times, segments


def row(server: dict[str, Any], probe: str, greeting: str | None, requests: list[Request] | str) -> dict[str, Any]:
    """Asks on a connection of its own, and describes what came back."""
    connection = Connection(server["host"], server["tcp"])
    result: dict[str, Any] = {"probe": probe, "server": f"{server['implementation']}-{server['version']}",
                              "tls": False, "handshake": greeting}
    with connection.socket:
        if greeting is not None:
            hello = json.dumps(call("server.version", "electrum/4.5.5", GREETINGS[greeting], number=0)) + "\n"
            result["handshake_raw"], result["handshake_ms"], _ = connection.ask(hello.encode(), 1)
        texts = [requests] if isinstance(requests, str) else [json.dumps(each) for each in requests]
        data = "".join(f"{text}\n" for text in texts).encode()
        began = time.monotonic()
        lines, times, segments = connection.ask(data, len(texts))
        result |= {"request_raw": data.decode("latin-1"), "request_bytes": len(data), "responses_raw": lines,
                   "responses_ms": times, "segments": segments, "closed": connection.closed,
                   "elapsed_ms": round((time.monotonic() - began) * 1_000, 1)}
    return result


def capture(lab: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All rows of the lab's one server."""
    server = lab["servers"][0]
    for probe, requests in greetings():
        yield row(server, probe, None, requests)
    for greeting in GREETINGS:
        for probe, asked in questions(lab):
            yield row(server, probe if greeting == "1.4" else f"{probe}@{greeting}", greeting, asked)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", default="target/lab", metavar="DIR", help="where the servers are installed")
    parser.add_argument("--electrumx", required=True, metavar="VERSION", help="the version of ElectrumX to capture")
    options = parser.parse_args()

    command = [sys.executable, str(HERE / "lab.py"), "up", "--dir", options.dir, "--electrumx", options.electrumx]
    lab = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = lab.stdout.readline() if lab.stdout else ""
        if not line:
            return 1  # the lab has said why
        rows = list(capture(json.loads(line)))
    finally:
        if lab.stdin:
            lab.stdin.close()
        lab.wait()
    path = CAPTURES / f"ElectrumX-{options.electrumx}.jsonl.gz"
    # Without the time of its making, the same rows make the same file.
    with path.open("wb") as out, gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        packed.writelines(json.dumps(each).encode() + b"\n" for each in rows)
    print(f"{path}: {len(rows)} connections", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
