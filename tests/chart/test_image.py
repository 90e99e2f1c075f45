"""What the image is put together from, as far as that needs no image."""

import os
import shutil

from conftest import ROOT, run


def test_nothing_is_put_together_where_a_program_is_missing(tmp_path):
    for name in ("operator", "scanner", "observatory"):
        (tmp_path / name).write_text("")
    said = run(ROOT / "image/root.sh", tmp_path, tmp_path / "root", fails=True, cwd=ROOT)
    assert said.startswith(f"image/root.sh: there is no analyzer in {tmp_path}") and said.count("\n") == 1
    assert not (tmp_path / "root").exists()


def test_no_program_is_taken_that_needs_libraries(tmp_path):
    for name in ("operator", "scanner", "analyzer", "observatory"):
        shutil.copy("/bin/sh", tmp_path / name)
    said = run(ROOT / "image/root.sh", tmp_path, tmp_path / "root", fails=True, cwd=ROOT)
    assert said.startswith("image/root.sh: operator needs libraries") and said.count("\n") == 1
    assert not (tmp_path / "root").exists()


def test_no_program_is_taken_that_says_where_it_was_built(tmp_path):
    cargo = os.environ.get("CARGO_HOME") or os.environ.get("HOME", "") + "/.cargo"
    for name in ("operator", "scanner", "analyzer", "observatory"):
        (tmp_path / name).write_text(f"{cargo}/registry/src/lib.rs")
    said = run(ROOT / "image/root.sh", tmp_path, tmp_path / "root", fails=True, cwd=ROOT)
    assert said.startswith("image/root.sh: operator says where it was built") and said.count("\n") == 1
    assert not (tmp_path / "root").exists()
