"""Runs the extractor over variants of a module and compares what it says."""

import json
import pathlib
import subprocess
import tempfile


class Extraction:
    """What the extractor says of one text: components, or why it was refused."""

    def __init__(self, document, why):
        self.components = [Component(c) for c in document["components"]] if document else []
        self.skipped = len(document["skipped"]) if document else 0
        self.why = why


class Component:
    def __init__(self, document):
        self.name, self.lines = document["name"], document["lines"]
        self.facts = (document["component_type"], document["complexity_score"])
        self.units = {
            (p["type"], p["name"], p["signature"]): p["pattern_data"]["template"] for p in document["patterns"]
        }

    def of(self, unit):
        return {key for key in self.units if key[:2] == unit}


def extract(program, name, texts):
    """An Extraction for each text, as a file of that name. One process reads them all."""
    with tempfile.TemporaryDirectory(prefix="metamorphic-") as folder:
        paths = []
        for i, text in enumerate(texts):
            path = pathlib.Path(folder) / str(i) / name
            path.parent.mkdir()
            path.write_bytes(text)
            paths.append(str(path))
        found, whys = {}, {}
        for at in range(0, len(paths), 500):
            run = subprocess.run([program, *paths[at : at + 500]], capture_output=True, check=False)
            if run.returncode not in (0, 1):
                raise SystemExit("%s: exit status %d: %s" % (program, run.returncode, run.stderr.decode()[-2000:]))
            found.update((d["file"], d) for d in json.loads(run.stdout))
            for line in run.stderr.decode(errors="replace").splitlines():
                whys[line.split(":")[0]] = line.removeprefix(folder)
    return [Extraction(found.get(p), whys.get(p)) for p in paths]


class Difference:
    """A unit that came or went: its component, (type, name), the template before and after (one may be None)."""

    def __init__(self, component, unit, before, after):
        self.component, self.unit, self.before, self.after = component, unit, before, after


def differences(before, after, exempt):
    """What differs between two extractions, units of the kinds EXEMPT(unit, template) apart."""
    if after.why and not after.components:
        return [Difference("", ("refused", "module"), "accepted", after.why)]
    if (len(before.components), before.skipped) != (len(after.components), after.skipped):
        lists = [", ".join(c.name for c in e.components) + ", %d skipped" % e.skipped for e in (before, after)]
        return [Difference("", ("components", "list"), *lists)]
    found = []
    for a, b in zip(before.components, after.components):
        if a.facts != b.facts:
            found.append(Difference(a.name, ("component", "type and complexity"), str(a.facts), str(b.facts)))
        gone = [k for k in a.units if k not in b.units and not exempt(k[:2], a.units[k])]
        come = [k for k in b.units if k not in a.units and not exempt(k[:2], b.units[k])]
        for unit in sorted({k[:2] for k in gone + come}):
            old = [a.units[k] for k in gone if k[:2] == unit]
            new = [b.units[k] for k in come if k[:2] == unit]
            for i in range(max(len(old), len(new))):
                pair = (old[i] if i < len(old) else None, new[i] if i < len(new) else None)
                found.append(Difference(a.name, unit, *pair))
    return found


def side_by_side(before, after, width=56):
    left = ["(nothing)"] if before is None else fold(before, width)
    right = ["(nothing)"] if after is None else fold(after, width)
    count = max(len(left), len(right))
    left += [""] * (count - len(left))
    right += [""] * (count - len(right))
    return "\n".join("      %-*s | %s" % (width, a, b) for a, b in zip(left, right))


def fold(text, width):
    return [line[i : i + width] for line in text.split("\n") for i in range(0, max(len(line), 1), width)]
