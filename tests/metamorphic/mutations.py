"""
Changes of one thing that means something, each of which must change a unit.

A kind of mutation is a function that goes through the sites of a module. A
site has alternatives, for the first may by chance make what the component has
elsewhere already: one that changes the unit is enough.
"""

import ast

from naming import last_name
from scopes import Scopes
from source import Step

ORDER = ("parameter_ordering", "parameter_ordering_pattern")
DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAIN = {
    "SensorOperator": "poke", "Operator": "execute", "Sensor": "poke", "Hook": "get_conn", "Trigger": "run",
    "Notifier": "notify",
}
SIMPLE = (ast.Expr, ast.Assign, ast.Return, ast.Raise, ast.Pass, ast.Assert, ast.Delete)
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


class Mutation:
    """UNIT is (type, name); the signatures of the types in STAYS must not change."""

    def __init__(self, label, node, unit, alternatives, stays=()):
        self.label, self.node, self.unit = label, node, unit
        self.alternatives = [Step(label, edits) for edits in alternatives]
        self.stays = stays


class Site:
    """A module, and short words for asking and editing it."""

    def __init__(self, source):
        self.source, self.scopes = source, Scopes(source)
        self.classes = [
            n for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef) and not source.above(n, ast.ClassDef)
        ]

    def walk(self, *kinds):
        """Nodes of those kinds in classes, without those in f-strings."""
        for node in ast.walk(self.source.tree):
            if isinstance(node, kinds) and self.source.above(node, ast.ClassDef) and not self.source.in_format(node):
                yield node

    def replace(self, node, text):
        return [(*self.source.span(node), text)]

    def text(self, node):
        return self.source.at(*self.source.span(node))

    def methods(self, name):
        """Each class's last def of that name, less overloads."""
        for node in self.classes:
            found = [d for d in node.body if isinstance(d, DEFS) and d.name == name and not is_overload(d)]
            if found:
                yield node, found[-1]


def is_overload(definition):
    return any(last_name(d) == "overload" for d in definition.decorator_list)


# --- errors


def raises(site):
    """The type of what is raised."""
    for node in site.walk(ast.Raise):
        value = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(value, (ast.Name, ast.Attribute)):
            yield Mutation("another exception raised", node, ("error_handling", "raise"),
                           [site.replace(value, "MutantError()" if value is node.exc else "MutantError")],
                           ("structural", "template_fields", "parameter_ordering", "logging", "execution"))


def raise_arguments(site):
    for node in site.walk(ast.Raise):
        if isinstance(node.exc, ast.Call):
            end = site.source.span(node.exc)[1] - 1
            lead = ", " if node.exc.args or node.exc.keywords else ""
            if site.source.text[:end].rstrip().endswith(b","):
                lead = ""
            yield Mutation("a further argument of an exception", node, ("error_handling", "raise"),
                           [[(end, end, lead + "mutant=1")]],
                           ("structural", "template_fields", "parameter_ordering", "validation", "execution"))


def handlers(site):
    for node in site.walk(ast.ExceptHandler):
        if node.type is not None:
            yield Mutation("another exception handled", node, ("error_handling", "exception_handler"),
                           [site.replace(node.type, "MutantError")],
                           ("structural", "template_fields", "parameter_ordering", "logging", "validation"))


def handler_order(site):
    """Two statements of a handler that do different things change places."""
    for node in site.walk(ast.ExceptHandler):
        for a, b in zip(node.body, node.body[1:]):
            one_line = a.lineno == a.end_lineno != b.lineno == b.end_lineno
            ends = isinstance(a, ast.Expr) and isinstance(b, (ast.Raise, ast.Return))
            if one_line and ends and action(a) != action(b):
                yield Mutation("two actions of a handler change places", node, ("error_handling", "exception_handler"),
                               [site.replace(a, site.text(b)) + site.replace(b, site.text(a))],
                               ("structural", "template_fields", "parameter_ordering", "logging", "validation"))


def action(node):
    value = getattr(node, "value", None)
    name = last_name(value.func) if isinstance(value, ast.Call) else None
    return type(node), type(value), name if name in LEVELS else None


