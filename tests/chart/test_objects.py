"""Every object of a matrix of values: as an API server takes it, as Kubernetes' schema has it, and as little as a pod may."""

import json

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1 as monitoring
from conftest import KUBECTL, NAMESPACE, VALUES, one, pod_specs, render, run

OLDEST, NEWEST = "1.29", "1.37"


@pytest.fixture(scope="module", params=VALUES, ids=lambda path: path.stem)
def objects(request):
    """The chart with one file of values."""
    return render("--values", request.param)


def of_kubernetes(objects):
    """Those of kinds that an API server knows by itself, or by our definitions."""
    return [each for each in objects if each["apiVersion"] != "monitoring.coreos.com/v1"]


def test_an_api_server_takes_them(objects, api):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": of_kubernetes(objects)})
    said = run(KUBECTL, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", input=text, env=api)
    assert len(said.splitlines()) == len(of_kubernetes(objects))


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_they_are_as_the_schema_of_kubernetes_has_them(objects, version):
    for each in of_kubernetes(objects):
        if each["kind"] != "CustomResourceDefinition":
            kubernetes_validate.validate(each, version, strict=True)


def test_monitors_are_as_prometheus_operator_has_them(objects):
    for each in objects:
        if each["apiVersion"] == "monitoring.coreos.com/v1":
            read = getattr(monitoring, each["kind"]).model_validate(each)
            # A field that it does not know is dropped.
            again = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
            assert again == each


def test_names_are_short_enough_and_namespaces_said(objects):
    for each in objects:
        assert len(each["metadata"]["name"]) <= 63
        cluster_wide = each["kind"] in ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
        assert each["metadata"].get("namespace") == (None if cluster_wide else NAMESPACE)
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "electrum-observatory"


def test_pods_keep_to_the_restricted_standard(objects):
    specs = list(pod_specs(objects))
    assert specs
    for name, spec in specs:
        assert not set(spec) & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}, name
        assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        kinds = {"name", "secret", "configMap", "emptyDir", "persistentVolumeClaim"}
        assert all(set(volume) <= kinds for volume in spec.get("volumes", [])), name
        for container in spec["containers"]:
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "capabilities": {"drop": ["ALL"]}}, name
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"], name


def test_whatever_is_mounted_is_there(objects):
    for name, spec in pod_specs(objects):
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        mounts = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        assert mounts == volumes, name


def test_nothing_is_open_but_to_whom_it_must(objects):
    policies = {each["metadata"]["name"].rsplit("-", 1)[-1]: each["spec"] for each in objects
                if each["kind"] == "NetworkPolicy"}
    if not policies:
        return
    assert policies["nobody"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "electrum-observatory"}}
    assert not {"ingress", "egress"} & set(policies["nobody"])
    scanner = policies["scanner"]
    assert all(peer != {} and "ipBlock" not in peer for rule in scanner["ingress"] for peer in rule["from"])
    internet = [peer["ipBlock"] for rule in scanner["egress"] for peer in rule["to"]
                if peer.get("ipBlock", {}).get("except")]
    assert {block["cidr"] for block in internet} == {"0.0.0.0/0", "2000::/3"}
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(internet[0]["except"])
    components = {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in objects
                  if each["kind"] in ("Deployment", "StatefulSet", "Pod")}
    assert components <= set(policies)


def test_a_password_is_in_no_object_but_its_secret(objects):
    secrets = [each for each in objects if each["kind"] == "Secret"]
    for secret in secrets:
        password = secret["stringData"]["password"]
        assert password not in secret["stringData"]["users.acl"]
        assert password not in yaml.safe_dump([each for each in objects if each["kind"] != "Secret"])


def test_everything_is_of_the_wanted_size():
    # What a release keeps of the chart must fit into one Secret, whose limit is a mebibyte.
    objects = render("--values", next(path for path in VALUES if path.stem == "everything"))
    assert sum(len(json.dumps(each)) for each in objects) < 3_000_000
    assert one(objects, "Deployment", "eo-operator")["spec"]["replicas"] == 2
