"""The book: what stands behind `$` in docs/install.md and docs/upgrade.md is typed here, in that order, on a test cluster with
the chart's own pods; every link leads somewhere, and every page is in the table of contents."""

import re
import shlex
import sys
import time

import pytest
import yaml
from conftest import KUBECTL, ROOT, TARGET, cluster, run, without_version
from redis import Redis

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAME, NAMESPACE = "observatory-electrum-observatory", "observatory"
PASSWORD = "redis.password=a-password-of-a-test"


def typed(page):
    """The commands of a page that are to be typed."""
    blocks = re.findall(r"^```console\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_what_the_book_says_is_what_happens(tmp_path):
    redis = Redis(tmp_path, ["--set", PASSWORD])
    chart = without_version(tmp_path)
    service = f"{NAME}-redis.{NAMESPACE}.svc:6379"
    # What a test cluster has not, and a real one has: the chart's Redis, whose password we must know.
    more = ["--set", PASSWORD]
    programs = {"kubectl": KUBECTL, "helm": f"{sys.prefix}/bin/helm"}
    commands = [*typed("install.md"), *typed("upgrade.md")]
    assert len(commands) > 12
    try:
        with cluster("image", "electrum-observatory:0.1.0", TARGET / "debug", "name", service,
                     f"127.0.0.1:{redis.port}") as site:
            for command in commands:
                program, *words = shlex.split(command.replace("charts/electrum-observatory", str(chart)))
                run(programs[program], *words, *(more if words[0] == "install" else []), env=site, cwd=ROOT)
            deadline = time.monotonic() + 30
            while left := run(KUBECTL, "get", "pvc,deploy,sts,crd", "-A", "-o", "name", env=site).strip():
                assert time.monotonic() < deadline, f"the way out leaves {left}"
                time.sleep(0.2)
    finally:
        redis.stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in link and not link.startswith("mailto:"):
            target = (page.parent / link).resolve()
            assert target.exists(), link
            assert target.is_relative_to(DOCS), f"{link}: the book has nothing but docs/; name the path as code"


def test_every_page_is_in_the_table_of_contents():
    listed = set(re.findall(r"\]\(([^)]+)\)", (DOCS / "SUMMARY.md").read_text()))
    assert {str(page.relative_to(DOCS)) for page in PAGES} - {"SUMMARY.md"} == listed


def test_manifests_in_the_documentation_are_yaml():
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            list(yaml.safe_load_all(block))
