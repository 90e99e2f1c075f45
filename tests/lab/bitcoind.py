"""Runs a bitcoind on regtest, reachable from this machine only, and calls it.

May not decide what is on the chain.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from process import Child, free_ports

HOST = "127.0.0.1"
PATIENCE = 60.0


class RpcError(Exception):
    """A refusal by bitcoind, or no answer from it."""


class Node:
    """A running bitcoind."""

    def __init__(self, program: Path, directory: Path, *, p2p: bool, settings: Sequence[str] = ()) -> None:
        """p2p opens a port for peers on loopback: electrs reads blocks that way, and so do other nodes."""
        directory.mkdir()
        ports = free_ports(HOST, 2)
        self.port = ports[0]
        self.p2p = f"{HOST}:{ports[1]}" if p2p else None
        self.cookie_file = directory / "regtest/.cookie"
        self.cookie = ""
        self.child = Child.start(directory.name, [
            program, "-regtest", f"-datadir={directory}", f"-rpcport={self.port}", f"-rpcbind={HOST}",
            f"-rpcallowip={HOST}", "-txindex", "-fallbackfee=0.0001", "-dbcache=16", "-printtoconsole",
            "-nodebuglogfile", "-connect=0", "-dnsseed=0", "-discover=0", "-natpmp=0", "-listenonion=0",
            *([f"-bind={self.p2p}", "-listen"] if p2p else ["-listen=0"]), *settings,
        ], directory.with_suffix(".log"))

    @property
    def url(self) -> str:
        """The address of its RPC, with user and password: bitcoind makes a fresh pair for each run."""
        return f"http://{self.cookie}@{HOST}:{self.port}/"

    def wait(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.child.check()
            try:
                self.cookie = self.cookie_file.read_text()
                self.call("getblockcount")
                return
            except (OSError, RpcError):
                time.sleep(0.05)
        raise self.child.failure(f"gave no answer in {PATIENCE:.0f} s")

    def follow(self, other: Node) -> None:
        """Connects to another node that has a port for peers; returns with the same chain and mempool."""
        self.call("addnode", other.p2p, "onetry")
        self.reach(other.call("getbestblockhash"))
        for txid in other.call("getrawmempool"):
            self.call("sendrawtransaction", other.call("getrawtransaction", txid))

    def reach(self, block: str) -> None:
        """Returns when this block is its tip."""
        deadline = time.monotonic() + PATIENCE
        while self.call("getbestblockhash") != block:
            if time.monotonic() > deadline:
                raise RpcError(f"{self.child.name} did not reach block {block} in {PATIENCE:.0f} s")
            time.sleep(0.02)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one RPC."""
        # A connection each: bitcoind closes idle ones, and loopback makes new ones cheap.
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("POST", "/", json.dumps({"id": 0, "method": method, "params": params}), {
                "Authorization": "Basic " + base64.b64encode(self.cookie.encode()).decode()})
            answer = json.loads(connection.getresponse().read() or "{}")
        except (http.client.HTTPException, ValueError) as error:
            raise RpcError(f"{method}: {error!r}") from None
        finally:
            connection.close()
        if "result" not in answer or answer.get("error"):
            raise RpcError(f"{method}: {(answer.get('error') or {}).get('message', 'refused')}")
        return answer["result"]
