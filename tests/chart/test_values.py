"""Which values the chart takes, and that what is made from elsewhere is as it would be made."""

import sys

import pytest
import yaml
from conftest import CHART, ROOT, VALUES, helm, one, pod_specs, render, run

REFUSED = {
    "redis.maxMemry=1gb": "Additional property maxMemry is not allowed",
    "operator.watch=Everything": 'operator.watch must be one of the following: "Namespace", "Cluster"',
    "operator.replicas=0": "operator.replicas: Must be greater than or equal to 1",
    "operator.replicas=two": "operator.replicas: Invalid type. Expected: integer, given: string",
    "image.digest=latest": "image.digest: Does not match pattern",
    "redis.external.url=redis://user:secret@host": "redis.external.url: Does not match pattern",
    "redis.password=short": "redis.password: Does not match pattern",
    "redis.maxMemory=lots": "redis.maxMemory: Does not match pattern",
    "report.enabled=perhaps": "report.enabled: Invalid type. Expected: boolean, given: string",
    "networkPolicy.apiServerCidrs[0]=10.0.0.1": "networkPolicy.apiServerCidrs.0: Does not match pattern",
    "data.accessModes[0]=Sometimes": "data.accessModes.0 must be one of the following",
    "tor.enabled=true": "tor.enabled needs tor.image.repository and tor.image.tag",
}


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_wrong_is_refused_with_what_is_wrong(value):
    assert REFUSED[value] in helm("template", CHART, "--set", value, fails=True)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_lint_has_nothing_to_say(values):
    said = helm("lint", "--strict", CHART, "--values", values)
    assert "[WARNING]" not in said and "[ERROR]" not in said


def test_what_is_made_from_elsewhere_is_up_to_date():
    run(sys.executable, ROOT / "charts/generate.py", "--check")


def test_the_definitions_are_those_of_the_crate_and_stay():
    made = {each["metadata"]["name"]: each for each in render() if each["kind"] == "CustomResourceDefinition"}
    files = [yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")]
    assert {each["metadata"]["name"] for each in files} == set(made)
    for each in files:
        ours = made[each["metadata"]["name"]]
        assert ours["spec"] == each["spec"]
        assert ours["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not [each for each in render("--set", "crds.enabled=false") if each["kind"] == "CustomResourceDefinition"]


def allowed(rules):
    """Every single thing that rules allow."""
    return {(group, resource, tuple(rule.get("resourceNames", [])), verb) for rule in rules for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}


@pytest.mark.parametrize("watch", ["Namespace", "Cluster"])
def test_the_operator_may_do_what_its_roles_say_and_no_more(watch):
    objects = render("--set", f"operator.watch={watch}")
    everywhere = allowed(one(objects, "ClusterRole", "-operator")["rules"])
    here = allowed(one(objects, "Role", "-operator")["rules"])
    roles = list(yaml.safe_load_all((ROOT / "operator/rbac.yaml").read_text()))
    wanted = {kind: allowed(each["rules"]) for each in roles for kind in [each["kind"]]
              if each["metadata"]["name"] == "electrum-observatory-operator"}
    if watch == "Cluster":
        assert (everywhere, here) == (wanted["ClusterRole"], wanted["Role"])
    else:
        reading = {each for each in wanted["ClusterRole"] if each[1] == "scanexclusions"}
        telling = {each for each in wanted["ClusterRole"] if each[1] == "scanexclusions/status"}
        assert everywhere == reading
        assert here == wanted["Role"] | wanted["ClusterRole"] - reading - telling


def test_nobody_else_has_a_token():
    objects = render("--values", next(path for path in VALUES if path.stem == "everything"))
    assert all(each["automountServiceAccountToken"] is False for each in objects if each["kind"] == "ServiceAccount")
    tokens = [name for name, spec in pod_specs(objects) if spec["automountServiceAccountToken"]]
    assert tokens == ["eo-operator"]
    bound = {subject["name"] for each in objects if each["kind"].endswith("Binding") for subject in each["subjects"]}
    assert bound <= {"eo-operator", "eo-analyzer"}


def test_it_asks_for_a_kubernetes_that_is_new_enough():
    assert "chart requires kubeVersion" in helm("template", CHART, "--kube-version", "1.28.0", fails=True)
