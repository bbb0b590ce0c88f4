"""Rewords strings, changes how they are quoted, changes numbers."""

import ast
import re
import tokenize

from naming import last_name
from scopes import Scopes
from source import Step

LOOKUPS = ("get", "pop", "setdefault")
SOURCES = ("context", "params", "conf", "dag_run", "conn", "extra_dejson", "Variable")
STRING = re.compile(r"""([a-zA-Z]*)('''|\"""|'|")(.*)\2$""", re.S)


def split_literal(text):
    """A literal's prefix, quotes and inside."""
    return STRING.match(text).groups()


# --- which strings are names


def is_lookup(scopes, node):
    """Whether the expression is looked into by key: context, params, conf, a parameter `**kwargs`."""
    if scopes.is_keywords(node):
        return True
    name = node.slice.value if is_keyed(node) else last_name(node.func if isinstance(node, ast.Call) else node)
    name = scopes.imported_name(node) or name
    return name in SOURCES or str(name).endswith("context")


def is_keyed(node):
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)


def key_nodes(scopes, node):
    """The expressions of NODE that are keys of look-ups."""
    if isinstance(node, ast.Subscript) and is_lookup(scopes, node.value):
        yield node.slice
    elif isinstance(node, ast.Compare) and any(is_lookup(scopes, c) for c in node.comparators):
        yield node.left
    elif isinstance(node, ast.Call):
        name = last_name(node.func) or ""
        if name in ("xcom_pull", "xcom_push", "get_connection"):
            yield from node.args
            yield from (k.value for k in node.keywords if k.arg == "key")
        elif isinstance(node.func, ast.Attribute) and is_lookup(scopes, node.func.value):
            if name in LOOKUPS or name.startswith("get"):
                yield from node.args


def kept_strings(source):
    """Strings that are names: keys of look-ups, template fields, annotations, what holds Jinja."""
    kept, scopes = set(), Scopes(source)

    def keep(node):
        kept.update(n for n in ast.walk(node) if isinstance(n, ast.Constant))

    for node in ast.walk(source.tree):
        for key in key_nodes(scopes, node):
            if isinstance(key, ast.Constant):
                keep(key)
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if annotation is not None:
            keep(annotation)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(last_name(t) == "template_fields" for t in targets):
                keep(node.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\{\{|\{%", node.value):
            kept.add(node)
    return kept


def string_tokens(source, nodes):
    """The tokens that those nodes are made of."""
    places = [source.span(n) for n in nodes if not source.in_format(n)]
    return {
        t.start for t in source.tokens if t.type == tokenize.STRING for s, e in places if s <= t.start and t.end <= e
    }


def rewordable(source):
    kept = string_tokens(source, [n for n in kept_strings(source) if isinstance(n.value, (str, bytes))])
    for token in source.tokens:
        if token.type == tokenize.STRING and token.start not in kept and not re.search(r"\{\{|\{%", token.string):
            yield token


# --- rewrites


def reword(source, random):
    """Another text: more of it, or where nothing is put into it, nothing of the old."""
    steps = []
    for token in rewordable(source):
        prefix, quotes, inside = split_literal(token.string)
        word = random.choice(("reworded", "Another text, of several words", "x"))
        if "f" not in prefix.lower() and not re.search(r"[%{\\]", inside) and random.random() < 0.5:
            new = word
        else:
            new = word + " " + inside
        steps.append(Step("text in line %d" % token.row, [(token.start, token.end, prefix + quotes + new + quotes)]))
    return steps


def requote(source, random):
    """Other quotes and idle prefixes, for every string that has neither quotes nor backslashes in it."""
    steps = []
    for token in source.tokens:
        if token.type != tokenize.STRING:
            continue
        prefix, quotes, inside = split_literal(token.string)
        if re.search(r"""['"\\\n]""", inside) or not inside:
            continue
        new_quotes = random.choice([q for q in ("'", '"', "'''", '"""') if q != quotes])
        if not prefix:
            prefix = random.choice(("", "", "u", "r", "R"))
        elif prefix.lower() in ("f", "b"):
            prefix = random.choice((prefix.upper(), "r" + prefix, prefix + "R"))
        new = prefix + new_quotes + inside + new_quotes
        steps.append(Step("quotes in line %d" % token.row, [(token.start, token.end, new)]))
    return steps


def split_strings(source, random):
    """One literal in two: "ab" becomes ("a" "b"), where the string is not a name."""
    steps = []
    kept = {source.span(n)[0] for n in docstring_nodes(source.tree)} | beside_strings(source)
    kept |= string_tokens(source, [n for n in ast.walk(source.tree) if isinstance(n, ast.pattern)])
    for token in rewordable(source):
        prefix, quotes, inside = split_literal(token.string)
        if re.search(r"""['"\\\n{}%]""", inside) or len(inside) < 2 or token.start in kept:
            continue
        middle = random.randrange(1, len(inside))
        first, second = (prefix + quotes + part + quotes for part in (inside[:middle], inside[middle:]))
        new = "(%s %s)" % (first, second)
        steps.append(Step("a split text in line %d" % token.row, [(token.start, token.end, new)]))
    return steps


def beside_strings(source):
    """Strings that stand beside another and make one with it."""
    tokens = [t for t in source.tokens if t.type not in (tokenize.NL, tokenize.COMMENT)]
    pairs = [(a, b) for a, b in zip(tokens, tokens[1:]) if a.type == b.type == tokenize.STRING]
    return {t.start for pair in pairs for t in pair}


def change_numbers(source, random):
    """Other numbers of another size and spelling."""
    steps = []
    kept = annotation_numbers(source)
    for token in source.tokens:
        if token.type != tokenize.NUMBER or token.start in kept or token.string[-1] in "jJ":
            continue
        if re.search(r"[.eE]", token.string) and not token.string.lower().startswith("0x"):
            new = random.choice(("2.75", "1e-3", ".5"))
        else:
            new = random.choice(("7", "1_234", "0x1F", "0o17", "0b11"))
        steps.append(Step("number in line %d" % token.row, [(token.start, token.end, new)]))
    return steps


def annotation_numbers(source):
    found = set()
    for node in ast.walk(source.tree):
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if annotation is not None:
            start, end = source.span(annotation)
            found.update(t.start for t in source.tokens if t.type == tokenize.NUMBER and start <= t.start < end)
    return found


def docstring_nodes(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(first.value.value, str):
                    yield first.value
