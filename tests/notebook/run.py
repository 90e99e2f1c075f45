"""Runs notebooks/explore.ipynb against a report folder, as a reader would, and fails where it does.

Usage: python tests/notebook/run.py REPORT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "explore.ipynb"


def main() -> int:
    report = Path(sys.argv[1]).resolve()
    os.environ["REPORT"] = str(report)
    os.environ.setdefault("MPLBACKEND", "agg")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    try:
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            print(output.get("text", ""), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
