"""Changes that Python does not see, or sees as docstrings only: parentheses, commas, lines, indents, comments."""

import ast
import keyword
import re
import tokenize

from source import Fault, Source, Step, apply, same_tree
from texts import docstring_nodes

OPEN, CLOSE = "([{", ")]}"


def neutral(source, steps):
    """Those steps that leave the syntax tree as it is: a parenthesis too many can make a tuple of a tuple."""
    try:
        if same_tree(source, Source(apply(source, steps))):
            return steps
    except (SyntaxError, Fault):
        pass
    if len(steps) <= 1:
        return []
    half = len(steps) // 2
    first, second = neutral(source, steps[:half]), neutral(source, steps[half:])
    return both(source, first, second) if first and second else first or second


def both(source, first, second):
    """Two lists of steps, each neutral; the first alone where they are not so together."""
    try:
        return first + second if same_tree(source, Source(apply(source, first + second))) else first
    except (SyntaxError, Fault):
        return first


# --- parentheses and commas


def is_parenthesizable(source, node):
    if not isinstance(node, ast.expr) or isinstance(node, (ast.Slice, ast.Starred)) or source.in_format(node):
        return False
    above = source.parents[node]
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        return isinstance(node, ast.Tuple) and isinstance(above, (ast.For, ast.Assign, ast.comprehension))
    if isinstance(above, (ast.AnnAssign, ast.arg)) or isinstance(above, ast.pattern):
        return False  # annotations come to their own form
    return not is_annotation(source, node)


def is_annotation(source, node):
    while isinstance(node, ast.expr):
        above = source.parents[node]
        if node is getattr(above, "annotation", None) or node is getattr(above, "returns", None):
            return True
        node = above
    return False


def parenthesize(source, random, share=0.3):
    steps = []
    for node in ast.walk(source.tree):
        if not hasattr(node, "lineno") or not is_parenthesizable(source, node) or random.random() > share:
            continue
        start, end = source.span(node)
        what = "%s in line %d" % (type(node).__name__, node.lineno)
        steps.append(Step("parentheses around " + what, [(start, start, "("), (end, end, ")")]))
    return neutral(source, steps)


def brackets(source):
    """
    Pairs of tokens (open, close), the one before the end, whether they call, define or subscript something, and the
    words and signs right in them.
    """
    stack = []
    tokens = [t for t in source.tokens if t.type not in (tokenize.NL, tokenize.COMMENT)]
    for i, token in enumerate(tokens):
        if stack:
            stack[-1][2].append(token.string)
        if token.type != tokenize.OP:
            continue
        if token.string in OPEN:
            past = tokens[i - 1] if i else token
            is_name = past.type == tokenize.NAME and not keyword.iskeyword(past.string)
            follows = is_name or past.string in (")", "]") or past.type == tokenize.STRING
            stack.append((token, follows, []))
        elif token.string in CLOSE:
            start, follows, words = stack.pop()
            yield start, token, tokens[i - 1], follows, words


def strip_parentheses(source, random):
    """Takes away parentheses that Python can do without."""
    steps = []
    for start, end, _, follows, words in brackets(source):
        if start.string == "(" and start.row == end.row and not follows and not {",", "for", ":="} & set(words):
            edits = [(start.start, start.end, " "), (end.start, end.end, " ")]
            steps.append(Step("no parentheses in line %d" % start.row, edits))
    return neutral(source, random.sample(steps, min(len(steps), 30)))


def commas(source, random):
    """A comma at the end where there is none, and none where there is one."""
    steps = []
    for start, _, last, follows, words in brackets(source):
        if last is start or (start.string == "[" and follows) or "for" in words:
            continue
        if start.string == "(" and not follows and words.count(",") < 2:
            continue  # a comma more or less makes a tuple, or none
        if last.string == ",":
            steps.append(Step("no comma in line %d" % last.row, [(last.start, last.end, "")]))
        else:
            steps.append(Step("comma in line %d" % last.row, [(last.end, last.end, ",")]))
    return neutral(source, steps)


# --- lines


# tree-sitter's grammar may see the end of a block where brackets go on further left than the block stands.
DEEP = " " * 60


def wrap(source, random, share=0.4):
    """Breaks lines within brackets, some with a comment."""
    steps, depth = [], 0
    for token in source.tokens:
        if token.type != tokenize.OP:
            continue
        depth += (token.string in OPEN) - (token.string in CLOSE)
        if (token.string in OPEN or token.string == ",") and depth > 0 and random.random() < share:
            new = random.choice(("\n", "\n\n", "  # wrapped, (here\n", "\\\n")) + DEEP
            steps.append(Step("a line break in line %d" % token.row, [(token.end, token.end, new)]))
    return neutral(source, steps)


def unwrap(source, random):
    """Makes one line of what stands in brackets."""
    steps, depth = [], 0
    for i, token in enumerate(source.tokens):
        if token.type == tokenize.OP:
            depth += (token.string in OPEN) - (token.string in CLOSE)
        if token.type == tokenize.NL and depth and source.tokens[i - 1].type not in (tokenize.COMMENT, tokenize.NL):
            after = next((t for t in source.tokens[i + 1 :] if t.type != tokenize.NL), None)
            if after is not None and after.type != tokenize.COMMENT:
                edits = [(token.start, after.start, " ")]
                if not re.search(rb"\S", source.text[token.start : after.start]):
                    steps.append(Step("a joined line %d" % token.row, edits))
    return neutral(source, steps)


