"""The least of an Electrum client: asks a server for its tip, to know when it is ready.

May not judge answers: that is for what the lab is there to test.
"""

from __future__ import annotations

import json
import socket
import time

from process import Child

PATIENCE = 60.0


def height(host: str, port: int) -> int:
    """The height a server answers over TCP; OSError or ValueError while it does not."""
    with socket.create_connection((host, port), timeout=5) as connection, connection.makefile("rb") as replies:
        # Both at once: ElectrumX 1.18.0 keeps each answer for a second, hoping for more to send with it.
        connection.sendall(b"".join(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
            for number, (method, params) in enumerate([("server.version", ["lab", "1.4"]),
                                                       ("blockchain.headers.subscribe", [])])))
        replies.readline()
        answer = json.loads(replies.readline())
    return int(answer["result"]["height"])


def wait(child: Child, host: str, port: int, tip: int) -> None:
    """Returns when the server answers with the whole chain."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        child.check()
        try:
            if height(host, port) >= tip:
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.05)
    raise child.failure(f"did not serve height {tip} in {PATIENCE:.0f} s")
