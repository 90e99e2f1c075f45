"""A release on an API server: installed, upgraded, rolled back, uninstalled, and installed again."""

import base64
import json

import pytest
from conftest import CHART, KUBECTL, NAMESPACE, cluster, helm, run, without_version

NAME = "eo-electrum-observatory"
# The stand-in for a cluster binds no claims and makes no endpoints: nobody waits for these.
WHERE = ("--namespace", NAMESPACE)


@pytest.fixture(scope="module")
def site():
    """An empty cluster."""
    with cluster() as environment:
        yield environment


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    """The chart, as it can be installed here."""
    return without_version(tmp_path_factory.mktemp("chart"))


def objects(site, *arguments):
    """What kubectl gets."""
    return json.loads(run(KUBECTL, "get", *arguments, "-o", "json", *WHERE, env=site))


def password(site):
    """The password of Redis."""
    return base64.b64decode(objects(site, "secret", f"{NAME}-redis")["data"]["password"]).decode()


def test_the_life_of_a_release(site, chart):
    said = helm("install", "eo", chart, *WHERE, "--create-namespace", env=site)
    assert "kubectl apply -f -" in said and "helm test eo" in said
    first = password(site)
    assert len(first) == 40

    campaign = CHART / "examples/testnet4.yaml"
    run(KUBECTL, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all", env=site)
    run(KUBECTL, "apply", "--server-side", "-f", campaign, *WHERE, env=site)

    helm("upgrade", "eo", chart, *WHERE, "--set", "operator.replicas=3,report.enabled=true", env=site)
    assert objects(site, "deployment", f"{NAME}-operator")["spec"]["replicas"] == 3
    assert password(site) == first, "the password is kept"
    names = {each["metadata"]["name"] for each in objects(site, "service")["items"]}
    assert f"{NAME}-report" in names

    helm("rollback", "eo", "1", *WHERE, env=site)
    assert objects(site, "deployment", f"{NAME}-operator")["spec"]["replicas"] == 2
    assert password(site) == first
    assert len(objects(site, "deployment")["items"]) == 1, "what the upgrade added is gone"

    helm("uninstall", "eo", *WHERE, env=site)
    left = objects(site, "deployment,statefulset,service,secret,configmap,role,rolebinding,networkpolicy,pdb,pod")["items"]
    assert not left, [each["metadata"]["name"] for each in left]
    assert {each["metadata"]["name"] for each in objects(site, "pvc")["items"]} == {f"{NAME}-data", f"{NAME}-redis"}
    assert objects(site, "scancampaign", "testnet4")["spec"]["network"] == "testnet4", "campaigns outlive the chart"

    helm("install", "eo", chart, *WHERE, env=site)
    assert password(site) != first


def test_examples_are_taken_but_the_one_without_a_contact(site):
    for path in (CHART / "examples").glob("*.yaml"):
        fails = path.stem == "mainnet"
        said = run(KUBECTL, "apply", "--server-side", "--dry-run=server", "-f", path, *WHERE, fails=fails, env=site)
        assert ("mainnet needs politeness.contact" in said) == fails
