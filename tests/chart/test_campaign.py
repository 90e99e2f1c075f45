"""The chart's own pods at work: Helm installs it, the operator makes a campaign's scanners, and they come to terms with
the chart's Redis. Programs, Redis and API server are real; nodes are a stand-in (tests/cluster)."""

import json
import pathlib
import re
import time
import urllib.request

import pytest
import series
import yaml
from conftest import CHART, KUBECTL, NAMESPACE, TARGET, cluster, helm, run, without_version
from redis import Redis

NAME = "eo-electrum-observatory"
WHERE = ("--namespace", NAMESPACE)
IMAGE = "electrum-observatory:0.1.0"
REDIS = "docker.io/valkey/valkey:8.1"
SECRET = "redis.password=a-password-of-a-test"
# Nobody is there; that is for others to see. What counts is that scanners work.
CAMPAIGN = yaml.safe_load((CHART / "examples/regtest.yaml").read_text())
CAMPAIGN["spec"]["discovery"]["sources"] = [{"name": "nobody", "seeds": ["tcp://127.0.0.1:1"]}]


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """The chart's Redis, which the stand-in for nodes does not run."""
    running = Redis(tmp_path_factory.mktemp("redis"), ["--set", SECRET])
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(redis):
    """A cluster whose nodes have the image, and reach Redis by its name."""
    service = f"{NAME}-redis.{NAMESPACE}.svc:6379"
    with cluster("image", IMAGE, TARGET / "debug", "image", REDIS, "/usr/bin", "name", service, f"127.0.0.1:{redis.port}") as environment:
        yield environment


def told_of(site):
    """The labels of each metric that a pod tells of."""
    told = {}
    for component in ("operator", "scanner"):
        label = f"app.kubernetes.io/component={component}"
        for pod in json.loads(run(KUBECTL, "get", "pods", "-l", label, "-o", "json", *WHERE, env=site))["items"]:
            with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/metrics", timeout=10) as answer:
                text = answer.read().decode()
            for name, labels in re.findall(r"^(\w+)(?:\{(.*?)\})? ", text, re.MULTILINE):
                told[name] = set(re.findall(r'(\w+)="', labels or ""))
    return told


def calls(site):
    """Who asked the API server for what, by the account."""
    audit = pathlib.Path(site["KUBECONFIG"]).with_name("audit.log").read_text()
    # The last line may be half written.
    found = [json.loads(line) for line in audit.splitlines(keepends=True) if line.endswith("\n")]
    return [(call["user"]["username"].removeprefix("system:serviceaccount:"), call) for call in found
            if call["user"]["username"].startswith("system:serviceaccount:")]


def test_a_campaign_becomes_ready(site, redis, tmp_path):
    helm("install", "eo", without_version(tmp_path), *WHERE, "--create-namespace", "--set", SECRET, env=site)
    run(KUBECTL, "rollout", "status", f"deployment/{NAME}-operator", "--timeout=60s", *WHERE, env=site)

    run(KUBECTL, "apply", "--server-side", "-f", "-", *WHERE, input=json.dumps(CAMPAIGN), env=site)
    run(KUBECTL, "wait", "--for=condition=Ready", "--timeout=60s", "scancampaign/regtest", *WHERE, env=site)

    # A worker that is ready has looked at Redis, and not been refused.
    deadline = time.monotonic() + 30
    while redis.said("smembers", "eo:{observatory/regtest}:vantages") != "here":
        assert time.monotonic() < deadline, "nobody works"
        time.sleep(0.1)

    # What dashboards and alerts are tried on has the labels that the programs give.
    wanted = series.labels()
    while "electrum_visits_total" not in (told := told_of(site)):
        assert time.monotonic() < deadline, "nobody is visited"
        time.sleep(0.2)
    known = told.keys() & wanted.keys()
    assert {name: told[name] for name in known} == {name: wanted[name] for name in known}
    assert {"electrum_worker_condition", "operator_reconciles_total", "operator_leader"} <= known

    # The other test simulates a network for some minutes, and is what `observatory evaluate` is tested by anyway.
    said = helm("test", "eo", "--filter", f"name={NAME}-test-redis", *WHERE, env=site)
    assert "Phase:          Succeeded" in said

    # Scanners, Redis and the test ask the API server for nothing; the operator for nothing that it may not.
    assert not [call for _, call in calls(site) if call.get("responseStatus", {}).get("code") == 403]
    assert {account for account, _ in calls(site)} == {f"{NAMESPACE}:{NAME}-operator"}
