"""Shows the observatory at work: starts the lab and scans it.

    python3 tests/lab/demo.py --observatory target/release/observatory

May not connect to anything but the lab's own servers on loopback.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """The exit code of the scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observatory", required=True, metavar="PROGRAM", help="the program to run")
    parser.add_argument("--dir", default="target/lab", metavar="DIR", help="where the servers are installed")
    options = parser.parse_args()

    lab = subprocess.Popen(
        [sys.executable, str(HERE / "lab.py"), "up", "--dir", options.dir],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = lab.stdout.readline() if lab.stdout else ""
        if not line:
            return 1  # the lab has said why
        with tempfile.TemporaryDirectory() as folder:
            seeds = Path(folder, "seeds.txt")
            seeds.write_text("".join(f"{url}\n" for server in json.loads(line)["servers"] for url in urls(server)))
            command = [options.observatory, "scan", "--network", "regtest", "--allow-private",
                       "--seeds", str(seeds), "--archive", str(Path(folder, "archive"))]
            print("$ " + " ".join(command), file=sys.stderr)
            return subprocess.run(command, check=False).returncode
    finally:
        if lab.stdin:
            lab.stdin.close()
        lab.wait()


def urls(server: dict[str, object]) -> list[str]:
    """The endpoints of one server of the lab."""
    ports = {"tcp": server.get("tcp"), "ssl": server.get("ssl")}
    return [f"{scheme}://{server['host']}:{port}" for scheme, port in ports.items() if port]


if __name__ == "__main__":
    sys.exit(main())
