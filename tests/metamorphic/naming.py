"""Renames what a module binds: locals, attributes, methods, module names, aliases, classes."""

import ast
import re

from conventions import SUFFIXES, is_named_thing, is_reserved
from scopes import Scopes
from source import Step


def step(what, binding_name, new, places):
    return Step("%s %s to %s" % (what, binding_name, new), [(s, e, new) for s, e in sorted(set(places))])


def keywords_passed(source):
    """For each name that is called, the keywords that it is called with."""
    passed = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            passed.setdefault(name, set()).update(k.arg for k in node.keywords if k.arg)
    return passed


def last_name(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def is_kept(scopes, binding):
    """What no renaming touches, whichever kind of name it is."""
    return (
        binding.lost
        or is_reserved(binding.name)
        or binding.is_import
        or scopes.is_ambiguous(binding)
        or is_named_thing(binding.name, "module" if binding.scope is scopes.module else "other")
        and not all(is_get_logger(v) for v in binding.values or [None])
    )


def is_get_logger(node):
    return isinstance(node, ast.Call) and last_name(node.func) == "getLogger"


class Names:
    """New names, none of which the module has yet. Shared: functions beside each other get the same ones."""

    def __init__(self, source, shared):
        self.shared = shared
        self.taken = set(re.findall(r"\w+", source.text.decode()))
        self.counts = {}

    def new(self, scope, letter, suffix=""):
        place = (id(self.outermost(scope)), letter) if self.shared else letter
        while True:
            self.counts[place] = self.counts.get(place, 0) + 1
            name = "%s%d%s" % (letter, self.counts[place], suffix)
            if name not in self.taken:
                return name

    @staticmethod
    def outermost(scope):
        """The function that stands in no other, around SCOPE."""
        outer = scope
        while scope is not None:
            if scope.kind == "class":
                outer = scope.parent
            elif scope.parent is not None:
                outer = scope
            scope = scope.parent
        return outer


def rename_locals(source, shared):
    scopes = Scopes(source)
    names = Names(source, shared)
    passed = keywords_passed(source)
    steps = []
    for binding in scopes.bindings.values():
        if binding.scope.kind != "function" or is_kept(scopes, binding) or binding.is_aliased or binding.is_class:
            continue
        if binding.is_parameter and is_passed(scopes, binding, passed):
            continue
        new = names.new(binding.scope, "v")
        steps.append(step("name", binding.name, new, binding.places))
    return steps


def is_passed(scopes, binding, passed):
    """A parameter that a call in the module names as a keyword."""
    node = binding.scope.node
    name = getattr(node, "name", None)
    if name == "__init__" and isinstance(scopes.source.parents.get(node), ast.ClassDef):
        name = scopes.source.parents[node].name
    return name is not None and binding.name in passed.get(name, ())


# --- attributes and methods


class Families:
    """Classes that inherit from one another in this module share their attributes."""

    def __init__(self, source, scopes):
        self.source, self.scopes = source, scopes
        self.classes = [n for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef)]
        self.parents = {c: [b for b in map(scopes.class_of, c.bases) if b is not None] for c in self.classes}
        self.family = {c: c for c in self.classes}
        for child in self.classes:
            for parent in self.parents[child]:
                self.join(child, parent)

    def of(self, node):
        while self.family[node] is not node:
            node = self.family[node]
        return node

    def join(self, a, b):
        self.family[self.of(a)] = self.of(b)

    def ancestors(self, node):
        found, queue = set(), [node]
        while queue:
            node = queue.pop()
            if node not in found:
                found.add(node)
                queue += self.parents[node]
        return found


class Attribute:
    """A name that the classes of a family bind."""

    def __init__(self, name):
        self.name = name
        self.places, self.owners, self.readers = [], set(), set()
        self.kept = False


def attribute_place(source, node):
    end = source.span(node)[1]
    return end - len(node.attr.encode()), end