def handler_actions(site):
    """One thing more that a handler does."""
    for node in site.walk(ast.ExceptHandler):
        first = node.body[0]
        if first.lineno != node.lineno and not getattr(first, "decorator_list", None):
            start = site.source.span(first)[0]
            yield Mutation("a further action of a handler", node, ("error_handling", "exception_handler"),
                           [[(start, start, "del mutant; ")] if isinstance(first, SIMPLE) else
                            [(start, start, "del mutant\n" + " " * first.col_offset)]],
                           ("structural", "template_fields", "parameter_ordering", "logging"))


# --- validation


def guards(site):
    """Branches that end in an exception, their conditions."""
    for node in site.walk(ast.If):
        if isinstance(node.body[-1], ast.Raise):
            yield node, node.test


OPPOSITE = {ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.In: "not in",
            ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is"}
STAY_GUARD = ("structural", "parameter_ordering", "logging", "error_handling")


def guard_checks(site):
    for node, test in guards(site):
        unit = ("validation", "guard")
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = site.text(test.operand)
            checks = ("is None", "is MUTANT", "> MUTANT")
            yield Mutation("`not x` becomes `x is None`", node, unit,
                           [site.replace(test, "(%s) %s" % (inner, check)) for check in checks], STAY_GUARD)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            start, end = site.source.span(test.left)[1], site.source.span(test.comparators[0])[0]
            lead, tail = site.source.at(start, end), ""
            lead, tail = lead[: len(lead) - len(lead.lstrip(") "))], lead[len(lead.rstrip("( ")) :]
            signs = [OPPOSITE[type(test.ops[0])], "is MUTANT is"]
            yield Mutation("another comparison in a guard", node, unit,
                           [[(start, end, "%s %s %s" % (lead, sign, tail))] for sign in signs], STAY_GUARD)
        if isinstance(test, ast.BoolOp):
            start, end = site.source.span(test)
            yield Mutation("a further condition of a guard", node, unit,
                           [[(start, start, "MUTANT and ("), (end, end, ")")]], STAY_GUARD)
        raised = node.body[-1].exc
        value = raised.func if isinstance(raised, ast.Call) else raised
        if isinstance(value, ast.Name):
            yield Mutation("another exception of a guard", node, unit, [site.replace(value, "MutantError")],
                           ("structural", "parameter_ordering", "logging"))


# --- parameters


def parameters(site):
    for _, init in site.methods("__init__"):
        args = init.args
        positional = args.posonlyargs + args.args
        first_default = len(positional) - len(args.defaults)
        if args.kwonlyargs:
            for arg, default in zip(args.kwonlyargs, args.kw_defaults):
                yield from change_parameter(site, init, arg, default)
        elif args.defaults and first_default > 0:
            yield from change_parameter(site, init, positional[first_default], args.defaults[0])
        if len(positional) > 1 and not args.defaults:
            yield from change_parameter(site, init, positional[-1], None)
        for arg, default in zip(positional[first_default:], args.defaults):
            yield Mutation("another default of %s" % arg.arg, init, ("parameter_ordering", "parameter"),
                           [site.replace(default, "MUTANT")],
                           ("structural", "template_fields", "logging", "validation"))
        for arg in positional[1:] + args.kwonlyargs:
            end = site.source.span(arg)[1]
            start = site.source.span(arg.annotation)[0] if arg.annotation else end
            yield Mutation("another annotation of %s" % arg.arg, init, ("parameter_ordering", "parameter"),
                           [[(start, end, "Mutant" if arg.annotation else ": Mutant")]],
                           ("structural", "template_fields", "logging", "validation", "initialization"))


def change_parameter(site, init, arg, default):
    """Required becomes optional, and back."""
    end = site.source.span(arg)[1]
    stop = site.source.span(default)[1] if default is not None else end
    while default is not None and site.source.text[end:stop].count(b"(") > site.source.text[end:stop].count(b")"):
        stop = site.source.text.index(b")", stop) + 1
    label = "%s becomes %s" % (arg.arg, "optional" if default is None else "required")
    yield Mutation(label, init, ORDER, [[(end, stop, "=None" if default is None else "")]],
                   ("structural", "template_fields", "logging", "validation", "initialization"))


def parameter_order(site):
    """A required and an optional keyword change places."""
    for _, init in site.methods("__init__"):
        pairs = list(zip(init.args.kwonlyargs, init.args.kw_defaults))
        for (a, x), (b, y) in zip(pairs, pairs[1:]):
            if (x is None) != (y is None):
                first = (site.source.span(a)[0], site.source.span(x or a)[1])
                second = (site.source.span(b)[0], site.source.span(y or b)[1])
                yield Mutation("two parameters change places", init, ORDER,
                               [[(*first, site.source.at(*second)), (*second, site.source.at(*first))]],
                               ("structural", "template_fields", "logging", "validation", "initialization"))


# --- logging


def is_log_call(node):
    value = node.func.value if isinstance(node.func, ast.Attribute) else None
    return value is not None and node.func.attr in LEVELS and last_name(value) in ("log", "logger")


def log_levels(site):
    for node in site.walk(ast.Call):
        if is_log_call(node):
            end = site.source.span(node.func)[1]
            start = end - len(node.func.attr)
            yield Mutation("another log level", node, ("logging", "log_call"),
                           [[(start, end, level)] for level in LEVELS if level != node.func.attr],
                           ("structural", "template_fields", "parameter_ordering", "validation", "execution"))
            if node.args:
                place = site.source.span(node.args[0])[0]
                yield Mutation("a further argument of a log call", node, ("logging", "log_call"),
                               [[(place, place, "MUTANT(), [], ")]],
                               ("structural", "template_fields", "parameter_ordering", "validation", "error_handling"))


# --- imports


def imports(site):
    """What the first component that uses an import imports, by another name and from another module."""
    for node in ast.walk(site.source.tree):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or getattr(node, "module", "") == "__future__":
            continue
        if site.source.above(node, *DEFS, ast.ClassDef):
            continue
        for alias in node.names:
            user = first_user(site, alias)
            if user is None:
                continue
            start, end = site.source.span(alias)
            handled = site.source.above(node, ast.Try) is not None
            unit = ("import", "dual_import" if handled and is_dual(site, node) else "import_item")
            bound = alias.asname or alias.name.split(".")[0]
            # A class that tells a component's type tells the same type still.
            new = "mutant_module" if isinstance(node, ast.Import) else "Mutant" + alias.name
            if not (isinstance(node, ast.Import) and "." in alias.name and not alias.asname):
                yield Mutation("another name imported", user, unit, [[(start, end, "%s as %s" % (new, bound))]],
                               ())
            if isinstance(node, ast.ImportFrom) and node.module:
                first = site.source.span(node)[0]
                place = site.scopes.word_after(first, node.module.split(".")[-1], "from", ".")
                if place and place[1] < start:
                    yield Mutation("another module imported from", user, unit, [[(place[1], place[1], "_mutant")]],
                                   ("structural", "template_fields", "parameter_ordering", "logging"))


def is_dual(site, node):
    handler = site.source.above(node, ast.Try)
    return handler is not None and site.source.parents[node] is handler and all(
        any(isinstance(s, (ast.Import, ast.ImportFrom)) for s in h.body) for h in handler.handlers[:1]
    )


def first_user(site, alias):
    """The first outermost class whose body names what ALIAS binds."""
    for binding in site.scopes.bindings.values():
        for _, node in binding.uses:
            if node is alias:
                return next((c for c in (outermost_class(site, n) for _, n in binding.uses) if c is not None), None)
    return None


def outermost_class(site, node):
    found = None
    while node is not None:
        if isinstance(node, ast.ClassDef):
            found = node
        node = site.source.parents.get(node)
    return found


# --- the class


def decorators(site):
    for node in site.classes:
        start = site.source.lines[node.lineno - 1]
        indent = site.source.text[start : site.source.span(node)[0]]
        if not indent.strip():
            yield Mutation("a decorator of %s" % node.name, node, ("structural", "structural_pattern"),
                           [[(start, start, indent.decode() + "@mutant\n")]],
                           ("execution", "initialization", "logging", "template_fields", "validation"))


def bases(site):
    for node in site.classes:
        for base in node.bases:
            name = last_name(base)
            if name and name.endswith(("Operator", "Hook", "Sensor", "Trigger", "Notifier")):
                yield Mutation("another base of %s" % node.name, node, ("structural", "structural_pattern"),
                               [site.replace(base, "Mutant" + name)],
                               ("parameter_ordering", "logging", "template_fields"))
                break


def known_members(site):
    """A method of Airflow's that the class does not have yet."""
    for node in site.classes:
        names = {d.name for d in node.body if isinstance(d, DEFS)}
        last = node.body[-1]
        if "on_kill" not in names and last.lineno != node.lineno and not site.source.in_format(last):
            indent = " " * last.col_offset
            end = site.source.span(last)[1]
            line = site.source.text[site.source.lines[last.lineno - 1] :]
            if site.source.text[end : end + 1] == b"\n" and not line.startswith(b"\t"):
                yield Mutation("on_kill in %s" % node.name, node, ("structural", "structural_pattern"),
                               [[(end, end, "\n%sdef on_kill(self): ..." % indent)]],
                               ("initialization", "logging", "template_fields", "validation", "execution"))


def template_fields(site):
    for node in site.classes:
        for statement in node.body:
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
                continue
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if last_name(target) != "template_fields" or not isinstance(statement.value, (ast.Tuple, ast.List)):
                continue
            value = statement.value
            for field in value.elts[:1]:
                if isinstance(field, ast.Constant):
                    yield Mutation("another template field", statement, ("template_fields", "template_field"),
                                   [site.replace(field, "'mutant'")],
                                   ("structural", "initialization", "logging", "execution"))
            start, end = site.source.span(value)
            if site.source.text[start : start + 1] in (b"(", b"["):
                yield Mutation("another form of template_fields", statement,
                               ("template_fields", "template_fields_pattern"), [site.replace(value, "MUTANT")],
                               ("structural", "initialization", "logging", "execution"))


# --- the run


def mains(site):
    for node in site.classes:
        names = [last_name(b) or "" for b in node.bases] + [node.name]
        kind = next((k for n in names for k in MAIN if n.endswith(k)), None)
        for owner, main in site.methods(MAIN.get(kind)):
            if owner is node:
                yield node, main


def executions(site):
    stays = ("structural", "template_fields", "parameter_ordering", "logging", "validation", "initialization")
    unit = ("execution", "execution_pattern")
    for _, main in mains(site):
        start, end = site.source.span(main)
        if isinstance(main, ast.FunctionDef):
            yield Mutation("an async main method", main, unit, [[(start, start, "async ")]], stays)
        else:
            yield Mutation("a main method that is not async", main, unit, [[(start, start + len("async "), "")]], stays)
        last = main.args.args[-1] if main.args.args else None
        if last is not None and not main.args.defaults:
            end = site.source.span(last)[1]
            yield Mutation("an optional parameter of the main method", main, unit,
                           [[(end, end, ", mutant=None")]], stays)


SHAPES = ("mutant()", "1", "mutant", "mutant.x", "a < b", "a + b", "None")


def returns(site):
    """Another shape of what the main method returns."""
    for _, main in mains(site):
        for node in ast.walk(main):
            if isinstance(node, ast.Return) and node.value and site.source.above(node, *DEFS, ast.Lambda) is main:
                yield Mutation("another thing returned", node, ("execution", "execution_pattern"),
                               [site.replace(node.value, new) for new in SHAPES],
                               ("structural", "template_fields", "parameter_ordering", "validation"))


def context_keys(site):
    for node in site.walk(ast.Subscript):
        if isinstance(node.value, ast.Name) and node.value.id == "context" and isinstance(node.slice, ast.Constant):
            key = Mutation("another key of the context", node, ("runtime_parameters", "runtime_access"),
                           [site.replace(node.slice, "'mutant'")],
                           ("structural", "template_fields", "parameter_ordering", "error_handling"))
            yield key
            for _, main in mains(site):
                if any(n is node for n in ast.walk(main)):
                    yield Mutation("another key of the context in the main method", node,
                                   ("execution", "execution_pattern"), [site.replace(node.slice, "'mutant'")],
                                   key.stays)


def look_ups(site):
    """Keys of calls that look something up."""
    for node in site.walk(ast.Call):
        if not isinstance(node.func, ast.Attribute):
            continue
        keys = []
        if node.func.attr in ("xcom_pull", "xcom_push"):
            keys = [k.value for k in node.keywords if k.arg == "key"]
        elif node.func.attr == "get" and last_name(node.func.value) in ("context", "params", "conf", "extra_dejson"):
            keys = node.args[:1]
            if isinstance(node.func.value, ast.Name) and node.func.value.id != "context":
                continue
        for key in keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield Mutation("another key of %s" % node.func.attr, node, ("runtime_parameters", "runtime_access"),
                               [site.replace(key, "'mutant'")],
                               ("structural", "template_fields", "parameter_ordering", "logging"))


# --- initialization


def super_calls(site):
    stays = ("structural", "template_fields", "parameter_ordering", "logging", "validation")
    unit = ("initialization", "initialization_pattern")
    for _, init in site.methods("__init__"):
        calls = [(s, s.value) for s in init.body if isinstance(s, ast.Expr) and is_super_init(s.value)]
        if not calls:
            continue
        statement, call = calls[0]
        start, end = site.source.span(call.func)[1], site.source.span(call)[1]
        place = site.source.text.index(b"(", start) + 1
        yield Mutation("a further argument of super().__init__", init, unit, [[(place, place, "*MUTANT, ")]]
                       if call.args or call.keywords else [[(place, place, "*MUTANT")]], stays)
        first = site.source.span(statement)[0]
        docstring = isinstance(init.body[0], ast.Expr) and isinstance(init.body[0].value, ast.Constant)
        if init.body[int(docstring)] is statement and b";" not in site.source.text[first:end]:
            yield Mutation("something before super().__init__", init, unit, [[(first, first, "mutant(); ")]], stays)
        yield Mutation("no super().__init__", init, unit, [[(*site.source.span(call), "MUTANT()")]], stays)


def is_super_init(node):
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "__init__":
        return False
    return isinstance(node.func.value, ast.Call) and last_name(node.func.value.func) == "super"


def init_statements(site):
    """In statements of __init__: a called name, an operator, the name of a keyword."""
    stays = ("structural", "parameter_ordering", "execution")
    unit = ("initialization", "init_statement")
    for _, init in site.methods("__init__"):
        for statement in init.body:
            if isinstance(statement, ast.Expr) and is_super_init(statement.value):
                continue
            for node in ast.walk(statement):
                if site.source.in_format(node) or site.source.above(node, *DEFS) is not init:
                    continue
                if isinstance(node, ast.BoolOp):
                    sign = "or" if isinstance(node.op, ast.And) else "and"
                    start, end = site.source.span(node.values[0])[1], site.source.span(node.values[1])[0]
                    gap = site.source.at(start, end)
                    if "(" not in gap and ")" not in gap and len(node.values) == 2:
                        yield Mutation("and for or", statement, unit, [[(start, end, " %s " % sign)]], stays)
                elif isinstance(node, ast.keyword) and node.arg:
                    start = site.source.span(node)[0]
                    yield Mutation("the name of a keyword", statement, unit,
                                   [[(start, start + len(node.arg.encode()), "mutant")]], stays)
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id != "super":
                    yield Mutation("another function called", statement, unit,
                                   [site.replace(node.func, "MUTANT")], stays)
                elif isinstance(node, ast.Compare) and len(node.ops) == 1:
                    start, end = site.source.span(node.left)[1], site.source.span(node.comparators[0])[0]
                    gap = site.source.at(start, end)
                    if "(" not in gap and ")" not in gap:
                        yield Mutation("another comparison", statement, unit,
                                       [[(start, end, " %s " % OPPOSITE[type(node.ops[0])])]], stays)


# --- stand-ins, Jinja


def stand_ins(site):
    """One thing more done where something optional is missing."""
    for node in site.walk(ast.If):
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        if any(n.endswith("AVAILABLE") for n in names) and node.body[0].lineno != node.lineno:
            start = site.source.span(node.body[0])[0]
            yield Mutation("a further action of a stand-in", node, ("mock_execution", "mock_execution_pattern"),
                           [[(start, start, "del mutant\n" + " " * node.body[0].col_offset)]],
                           ("structural", "template_fields", "parameter_ordering", "logging"))


def jinja_guards(site):
    for node in site.walk(ast.If):
        if any(isinstance(n, ast.Constant) and n.value in ("{{", "{%") for n in ast.walk(node.test)):
            start, end = site.source.span(node.test)
            yield Mutation("another check for Jinja", node, ("template_fields", "jinja_guard"),
                           [[(start, start, "MUTANT or ("), (end, end, ")")]],
                           ("structural", "parameter_ordering", "logging", "error_handling"))


KINDS = [
    raises, raise_arguments, handlers, handler_order, handler_actions, guard_checks, parameters, parameter_order,
    log_levels, imports, decorators, bases, known_members, template_fields, executions, returns, context_keys,
    look_ups, super_calls, init_statements, stand_ins, jinja_guards,
]
