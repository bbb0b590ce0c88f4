#!/usr/bin/env python3
"""The learning loop of a generator, over a patternfs mount.

    generate.py MOUNT CATEGORY COMPONENT_TYPE NAME           prints the prompt, with the best patterns
    generate.py MOUNT CATEGORY COMPONENT_TYPE NAME ANSWER    submits the answer, a file, and says whether it works

In between stands whatever writes code: a language model, or a person.

    generate.py /mnt/patterns ml operator FooOperator | some-model > foo.py
    generate.py /mnt/patterns ml operator FooOperator foo.py

Exit status: 0, or 1 where the answer was refused or does not work.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from pattern_storage import PatternStorage, RefusedError  # noqa: E402


def prompt(spec: argparse.Namespace) -> str:
    query = Path(spec.mount, "query", f"category={spec.category}", f"component_type={spec.component_type}")
    return (
        f"Write an Airflow {spec.component_type} called {spec.name}, as one Python module.\n"
        "Follow these patterns where they apply; they come from components that worked.\n\n"
        + (query / f"budget={spec.budget}" / "prompt.md").read_text(encoding="utf-8")
    )


def works(path: Path, code: str) -> str:
    """What is wrong with CODE, or nothing. A real generator runs its tests here."""
    try:
        compile(code, path.name, "exec")
    except (SyntaxError, ValueError) as error:
        return str(error)
    return ""


def learn(spec: argparse.Namespace, answer: Path) -> str:
    storage, code = PatternStorage(spec.mount), answer.read_text(encoding="utf-8")
    metadata = {"category": spec.category, "component_type": spec.component_type, "generator": "generate.py"}
    try:
        receipt = storage.store_component_patterns(spec.name, code, metadata=metadata)
    except RefusedError as error:
        return str(error)
    wrong = works(answer, code)
    paths = [component["path"] for component in receipt["components"]]
    storage.record_outcome(paths, not wrong, wrong or f"{answer.name} compiles")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="A generator's learning loop over a patternfs mount.")
    for name in ("mount", "category", "component_type", "name"):
        parser.add_argument(name)
    parser.add_argument("answer", nargs="?", type=Path, help="the generated file")
    parser.add_argument("--budget", type=int, default=2000, help="tokens that the patterns may take")
    spec = parser.parse_args()
    if not spec.answer:
        print(prompt(spec), end="")
        return 0
    wrong = learn(spec, spec.answer)
    print(f"{spec.name}: {wrong or 'learned'}", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
