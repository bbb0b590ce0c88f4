"""The job of patternfs as one would write it in Python: ast for parsing, sqlite3 for keeping.

    python_job.py DATABASE < PATHS

For each path, a line of standard input: reads the module, takes the idioms of its components (imports, bases, template
fields, parameters, what __init__ sets, guards, handlers, log calls, what is read at run time) in canonical form, where
names that are bound and constants have no name or value of their own, counts each once for each component, keeps the
history and an index of words, commits once, and answers with a line. It does less than patternfs does, which is to its
advantage: no syntax is checked beyond Python's own, no category is inferred, no component is likened to others.
"""

import ast
import hashlib
import json
import sqlite3
import sys
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS component_patterns (component_name TEXT PRIMARY KEY, complete_code TEXT);
CREATE TABLE IF NOT EXISTS code_patterns (id INTEGER PRIMARY KEY, pattern_type TEXT, component_type TEXT,
  pattern_signature TEXT, component_name TEXT, pattern_data TEXT, success_count INTEGER,
  UNIQUE (component_type, pattern_type, pattern_signature));
CREATE TABLE IF NOT EXISTS pattern_history (id INTEGER PRIMARY KEY, at INTEGER, event TEXT, pattern INTEGER,
  component_name TEXT, success_count INTEGER);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (template, code, content = '');
CREATE TABLE IF NOT EXISTS sightings (component_name TEXT, pattern INTEGER, PRIMARY KEY (component_name, pattern))
  WITHOUT ROWID;
"""
KINDS = ("Operator", "Sensor", "Hook", "Trigger", "Notifier")


class Canonical(ast.NodeTransformer):
    def __init__(self, bound):
        self.bound, self.names = bound, {}

    def name(self, name):
        return self.names.setdefault(name, f"V{len(self.names) + 1}") if name in self.bound else name

    def visit_Name(self, node):
        return ast.copy_location(ast.Name(self.name(node.id), node.ctx), node)

    def visit_arg(self, node):
        return ast.copy_location(ast.arg(self.name(node.arg), None), node)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            return ast.copy_location(ast.Constant("$str"), node)
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return ast.copy_location(ast.Name("NUM", ast.Load()), node)
        return node


def is_raise(node):
    return isinstance(node, ast.If) and any(isinstance(child, ast.Raise) for child in node.body)


def is_log(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("self.log.", "log."))


def is_runtime(node):
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "context"


def idioms(module, component):
    """Pairs of a type and a node."""
    for node in ast.walk(module):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield "import", node
    for base in component.bases:
        yield "structural", base
    for member in component.body:
        if isinstance(member, (ast.Assign, ast.AnnAssign)) and "template_fields" in ast.unparse(member):
            yield "template_fields", member
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            for argument in member.args.args + member.args.kwonlyargs:
                yield "parameter_ordering", argument
            for statement in member.body:
                if isinstance(statement, ast.Assign):
                    yield "initialization", statement
    for node in ast.walk(component):
        if is_raise(node):
            yield "validation", node
        elif isinstance(node, ast.ExceptHandler):
            yield "error_handling", node
        elif is_log(node):
            yield "logging", node
        elif is_runtime(node):
            yield "runtime_parameters", node


def bound_names(component):
    names = {node.id for node in ast.walk(component) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in ast.walk(component) if isinstance(node, ast.arg)} - {"self", "context"}


def learn(db, source):
    module = ast.parse(source)
    for component in (node for node in module.body if isinstance(node, ast.ClassDef)):
        kind = next((kind for kind in KINDS if component.name.endswith(kind)), None)
        if not kind:
            continue
        db.execute("INSERT OR REPLACE INTO component_patterns VALUES (?, ?)", (component.name, source))
        bound = bound_names(component)
        for type_, node in idioms(module, component):
            code = ast.unparse(node)
            # Parsed anew: other idioms hold the same nodes. A handler is none without its try.
            before = "try:\n    pass\n" if type_ == "error_handling" else ""
            template = ast.unparse(Canonical(bound).visit(ast.parse(before + code).body[0]))
            signature = hashlib.md5(template.encode()).hexdigest()
            data = json.dumps({"template": template, "code": code, "lines": [node.lineno, node.end_lineno]})
            see(db, component.name, (kind, type_, signature), data, template, code)


def see(db, component, key, data, template, code):
    row = db.execute(
        "SELECT id, success_count FROM code_patterns"
        " WHERE component_type = ? AND pattern_type = ? AND pattern_signature = ?",
        key,
    ).fetchone()
    if not row:
        added = db.execute("INSERT INTO code_patterns VALUES (NULL, ?2, ?1, ?3, ?4, ?5, 0)", (*key, component, data))
        row = (added.lastrowid, 0)
        db.execute("INSERT INTO words (rowid, template, code) VALUES (?, ?, ?)", (row[0], template, code))
    if db.execute("INSERT OR IGNORE INTO sightings VALUES (?, ?)", (component, row[0])).rowcount > 0:
        db.execute("UPDATE code_patterns SET success_count = success_count + 1 WHERE id = ?", row[:1])
        db.execute(
            "INSERT INTO pattern_history VALUES (NULL, ?, 'sighted', ?, ?, ?)",
            (time.time_ns(), row[0], component, row[1] + 1),
        )


def main():
    db = sqlite3.connect(sys.argv[1])
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(SCHEMA)
    for line in sys.stdin:
        with open(line.rstrip("\n"), encoding="utf-8") as file:
            learn(db, file.read())
        db.commit()
        print("learned", flush=True)


if __name__ == "__main__":
    main()
