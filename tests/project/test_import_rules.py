"""Imports run one way: engine <- estimators, and each foreign framework has one door."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "skibias"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def imports_of(source, package=""):
    """List the imports of a source text as pairs (absolute dotted name, is inside a function).

    ``package`` is the dotted name against which relative imports are resolved.
    """
    return list(_walk_imports(ast.parse(source), package, in_function=False))


def _walk_imports(node, package, in_function):
    in_function = in_function or isinstance(node, FUNCTIONS)
    for name in _imported_names(node, package):
        yield name, in_function
    for child in ast.iter_child_nodes(node):
        yield from _walk_imports(child, package, in_function)


def _imported_names(node, package):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        # "from a import b" may mean the module a.b, so the longer name is the one to judge.
        module = _absolute_module(node, package)
        return [f"{module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and _is_dynamic_import(node):
        return [node.args[0].value]
    return []


def _absolute_module(node, package):
    if not node.level:
        return node.module
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _is_dynamic_import(call):
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", None))
    names_a_module = call.args and isinstance(call.args[0], ast.Constant)
    return name in ("import_module", "__import__") and bool(names_a_module)


def is_within(name, module):
    """Tell whether a dotted name is a module or lies inside it."""
    return name == module or name.startswith(f"{module}.")


def package_imports():
    """List (path relative to the package, name, is inside a function) for every import."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        package = ".".join(path.parent.relative_to(ROOT).parts)
        source = path.read_text(encoding="utf-8")
        relative = path.relative_to(PACKAGE).as_posix()
        found += [(relative, *found_import) for found_import in imports_of(source, package)]
    return found


def files_importing(module):
    """Return the files of the package that import a module, anywhere in them."""
    return sorted({file for file, name, _ in package_imports() if is_within(name, module)})


def is_allowed_in_engine(name):
    standard = name.split(".")[0] in sys.stdlib_module_names
    return standard or is_within(name, "torch") or is_within(name, "skibias.engine")


def test_engine_imports_only_torch_and_the_standard_library():
    offenders = [
        (file, name)
        for file, name, _ in package_imports()
        if file.startswith("engine/") and not is_allowed_in_engine(name)
    ]
    assert offenders == []


def layers():
    """Return the rows of the first table of docs/design.md: files, and folders with a slash."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text[text.index("| files |") :]
    found = []
    for line in table.splitlines():
        if not line.startswith("|"):
            break
        if line.startswith("| `"):
            found.append(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def rows_of(path, table):
    """List the numbers of the rows in which a file of the package stands, by itself or folder."""
    return [
        number
        for number, names in enumerate(table)
        for name in names
        if path == name or (name.endswith("/") and path.startswith(name))
    ]


def file_of(name):
    """Return the file of the package, relative to it, that a dotted name leads to."""
    parts = name.split(".")[1:]
    while parts:
        for path in ("/".join(parts) + ".py", "/".join([*parts, "__init__.py"])):
            if (PACKAGE / path).exists():
                return path
        parts.pop()
    return "__init__.py"


def test_files_import_from_their_own_row_and_those_above():
    table = layers()
    row = {}
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE).as_posix()
        (row[relative],) = rows_of(relative, table)  # every file stands in the table once
    upwards = [
        (file, name)
        for file, name, _ in package_imports()
        if is_within(name, "skibias") and row[file_of(name)] > row[file]
    ]
    assert upwards == []


def test_there_are_few_levels():
    assert len(layers()) <= 9


def folder_of(path):
    """Return the first folder of a path in the package, or the file itself."""
    return path.partition("/")[0]


def test_folders_do_not_import_one_another_in_circles():
    imports = {}
    for file, name, _ in package_imports():
        if is_within(name, "skibias") and folder_of(file_of(name)) != folder_of(file):
            imports.setdefault(folder_of(file), set()).add(folder_of(file_of(name)))
    imports.pop("__init__.py", None)
    while leaves := [own for own, others in imports.items() if not others & set(imports)]:
        for own in leaves:
            del imports[own]
    assert imports == {}


def test_skorch_is_known_to_the_final_training_and_what_serves_its_callbacks():
    files = files_importing("skorch")
    assert files != []
    assert {folder_of(file) for file in files} == {"_train", "callbacks.py"}


def test_openml_is_known_to_one_file_of_the_datasets():
    assert files_importing("openml") == ["datasets/_openml.py"]


@pytest.mark.parametrize("module", ["openml", "pandas", "pyarrow"])
def test_optional_dependencies_are_imported_only_inside_functions(module):
    offenders = [
        (file, name)
        for file, name, in_function in package_imports()
        if is_within(name, module) and not in_function
    ]
    assert offenders == []


def test_matplotlib_is_imported_only_inside_functions_of_plots():
    offenders = [
        (file, name)
        for file, name, in_function in package_imports()
        if is_within(name, "matplotlib") and not (file.startswith("plots/") and in_function)
    ]
    assert offenders == []


def test_import_loads_no_optional_or_late_dependency():
    code = "import json, sys, skibias.datasets; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(result.stdout))
    assert "skibias.datasets" in loaded
    assert loaded.isdisjoint({"matplotlib", "openml", "skorch"})


# The rules above hold trivially if the reader of imports is blind, so it is tested as well.


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", [("a.b", False)]),
        ("import a as c, d", [("a", False), ("d", False)]),
        ("from a.b import c", [("a.b.c", False)]),
        ("from . import c", [("skibias.engine.c", False)]),
        ("from .b import c", [("skibias.engine.b.c", False)]),
        ("from .. import c", [("skibias.c", False)]),
        ("from ..b import c", [("skibias.b.c", False)]),
        ("def f():\n    import a", [("a", True)]),
        ("class C:\n    import a\n    def f(self):\n        import b", [("a", False), ("b", True)]),
        ("if True:\n    import a", [("a", False)]),
        ("importlib.import_module('a.b')", [("a.b", False)]),
        ("f = lambda: __import__('a')", [("a", True)]),
    ],
)
def test_every_form_of_import_is_seen(source, expected):
    assert imports_of(source, package="skibias.engine") == expected


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("math", True),
        ("collections.abc.Iterator", True),
        ("torch.nn.functional", True),
        ("skibias.engine.splines", True),
        ("torchvision", False),
        ("numpy", False),
        ("sklearn.base", False),
        ("skibias._mlp", False),
        ("skibias.engineering", False),
    ],
)
def test_what_the_engine_may_import(name, allowed):
    assert is_allowed_in_engine(name) is allowed


def test_the_package_is_found():
    assert "datasets/_magic.py" in {file for file, _, _ in package_imports()}


def test_a_fit_does_not_import_the_compiler_of_torch():
    """It takes a second, which a first fit of a small table would be spent on."""
    code = (
        "import sys; from sklearn.datasets import load_iris\n"
        "from skibias import LearnedActivationMLPClassifier as Model\n"
        "Model((4,), activation='relu', max_iter=1).fit(*load_iris(return_X_y=True))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr
