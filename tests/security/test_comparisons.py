"""Nothing that is secret is compared by `==`, whose time tells how much of a guess is right (I8)."""

from __future__ import annotations

import ast
import re

from tests.repository import ROOT, package_modules

SECRET = re.compile(r"signature|secret|password|hmac|(^|_)(token|api_key)$")
PLACES = ("connectors", "starter", "store")


def named(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower()
        case ast.Call(func=function):
            return named(function)
        case _:
            return ""


def comparisons(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            names = [named(part) for part in (node.left, *node.comparators)]
            secret = [name for name in names if SECRET.search(name)]
            constant = any(isinstance(part, ast.Constant) for part in (node.left, *node.comparators))
            if secret and not constant:
                found.append((node.lineno, secret[0]))
    return found


def test_i8_secrets_are_compared_in_constant_time() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in package_modules()
        if path.relative_to(ROOT).parts[0] in PLACES
        for line, name in comparisons(ast.parse(path.read_text()))
    }
    assert found == set()


def test_the_check_sees_a_plain_comparison() -> None:
    assert comparisons(ast.parse("if given_signature != expected: pass")) == [(1, "given_signature")]
    assert comparisons(ast.parse("if hmac.new(a, b).hexdigest() == token: pass"))