def collect_attributes(source, scopes):
    families = Families(source, scopes)
    found = {}

    def attribute(node, name):
        return found.setdefault((families.of(node), name), Attribute(name))

    for binding in scopes.bindings.values():
        if binding.scope.kind == "class":
            a = attribute(binding.scope.node, binding.name)
            a.owners.add(binding.scope.node)
            a.places += binding.places
            a.kept = a.kept or is_kept(scopes, binding) or binding.is_aliased or binding.is_class
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = scopes.class_of(node.value)
        if owner is None:
            continue
        a = attribute(owner, node.attr)
        place = attribute_place(source, node)
        if source.at(*place) != node.attr:
            a.kept = True
        a.places.append(place)
        if isinstance(node.ctx, ast.Store):
            a.owners.add(owner)
        else:
            a.readers.add(owner)
    indirect = indirect_names(source, scopes)
    for (_, name), a in found.items():
        a.kept = a.kept or is_reserved(name) or is_named_thing(name, "other") or name in indirect
        # Read where neither the class nor what it inherits from binds it: that name is somebody else's there.
        a.kept = a.kept or any(not families.ancestors(r) & a.owners for r in a.readers)
    return [a for a in found.values() if a.owners and not a.kept]


def indirect_names(source, scopes):
    """Attributes asked of super(), type(self) and self.__class__: names of whatever class that is."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            value = node.value
            if isinstance(value, ast.Call) and last_name(value.func) in ("super", "type"):
                found.add(node.attr)
            elif isinstance(value, ast.Attribute) and value.attr == "__class__":
                found.add(node.attr)
    return found


def rename_attributes(source, shared):
    scopes = Scopes(source)
    names = Names(source, shared)
    steps = []
    for a in collect_attributes(source, scopes):
        new = names.new(scopes.module, "v" if shared else "a")
        steps.append(step("attribute", a.name, new, a.places))
    return steps


# --- names of the module


def exposed_names(source):
    """Names that are kept where they tell a type: raised, handled, a base, a class's decorator, an annotation."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            found |= names_in(*node.bases, *node.decorator_list)
        elif isinstance(node, ast.Raise):
            found |= names_in(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        elif isinstance(node, ast.ExceptHandler):
            found |= names_in(node.type)
    return found


def names_in(*nodes):
    return {n.id for node in nodes if node is not None for n in ast.walk(node) if isinstance(n, ast.Name)}


def rename_module_names(source, shared):
    scopes = Scopes(source)
    names = Names(source, shared)
    decorators = {
        n for c in ast.walk(source.tree) if isinstance(c, ast.ClassDef) for n in names_in(*c.decorator_list)
    }
    steps = []
    for binding in scopes.bindings.values():
        if binding.scope is not scopes.module or is_kept(scopes, binding) or binding.is_aliased:
            continue
        if binding.is_class or binding.name in decorators:
            continue
        steps.append(step("module's name", binding.name, names.new(binding.scope, "m"), binding.places))
    return steps


def rename_aliases(source, shared):
    """`import x as y`, `from m import a as b`: wherever they stand, and all that is bound as they are."""
    scopes = Scopes(source)
    names = Names(source, shared)
    return [
        step("alias", binding.name, names.new(binding.scope, "i"), binding.places)
        for binding in scopes.bindings.values()
        if binding.is_aliased and binding.scope.kind != "class" and not is_kept(scopes, binding)
    ]


def rename_classes(source, shared):
    """Classes keep the suffix that tells their type. One old name becomes one new name, wherever it stands."""
    scopes = Scopes(source)
    exposed = exposed_names(source)
    names = Names(source, False)
    new_names, steps = {}, []
    for binding in scopes.bindings.values():
        name = binding.name
        if not binding.is_class or is_kept(scopes, binding) or name in exposed or binding.is_aliased:
            continue
        if any(source.above(n, ast.ExceptHandler) for n in binding.definitions) or binding.scope.kind == "class":
            continue
        if name not in new_names:
            new_names[name] = names.new(scopes.module, "C", next((s for s in SUFFIXES if name.endswith(s)), ""))
        steps.append(step("class", name, new_names[name], binding.places))
    return steps


def is_renaming(before, after, steps):
    """Whether AFTER is BEFORE with nothing but names changed, each as the steps say."""
    pairs = {tuple(re.fullmatch(r".* (\S+) to (\S+)", s.label).groups()) for s in steps}
    left, right = ast.walk(before.tree), ast.walk(after.tree)
    for a, b in zip(left, right):
        if type(a) is not type(b):
            return False
        for field in a._fields:
            x, y = getattr(a, field, None), getattr(b, field, None)
            if isinstance(x, list) and all(isinstance(i, str) for i in x + y) and len(x) == len(y):
                if any(i != j and (i, j) not in pairs for i, j in zip(x, y)):
                    return False
            elif not isinstance(x, (ast.AST, list)) and x != y and (x, y) not in pairs:
                return False
    return next(left, None) is None and next(right, None) is None
