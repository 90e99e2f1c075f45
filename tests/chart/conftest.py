"""The chart as Helm renders it, and a cluster to try it on (`make cluster`)."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/electrum-observatory"
VALUES = sorted((pathlib.Path(__file__).parent / "values").glob("*.yaml"))
NAMESPACE = "observatory"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
KUBECTL = ROOT / "target/cluster/bin/kubectl"


def run(*command, fails=False, **more):
    """What a command says on standard output; of one that is to fail, on standard error."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    assert (done.returncode != 0) == fails, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def helm(*arguments, **more):
    """Helm, of the virtual environment."""
    return run(pathlib.Path(sys.executable).parent / "helm", *arguments, **more)


def render(*arguments):
    """The objects of the chart with these arguments."""
    text = helm("template", "eo", CHART, "--namespace", NAMESPACE, *arguments)
    return [each for each in yaml.safe_load_all(text) if each]


def one(objects, kind, ending):
    """The one object of a kind whose name ends so."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(ending)]
    assert len(found) == 1, [each["metadata"]["name"] for each in objects if each["kind"] == kind]
    return found[0]


def pod_specs(objects):
    """The name and the spec of each pod that there would be."""
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], spec
        elif "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def free_port():
    """A port on loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def without_version(place):
    """The chart, but that it does not ask for the version of Kubernetes: the test cluster does not know its own."""
    copy = shutil.copytree(CHART, place / CHART.name)
    about = copy / "Chart.yaml"
    about.write_text("".join(line for line in about.read_text().splitlines(True) if not line.startswith("kubeVersion")))
    return copy


@contextlib.contextmanager
def cluster(*arguments):
    """The environment of a fresh cluster, which ends with the block."""
    up = subprocess.Popen([TARGET / "debug/examples/up", *map(str, arguments)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True)
    try:
        kubeconfig = up.stdout.readline().strip()
        assert kubeconfig, "no cluster: `make cluster`, then `cargo build --workspace --examples`"
        home = os.path.dirname(kubeconfig)
        yield os.environ | {"KUBECONFIG": kubeconfig, "HELM_CACHE_HOME": home, "HOME": home}
    finally:
        up.stdin.close()
        up.wait(timeout=60)


@pytest.fixture(scope="session")
def api():
    """A cluster with the definitions and the namespace, for objects that are tried and not kept."""
    with cluster() as environment:
        run(KUBECTL, "create", "namespace", NAMESPACE, env=environment)
        run(KUBECTL, "apply", "--server-side", "-f", ROOT / "crds", env=environment)
        run(KUBECTL, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all", env=environment)
        yield environment
