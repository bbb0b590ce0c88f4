"""
Which name is which binding, told by Python's own symtable.

A binding is a name in the scope that owns it; its occurrences are the byte
offsets where it stands. This is an oracle for the extractor's scopes, and
shares nothing with them.
"""

import ast
import builtins
import keyword
import symtable
import tokenize

from source import Fault

COMPREHENSIONS = {
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.DictComp: "dictcomp",
    ast.GeneratorExp: "genexpr",
}


class Scope:
    def __init__(self, table, parent, node):
        self.table, self.parent, self.node = table, parent, node
        self.kind = table.get_type() if isinstance(table.get_type(), str) else table.get_type().value
        self.depth = parent.depth + 1 if parent else 0
        self.unmatched = list(table.get_children())

    def child(self, node, name, line):
        for table in self.unmatched:
            if table.get_name() == name and table.get_lineno() == line:
                self.unmatched.remove(table)
                return Scope(table, self, node)
        raise Fault("no scope for %s in line %d" % (name, line))

    def class_name(self):
        scope = self
        while scope and scope.kind != "class":
            scope = scope.parent
        return scope.table.get_name() if scope else None

    def symbol(self, name):
        if name.startswith("__") and not name.endswith("__") and self.class_name():
            name = "_" + self.class_name().lstrip("_") + name
        try:
            return self.table.lookup(name)
        except KeyError:
            return None


class Binding:
    def __init__(self, scope, name):
        self.scope, self.name = scope, name
        self.places = []  # (start, end) of each occurrence
        self.uses = []  # (scope, node) of each
        self.is_import = self.is_aliased = self.is_class = self.is_def = self.is_parameter = False
        self.imported = None  # the last name of what is imported
        self.is_keywords = False  # a parameter that takes all other keywords
        self.lost = False  # an occurrence whose place is not known
        self.values = []  # what it is assigned
        self.definitions = []  # defs and classes of that name


