"""Self-signed certificates, as operators of Electrum servers make them.

May not run any server.
"""

from __future__ import annotations

from pathlib import Path

from process import LabError, run

ADVICE = "openssl made no certificate: run `apt-get install openssl`"
BARE = "[req]\ndistinguished_name = name\n[name]\n"


def make(directory: Path, name: str, version: int) -> tuple[Path, Path]:
    """A certificate and its key (RSA-2048, ten years). X.509 version 1 is what the commands in ElectrumX's own
    guide have long made, so many servers have it, and strict TLS libraries refuse it: a lab without it would
    be too kind."""
    certificate, key, settings = (directory / file for file in ("server.crt", "server.key", "openssl.cnf"))
    settings.write_text(BARE)  # the system's adds extensions, and these make version 3
    command: list[str | Path] = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "3650",
        "-config", settings, "-keyout", key, "-out", certificate,
    ]
    if version == 3:
        run([*command, "-addext", "basicConstraints=critical,CA:TRUE"], ADVICE)
        return certificate, key
    try:
        run([*command, "-x509v1"], ADVICE)
    except LabError:  # before OpenSSL 3.2 that option does not exist, and no extensions means version 1
        run(command, ADVICE)
    return certificate, key
