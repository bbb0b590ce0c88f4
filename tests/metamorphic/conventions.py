"""
Names and texts that say what they are, and so may change a signature.

Everything else that a module binds may be renamed, and every other text
reworded, without any signature changing.
"""

import pathlib
import re

# Units whose identity is a name, whatever is rewritten: what changes them, and why that is right.
NAMED_UNITS = {
    ("parameter_ordering", "parameter"): ({"names", "texts", "numbers"}, "is a name, annotation and default"),
    ("template_fields", "template_field"): ({"texts"}, "is the field's name"),
    ("import", "import_item"): ({"aliases"}, "is (level, module, name, alias)"),
    ("import", "dual_import"): ({"aliases"}, "is the two statements, aliases and all"),
}

# Names that mean something by themselves: pattern, where they are bound, why they are not renamed.
NAMED_THINGS = [
    (r"context|.*_context", "any", "the run's context is known by this name; Airflow passes it as a keyword"),
    (r"(.*_)?log|.*(logger|logging)|LOG|LOGGER", "any", "a logger that is handed in is known by this name"),
    (r".*(AVAILABLE|INSTALLED|IMPORTED|_ENABLED).*|.*(HAS_|HAVE_).*", "module", "an availability flag, by convention"),
    (r"conf|params|dag_run|conn|extra_dejson", "any", "Airflow's own dictionaries and connections go by these names"),
]

SUFFIXES = ("SensorOperator", "Operator", "Sensor", "Hook", "Trigger", "Notifier")


def known_names(path=pathlib.Path(__file__).parents[2] / "extract" / "known.c"):
    """The attributes and methods that Airflow gives a meaning, from the extractor's own table."""
    text = path.read_text()
    names = set()
    for table in ("attributes", "methods"):
        body = re.search(r"\b%s\[\] = \{(.*?)\n\};" % table, text, re.S)
        names.update(re.findall(r'"([^"]+)"', body.group(1)))
    return names


KNOWN = known_names()


def is_named_thing(name, place):
    """PLACE is module or other."""
    return any(
        re.fullmatch(pattern, name) and where in ("any", place) for pattern, where, _ in NAMED_THINGS
    )


def is_reserved(name):
    return name.startswith("__") or name in KNOWN
