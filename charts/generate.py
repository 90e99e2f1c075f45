#!/usr/bin/env python3
"""Makes what in the chart follows from elsewhere: values.schema.json and README.md from the comments of values.yaml, and
files/ from the definitions, the operator's role, the dashboards and the examples. With --check it writes nothing, and
fails where something is not as it would make it.

A comment `# -- text` above a value describes it, as helm-docs has it; `# @schema {…}` adds to what the default says of
its type.
"""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHART = ROOT / "charts/electrum-observatory"
KINDS = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
KEY = re.compile(r"^( *)([A-Za-z0-9_./-]+):")


def comments(text):
    """Description and constraints of each value, by its path: `{("image", "tag"): ("Its tag.", {})}`."""
    found, path, words, more = {}, [], [], {}
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# -- "):
            words, more = [bare[5:]], {}
        elif bare.startswith("# @schema "):
            more = yaml.safe_load(bare[10:])
        elif bare.startswith("#") and words:
            words.append(bare[1:].strip())
        elif match := KEY.match(line):
            depth = len(match[1]) // 2
            path = [*path[:depth], match[2]]
            if words:
                found[tuple(path)] = (" ".join(words), more)
            words, more = [], {}
    return found


def schema(value, described, path=()):
    """The schema of a value: a map is closed unless its description says it is anybody's."""
    words, more = described.get(path, (None, {}))
    made = {"description": words} if words else {}
    made["type"] = KINDS[type(value)]
    if isinstance(value, dict) and not words:
        made["additionalProperties"] = False
        made["properties"] = {key: schema(each, described, (*path, key)) for key, each in value.items()}
    elif not isinstance(value, dict):
        made["default"] = value
    return made | more


def rows(value, described, path=()):
    """Each described value with its default, in the order of the file."""
    if path in described:
        yield ".".join(path), KINDS[type(value)], json.dumps(value), described[path][0]
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from rows(each, described, (*path, key))


def undescribed(value, described, path=()):
    """Values that nothing is said of."""
    if path in described:
        return []
    if isinstance(value, dict) and value:
        return [name for key, each in value.items() for name in undescribed(each, described, (*path, key))]
    return [".".join(path)]


def readme(values, described):
    """The README, as its template has it, with the table of values."""
    table = ["| value | type | default | |", "|---|---|---|---|"]
    for name, kind, default, words in rows(values, described):
        cell = words.replace("|", "\\|")
        table.append(f"| `{name}` | {kind} | `{default}` | {cell} |")
    template = (CHART / "README.md.gotmpl").read_text()
    meta = yaml.safe_load((CHART / "Chart.yaml").read_text())
    for key, text in {"description": meta["description"], "version": meta["version"], "appVersion": meta["appVersion"],
                      "kubeVersion": meta["kubeVersion"], "values": "\n".join(table)}.items():
        template = template.replace(f"{{{{ {key} }}}}", text)
    return template


def files():
    """Every file that is made, with its text."""
    text = (CHART / "values.yaml").read_text()
    values, described = yaml.safe_load(text), comments(text)
    if bare := undescribed(values, described):
        raise SystemExit(f"values.yaml says nothing of {', '.join(bare)}: put `# -- text` above each")
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of electrum-observatory"}
    whole |= schema(values, described)
    # Helm puts these in by itself.
    whole["properties"]["global"] = {"description": "Helm's own: values that are shared with charts around this one.",
                                     "type": "object"}
    yield CHART / "values.schema.json", json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    yield CHART / "README.md", readme(values, described)
    roles = yaml.safe_load_all((ROOT / "operator/rbac.yaml").read_text())
    rules = {f"{role['metadata']['name'].rsplit('-', 1)[-1]}{role['kind']}": role["rules"] for role in roles}
    yield CHART / "files/rbac.json", json.dumps(rules, indent=1) + "\n"
    for source in sorted((ROOT / "crds").glob("*.yaml")):
        yield CHART / "files/crds" / source.name, source.read_text()
    for source in sorted((ROOT / "crds/examples").glob("*.yaml")):
        yield CHART / "examples" / source.name, source.read_text()
    for source in sorted((ROOT / "dashboards").glob("*.json")):
        # Without blanks: what a release holds must fit into one Secret.
        compact = json.dumps(json.loads(source.read_text()), separators=(",", ":"), ensure_ascii=False)
        yield CHART / "files/dashboards" / source.name, compact + "\n"


def main():
    check = "--check" in sys.argv[1:]
    wanted = dict(files())
    folders = [CHART / "files/crds", CHART / "files/dashboards", CHART / "examples"]
    extra = [path for folder in folders for path in folder.glob("*") if path not in wanted]
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check and stale + extra:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale + extra)
        raise SystemExit(f"not as it would be made: {names}. Run `make chart-files`")
    if not check:
        for path in extra:
            path.unlink()
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])


if __name__ == "__main__":
    main()
