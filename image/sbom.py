#!/usr/bin/env python3
"""What each program is made of, as CycloneDX, beside the programs: `image/sbom.py DIRECTORY-OF-PROGRAMS`. By
cargo-cyclonedx, but without what differs from one machine or minute to the next."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENDING = "_bin.cdx.json"


def main():
    place = pathlib.Path(sys.argv[1])
    subprocess.run(["cargo", "cyclonedx", "--quiet", "--format", "json", "--describe", "binaries", "--spec-version", "1.5",
                    "--no-build-deps"], cwd=ROOT, check=True)
    for made in sorted(ROOT.glob(f"*/*{ENDING}")):
        bill = json.loads(made.read_text().replace(f"file://{ROOT}", "file:///src"))
        made.unlink()
        del bill["serialNumber"], bill["metadata"]["timestamp"]
        name = made.name.removesuffix(ENDING)
        (place / f"{name}.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
        print(f"{name}: {len(bill['components'])} components")


if __name__ == "__main__":
    main()
