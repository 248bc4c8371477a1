"""Functions with one small thing changed: a sign, an axis, a bound, a step left out."""

import ast
import copy
import inspect
import sys
import textwrap

BINARY = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
COMPARED = {
    ast.Gt: [ast.GtE, ast.Lt],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Eq: [ast.NotEq],
}
# Methods, and functions of torch, that take each other's place.
TWINS = [("sum", "mean"), ("amin", "amax"), ("min", "max"), ("any", "all"), ("sigmoid", "tanh"), ("argmin", "argmax")]
TWIN = {a: b for pair in TWINS for a, b in (pair, pair[::-1])}
SINGLE = {
    "abs",
    "exp",
    "log",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "softmax",
    "sqrt",
    "T",
    "flip",
    "permute",
    "transpose",
    "clone",
}


def mutants(function):
    """[(what was changed, function), …] of a function, and of what it calls in its own file."""
    module = sys.modules[function.__module__]
    trees = {name: _tree(each) for name, each in _with_helpers(function, module).items()}
    found = []
    for name, tree in trees.items():
        for place, node in enumerate(ast.walk(tree)):
            for number, _ in enumerate(_changes(node)):
                changed = copy.deepcopy(tree)
                other = list(ast.walk(changed))[place]
                _put(changed, other, _changes(other)[number])
                space = dict(vars(module))
                for each in [changed, *(tree for key, tree in trees.items() if key != name)]:
                    exec(compile(ast.fix_missing_locations(ast.Module([each], [])), "mutant", "exec"), space)
                if ast.unparse(changed) != ast.unparse(tree):
                    found.append((_difference(tree, changed), space[function.__name__]))
    return found


def _with_helpers(function, module):
    """{name: function}: a function, and the private ones of its file that it calls, but for checks of arguments: they
    change no value.
    """
    found = {function.__name__: function}
    for name in function.__code__.co_names:
        helper = getattr(module, name, None)
        if name.startswith("_") and not name.startswith("_check") and inspect.isfunction(helper):
            found.update(_with_helpers(helper, module))
    return found


def _tree(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    tree.decorator_list = []
    if isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Constant) and len(tree.body) > 1:
        tree.body = tree.body[1:]  # the docstring
    tree.returns = None  # types change no value
    for argument in ast.walk(tree.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return tree


def _changes(node):
    """[a node in its place, …]"""
    found = []
    match node:
        case ast.BinOp():
            found += [ast.BinOp(node.left, kind(), node.right) for kind in BINARY.get(type(node.op), [])]
            found += [node.left, node.right]
            if not isinstance(node.op, (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)):
                found.append(ast.BinOp(node.right, node.op, node.left))
        case ast.UnaryOp():
            found.append(node.operand)
        case ast.Compare(ops=[op]):
            found += [ast.Compare(node.left, [kind()], node.comparators) for kind in COMPARED.get(type(op), [])]
        case ast.Constant(value=bool()):
            found.append(ast.Constant(not node.value))
        case ast.Constant(value=int() | float()):
            found += [ast.Constant(node.value + step) for step in (1, -1)]
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)):
            if attr in TWIN:
                found.append(ast.Call(ast.Attribute(inner, TWIN[attr], ast.Load()), node.args, node.keywords))
            if attr in SINGLE:
                found.append(node.args[0] if isinstance(inner, ast.Name) and inner.id in ("torch", "F") else inner)
        case ast.Attribute(attr="T"):
            found.append(node.value)
        case ast.Slice():
            for end in ("lower", "upper"):
                if getattr(node, end) is not None:
                    found += [
                        _slice(node, end, ast.BinOp(getattr(node, end), kind(), ast.Constant(1)))
                        for kind in (ast.Add, ast.Sub)
                    ]
                    found.append(_slice(node, end, None))
        case ast.IfExp():
            found += [node.body, node.orelse]
        case ast.Return(value=ast.Tuple(elts=[first, second])):
            found.append(ast.Return(ast.Tuple([second, first], ast.Load())))
        case ast.Assign() | ast.AugAssign():
            found.append(ast.Pass())
    if isinstance(node, ast.Call) and len(node.args) > 1:
        found.append(ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords))
    return found


def _slice(node, end, value):
    return ast.Slice(**{"lower": node.lower, "upper": node.upper, "step": node.step, end: value})


def _put(tree, old, new):
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if part is old else part for part in value])


def _difference(tree, changed):
    lines = zip(ast.unparse(tree).splitlines(), ast.unparse(changed).splitlines())
    return "; ".join(f"{a.strip()}  ->  {b.strip()}" for a, b in lines if a != b)