class Scopes(ast.NodeVisitor):
    def __init__(self, source):
        self.source = source
        self.bindings = {}
        self.names = {}  # node -> binding, of Name nodes
        self.self_of = {}  # binding of a method's first parameter -> class node
        self.scope_of = {}  # class or def -> its own scope
        self.globals = []
        self.words = {}
        for i, token in enumerate(source.tokens):
            if token.type == tokenize.NAME:
                self.words[token.start] = i
        self.scope = Scope(symtable.symtable(source.text.decode(), "module", "exec"), None, source.tree)
        self.module = self.scope
        for statement in source.tree.body:
            self.visit(statement)

    # --- bindings

    def owner(self, scope, name):
        start = scope
        while scope is not None:
            symbol = scope.symbol(name)
            if scope.kind == "class" and scope is not start:
                scope = scope.parent
                continue
            if symbol is not None:
                if scope is self.module:
                    return scope if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace() else None
                if symbol.is_declared_global():
                    return self.module
                if symbol.is_local():
                    return scope
            scope = scope.parent
        return None

    def use(self, name, place, node, scope=None):
        """Notes an occurrence of NAME; its binding, None for builtins and what comes by a wildcard."""
        scope = scope or self.scope
        owner = self.owner(scope, name)
        if owner is None:
            return None
        binding = self.bindings.setdefault((id(owner), name), Binding(owner, name))
        binding.uses.append((scope, node))
        if place is None or self.source.at(*place) != name:
            binding.lost = True
        else:
            binding.places.append(place)
        return binding

    def word_after(self, offset, name, *before):
        """The place of the word NAME behind one of the words BEFORE, from OFFSET on."""
        tokens = self.source.tokens
        past = None
        for token in tokens[self.token_at(offset) :]:
            if token.type == tokenize.NAME and token.string == name and past in before:
                return token.start, token.end
            past = token.string
        return None

    def token_at(self, offset):
        tokens = self.source.tokens
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high) // 2
            if tokens[middle].start < offset:
                low = middle + 1
            else:
                high = middle
        return low

    # --- scopes

    def inside(self, scope, nodes):
        outer, self.scope = self.scope, scope
        for node in nodes:
            if node is not None:
                self.visit(node)
        self.scope = outer

    def arguments(self, args):
        found = args.posonlyargs + args.args + [args.vararg] + args.kwonlyargs + [args.kwarg]
        return [a for a in found if a is not None]

    def bind_arguments(self, args, scope):
        bindings = []
        for arg in self.arguments(args):
            start = self.source.span(arg)[0]
            binding = self.use(arg.arg, (start, start + len(arg.arg.encode())), arg, scope)
            binding.is_parameter = True
            binding.is_keywords = binding.is_keywords or arg is args.kwarg
            bindings.append(binding)
        return bindings

    def visit_FunctionDef(self, node):
        start = self.source.span(node)[0]
        binding = self.use(node.name, self.word_after(start, node.name, "def"), node)
        if binding:
            binding.is_def = True
            binding.definitions.append(node)
        for default in node.args.defaults + [d for d in node.args.kw_defaults if d] + node.decorator_list:
            self.visit(default)
        for note in [a.annotation for a in self.arguments(node.args)] + [node.returns]:
            if note is not None:
                self.visit(note)
        scope = self.scope.child(node, node.name, node.lineno)
        self.scope_of[node] = scope
        bindings = self.bind_arguments(node.args, scope)
        positional = node.args.posonlyargs + node.args.args
        if self.scope.kind == "class" and positional and not self.is_static(node):
            self.self_of[bindings[0]] = self.scope.node
        self.inside(scope, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    @staticmethod
    def is_static(node):
        return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)

    def visit_ClassDef(self, node):
        start = self.source.span(node)[0]
        binding = self.use(node.name, self.word_after(start, node.name, "class"), node)
        if binding:
            binding.is_class = True
            binding.definitions.append(node)
        for part in node.decorator_list + node.bases + node.keywords:
            self.visit(part)
        scope = self.scope.child(node, node.name, node.lineno)
        self.scope_of[node] = scope
        self.inside(scope, node.body)

    def visit_Lambda(self, node):
        for default in node.args.defaults + [d for d in node.args.kw_defaults if d]:
            self.visit(default)
        scope = self.scope.child(node, "lambda", node.lineno)
        if self.source.in_format(node):
            for arg in self.arguments(node.args):
                self.use(arg.arg, None, arg, scope)
        else:
            self.bind_arguments(node.args, scope)
        self.inside(scope, [node.body])

    def visit_comprehension_expression(self, node):
        first = node.generators[0]
        self.visit(first.iter)
        scope = self.scope.child(node, COMPREHENSIONS[type(node)], node.lineno)
        parts = [first.target] + first.ifs
        for generator in node.generators[1:]:
            parts += [generator.iter, generator.target] + generator.ifs
        parts += [node.value, node.key] if isinstance(node, ast.DictComp) else [node.elt]
        self.inside(scope, parts)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_expression

    # --- names

    def visit_Name(self, node):
        start, end = self.source.span(node)
        self.names[node] = self.use(node.id, (start, end), node)

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name) and self.names[target]:
                self.names[target].values.append(node.value)

    def visit_ExceptHandler(self, node):
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.use(node.name, self.word_after(self.source.span(node.type)[1], node.name, "as"), node)
        for statement in node.body:
            self.visit(statement)

    def imported_name(self, node):
        """The name that the Name NODE was imported by, None where it was not imported."""
        binding = self.binding_of(node)
        return binding.imported if binding else None

    def bind_alias(self, node, name, has_alias):
        start, end = self.source.span(node)
        place = (end - len(name.encode()), end) if has_alias else (start, start + len(name.encode()))
        binding = self.use(name, place, node)
        if binding:
            binding.is_aliased = binding.is_aliased or has_alias
            binding.imported = node.name.split(".")[-1]
            if not has_alias:
                binding.is_import = True

    def visit_Import(self, node):
        for alias in node.names:
            self.bind_alias(alias, alias.asname or alias.name.split(".")[0], bool(alias.asname))

    def visit_ImportFrom(self, node):
        for alias in node.names:
            if alias.name != "*":
                self.bind_alias(alias, alias.asname or alias.name, bool(alias.asname))

    def visit_Global(self, node):
        start, end = self.source.span(node)
        for name in node.names:
            self.use(name, self.word_between(start, end, name), node)

    visit_Nonlocal = visit_Global

    def word_between(self, start, end, name):
        for token in self.source.tokens[self.token_at(start) :]:
            if token.start >= end:
                return None
            if token.type == tokenize.NAME and token.string == name:
                return token.start, token.end
        return None

    def visit_MatchAs(self, node):
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name is not None:
            end = self.source.span(node)[1]
            self.use(node.name, (end - len(node.name.encode()), end), node)

    def visit_MatchStar(self, node):
        if node.name is not None:
            end = self.source.span(node)[1]
            self.use(node.name, (end - len(node.name.encode()), end), node)

    def visit_MatchMapping(self, node):
        self.generic_visit(node)
        if node.rest is not None:
            start = max([self.source.span(n)[1] for n in node.patterns], default=self.source.span(node)[0])
            self.use(node.rest, self.word_after(start, node.rest, "**"), node)

    # --- questions

    def binding_of(self, node):
        return self.names.get(node) if isinstance(node, ast.Name) else None

    def is_keywords(self, node):
        binding = self.binding_of(node)
        return binding is not None and binding.is_keywords

    def class_of(self, node):
        """The class that the expression NODE is an instance of (self), or is; None where it is neither."""
        binding = self.binding_of(node)
        if binding is None:
            return None
        if binding in self.self_of:
            return self.self_of[binding]
        if binding.is_class and len(binding.definitions) == 1 and not (binding.is_import or binding.is_aliased):
            return binding.definitions[0]
        return None

    def is_ambiguous(self, binding):
        """A class's name that its body may mean otherwise before it is bound, and the name that it may mean."""
        if binding.scope.kind == "class":
            outer = self.owner(binding.scope.parent, binding.name) if binding.scope.parent else None
            return outer is not None or hasattr(builtins, binding.name)
        return any(
            other is not binding and other.name == binding.name and other.scope.kind == "class"
            for other in self.bindings.values()
        )


def is_identifier(name):
    return name.isidentifier() and not keyword.iskeyword(name)