def spaces(source, random, share=0.3):
    """More white space between tokens of a line."""
    steps = []
    for past, token in zip(source.tokens, source.tokens[1:]):
        # The grammar knows `except*` as one word.
        words = past.type in (tokenize.NAME, tokenize.OP) and token.type in (tokenize.NAME, tokenize.OP)
        if words and past.string != "except" and past.row == token.row and random.random() < share:
            new = random.choice((" ", "  ", "\t"))
            steps.append(Step("a space in line %d" % token.row, [(past.end, past.end, new)]))
    return neutral(source, steps)


def one_line_blocks(source, random):
    """`if a: b`, and simple statements that share a line."""
    steps = []
    for node in ast.walk(source.tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body and all(is_one_line(source, s) for s in body):
                step = joined(source, node, body)
                if step:
                    steps.append(step)
    return neutral(source, steps)


def is_one_line(source, node):
    return not hasattr(node, "body") and not isinstance(node, ast.Match) and node.lineno == node.end_lineno


def joined(source, node, body):
    start, end = source.span(body[0])[0], source.span(body[-1])[1]
    before = source.text[:start].rstrip()
    # tree-sitter's grammar loses its way after some one-line defs.
    if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)) or not before.endswith(b":"):
        return None
    if b"#" in source.text[before.rfind(b"\n") : end]:
        return None
    text = b"; ".join(source.text[slice(*source.span(s))] for s in body)
    return Step("one line for the block in line %d" % body[0].lineno, [(len(before), end, b" " + text)])


def has_continuations(source):
    """Whether some line goes on within brackets."""
    depth = 0
    for token in source.tokens:
        if token.type == tokenize.OP:
            depth += (token.string in OPEN) - (token.string in CLOSE)
        elif token.type == tokenize.NL and depth:
            return True
    return False


def reindent(source, random):
    """Other indents: tabs, two spaces, eight."""
    unit = random.choice(("  ", " ", "\t", "        "))
    if has_continuations(source):
        unit = random.choice(("  ", " "))  # see DEEP
    edits, depth, fresh = [], 0, True
    for token in source.tokens:
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type in (tokenize.NL, tokenize.COMMENT):
            continue
        elif fresh and token.type != tokenize.ENDMARKER:
            start = source.lines[token.row - 1]
            if start < token.start and not source.text[start : token.start].strip():
                edits.append((start, token.start, unit * depth))
            fresh = False
        if token.type == tokenize.NEWLINE:
            fresh = True
    return neutral(source, [Step("indents", edits)])


# --- comments, docstrings


def statements(source):
    """Statements that begin their line, with the body that holds them."""
    for node in ast.walk(source.tree):
        for field in ("body", "orelse", "finalbody", "handlers"):
            body = getattr(node, field, None)
            for statement in body if isinstance(body, list) else []:
                line = min([statement.lineno] + [d.lineno for d in getattr(statement, "decorator_list", [])])
                start = source.lines[line - 1]
                indent = source.text[start : source.span(statement)[0]]
                if line == statement.lineno and not indent.strip():
                    yield statement, start, indent.decode()


def comment(source, random, share=0.5):
    """Comments and blank lines before statements and behind them."""
    steps = []
    for statement, start, indent in statements(source):
        if random.random() > share:
            continue
        new = random.choice(
            (indent + "# reworded: why, and (what\n", "\n\n", "# at the margin\n", indent + "  # deeper\n\n")
        )
        steps.append(Step("a comment before line %d" % statement.lineno, [(start, start, new)]))
    for token in source.tokens:
        if token.type == tokenize.NEWLINE and source.text[token.start : token.end] == b"\n" and random.random() < 0.2:
            steps.append(Step("a comment in line %d" % token.row, [(token.start, token.start, "  # noqa: 'x'")]))
    return neutral(source, steps)


def uncomment(source, random):
    """Takes all comments away."""
    steps = []
    for token in source.tokens:
        if token.type == tokenize.COMMENT:
            steps.append(Step("no comment in line %d" % token.row, [(token.start, token.end, "")]))
    return neutral(source, steps)


def docstrings(source, random):
    """A docstring where there is none, none where there is one."""
    steps = []
    have = {source.parents[source.parents[n]]: n for n in docstring_nodes(source.tree)}
    for node in ast.walk(source.tree):
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[0]
        start = source.lines[first.lineno - 1]
        indent = source.text[start : source.span(first)[0]]
        if indent.strip():
            continue
        label = "docstring of %s" % node.name
        if node in have:
            if len(node.body) > 1:
                steps.append(Step("no " + label, [(source.span(first)[0], source.span(first)[1], "\n" )]))
        elif not getattr(first, "decorator_list", None):
            new = indent.decode() + random.choice(('"""What it does: `x = {{ y }}`."""\n', "'One line.'\n"))
            steps.append(Step(label, [(start, start, new)]))
    return steps


def byte_order_mark(source, random):
    return [Step("a byte order mark", [(0, 0, "\ufeff")])]


def carriage_returns(source, random):
    edits = [(i, i + 1, "\r\n") for i, byte in enumerate(source.text) if byte == 10]
    return [Step("lines that end in CR LF", edits)]
