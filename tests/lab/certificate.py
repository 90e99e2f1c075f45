"""Self-signed certificates, as operators of Electrum servers make them.

May not run any server.
"""

from __future__ import annotations

from pathlib import Path

from process import LabError, run

ADVICE = "openssl made no certificate: run `apt-get install openssl`"


def make(directory: Path, name: str, version: int) -> tuple[Path, Path]:
    """A certificate and its key (RSA-2048, ten years). X.509 version 1 is what the commands in ElectrumX's own
    guide make, so most servers have it, and strict TLS libraries refuse it: a lab without it would be too kind."""
    certificate, key, request = (directory / file for file in ("server.crt", "server.key", "server.csr"))
    fresh = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key]
    life = ["-days", "3650"]
    if version == 3:
        run([*fresh, "-x509", *life, "-out", certificate], ADVICE)
        return certificate, key
    try:
        run([*fresh, "-x509", "-x509v1", *life, "-out", certificate], ADVICE)
    except LabError:  # before OpenSSL 3.2 that option does not exist, and signing a request makes version 1
        run([*fresh, "-out", request], ADVICE)
        run(["openssl", "x509", "-req", "-in", request, "-signkey", key, *life, "-out", certificate], ADVICE)
    return certificate, key
