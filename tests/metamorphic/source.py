"""A module's text, its syntax tree and tokens by byte offset, and edits of it."""

import ast
import io
import re
import tokenize


class Fault(Exception):
    """The tool's own fault: a rewrite that is not what it says."""


class Token:
    __slots__ = ("type", "string", "start", "end", "row")

    def __init__(self, kind, string, start, end, row):
        self.type, self.string, self.start, self.end, self.row = kind, string, start, end, row


class Source:
    """Bytes of UTF-8 without a byte order mark, lines ended by a newline alone."""

    def __init__(self, text):
        self.text = text
        self.tree = ast.parse(text)
        self.lines = [0] + [end.end() for end in re.finditer(b"\n", text)]
        self._tokens = None
        self._dump = None
        self._parents = None

    def offset(self, line, column):
        return self.lines[line - 1] + column

    def span(self, node):
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def at(self, start, end):
        return self.text[start:end].decode()

    def line_of(self, offset):
        low, high = 0, len(self.lines)
        while high - low > 1:
            middle = (low + high) // 2
            if self.lines[middle] <= offset:
                low = middle
            else:
                high = middle
        return low + 1

    @property
    def tokens(self):
        if self._tokens is None:
            decoded = self.text.decode()
            lines = decoded.split("\n")

            def place(position):
                row, column = position
                if row > len(lines):
                    return len(self.text)
                line = lines[row - 1]
                return self.lines[row - 1] + (column if line.isascii() else len(line[:column].encode()))

            found = [
                Token(t.type, t.string, place(t.start), place(t.end), t.start[0])
                for t in tokenize.generate_tokens(io.StringIO(decoded, newline="\n").readline)
            ]
            self._tokens = list(whole_strings(self, found))
        return self._tokens

    @property
    def dump(self):
        """The syntax tree without its layout."""
        if self._dump is None:
            self._dump = ast.dump(self.tree)
        return self._dump

    @property
    def parents(self):
        """The node above each node."""
        if self._parents is None:
            self._parents = {
                child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
            }
        return self._parents

    def above(self, node, *kinds):
        """The nearest node around NODE of one of those kinds, None where there is none."""
        node = self.parents.get(node)
        while node is not None and not isinstance(node, kinds):
            node = self.parents.get(node)
        return node

    def in_format(self, node):
        """True within an f-string, whose positions Python up to 3.11 does not always tell."""
        return isinstance(node, ast.JoinedStr) or self.above(node, ast.JoinedStr) is not None


def whole_strings(source, tokens):
    """The tokens with each f-string as one, as Python before 3.12 has them."""
    depth, first = 0, None
    for token in tokens:
        if token.type == getattr(tokenize, "FSTRING_START", None):
            first = first if depth else token
            depth += 1
        elif token.type == getattr(tokenize, "FSTRING_END", None):
            depth -= 1
            if depth == 0:
                text = source.at(first.start, token.end)
                yield Token(tokenize.STRING, text, first.start, token.end, first.row)
        elif depth == 0:
            yield token


class Step:
    """The smallest part of a rewrite that can be made on its own: edits (start, end, new bytes)."""

    def __init__(self, label, edits):
        self.label, self.edits = label, edits


def apply(source, steps):
    """The text with the edits of all steps made."""
    edits = sorted((e for step in steps for e in step.edits), key=lambda e: (e[0], e[1]))
    parts, past = [], 0
    for start, end, new in edits:
        if start < past:
            raise Fault("edits overlap at byte %d" % start)
        parts += [source.text[past:start], new if isinstance(new, bytes) else new.encode()]
        past = end
    return b"".join(parts + [source.text[past:]])


def same_tree(a, b):
    """Whether two sources are the same program to Python, whatever their layout."""
    return a.dump == b.dump
