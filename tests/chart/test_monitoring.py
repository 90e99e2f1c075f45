"""Alerts and dashboards: every query runs on a real Prometheus, and none is empty where there is something to see."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import series
import yaml
from conftest import CHART, ROOT, free_port, one, render, run

RULES = CHART / "files/alerts.yaml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards").glob("*.json"))}
PANELS = [(name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
CHOSEN = {"$network": "mainnet", "$vantage": "here", "$server": "c.example", "$__rate_interval": "5m"}


def queries():
    """Every query of every panel, with the name of the panel."""
    return [pytest.param(target["expr"], id=f"{name}: {panel['title']} {target['refId']}")
            for name, panel in PANELS for target in panel["targets"]]


def chosen(query):
    """A query with something chosen for each variable."""
    for variable, value in CHOSEN.items():
        query = query.replace(variable, value)
    return query


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """A Prometheus that has seen all there is; a function that asks it."""
    place = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    (place / "all.txt").write_text(series.openmetrics(now, minutes=90))
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", place / "all.txt", place / "data")
    (place / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    prometheus = subprocess.Popen(
        ["prometheus", f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data",
         f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(path, **arguments):
        with urllib.request.urlopen(f"http://{address}/{path}?{urllib.parse.urlencode(arguments)}", timeout=10) as answer:
            return answer.read()

    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                get("-/ready")
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline and prometheus.poll() is None, "Prometheus does not start"
                time.sleep(0.1)
        yield lambda query: json.loads(get("api/v1/query", query=query, time=now))["data"]["result"]
    finally:
        prometheus.terminate()
        prometheus.wait(timeout=30)


@pytest.mark.parametrize("query", queries())
def test_each_query_finds_something(query, ask):
    found = ask(chosen(query))
    assert found, "nothing"
    assert all(value["value"][1] != "NaN" for value in found)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_is_asked_without_error(rule, ask):
    ask(rule["expr"])


def test_dashboards_and_alerts_ask_for_metrics_that_are_told_of():
    asked = [target["expr"] for _, panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in ALERTS]
    names = set(re.findall(r"\b(?:electrum|operator|process)_[a-z_]+", " ".join(asked)))
    assert names <= series.names()
    documented = (ROOT / "docs/metrics.md").read_text() + (ROOT / "docs/operator.md").read_text()
    for name in names:
        plain = name.removesuffix("_bucket")
        assert plain in documented or plain.startswith("process_"), f"{name} is in no document"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_say_what_they_are(name):
    board = DASHBOARDS[name]
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 20 and panel["description"].endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] and defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_lie_beside_each_other(name):
    taken = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARDS[name]["panels"]]
    assert len(ids) == len(set(ids))


def test_variables_are_there_and_links_lead_somewhere():
    for name, board in DASHBOARDS.items():
        text = json.dumps(board["panels"])
        there = {variable["name"] for variable in board["templating"]["list"]}
        used = set(re.findall(r"\$(network|vantage|server|datasource|report)\b", text.replace("${", "$")))
        assert used <= there, name
        assert {link["title"] for link in board["links"]} == {"Electrum Observatory", "Report"}
        for uid in re.findall(r"/d/([a-z-]+)", text):
            assert uid in {other["uid"] for other in DASHBOARDS.values()}


def test_dashboards_are_as_they_would_be_made():
    run(sys.executable, ROOT / "dashboards/make.py", "--check")


def test_rules_hold_and_each_alert_is_raised_by_a_case():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
    cases = ROOT / "tests/chart/alerts.yaml"
    run("promtool", "test", "rules", cases)
    raised = set(re.findall(r'alertname="(\w+)",alertstate="firing"', cases.read_text()))
    assert raised == {rule["alert"] for rule in ALERTS}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert():
    books = {path.stem: path.read_text() for path in (ROOT / "docs/runbooks").glob("Electrum*.md")}
    assert set(books) == {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert books[rule["alert"]].startswith(f"# {rule['alert']}\n") and "## Do\n" in books[rule["alert"]]


def test_the_chart_has_these_rules_with_runbooks_where_they_are(tmp_path):
    objects = render("--set", "metrics.prometheusRule.enabled=true,metrics.prometheusRule.runbooks=https://example.org/r")
    spec = one(objects, "PrometheusRule", "observatory")["spec"]
    rules = [rule for group in spec["groups"] for rule in group["rules"]]
    assert [rule["expr"] for rule in rules] == [rule["expr"] for rule in ALERTS]
    assert rules[0]["annotations"]["runbook_url"] == f"https://example.org/r/{rules[0]['alert']}.md"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    run("promtool", "check", "rules", tmp_path / "rules.yaml")


def test_the_chart_has_these_dashboards():
    objects = render("--set", "metrics.dashboards.enabled=true")
    maps = {each["metadata"]["name"].rsplit("-", 1)[-1]: each for each in objects if each["kind"] == "ConfigMap"
            and "-dashboard-" in each["metadata"]["name"]}
    assert set(maps) == set(DASHBOARDS)
    for name, each in maps.items():
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(each["data"][f"electrum-{name}.json"]) == DASHBOARDS[name]
