"""The documentation keeps its word: names, defaults, code, links, files and equations."""

import ast
import importlib
import inspect
import re
import shutil
from pathlib import Path

import pytest
from code_blocks import blocks, run_python

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = ("_build", "generated", "auto_examples")
MODULES = (
    "skibias",
    "skibias.callbacks",
    "skibias.complexity",
    "skibias.datasets",
    "skibias.plots",
    "skibias.redshift",
)


def is_source(path):
    """Whether a file is written by hand, not by a build."""
    return not set(GENERATED) & set(path.relative_to(DOCS).parts)


PAGES = sorted(filter(is_source, DOCS.rglob("*.md")))
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
TEXTS["README.md"] = (ROOT / "README.md").read_text(encoding="utf-8")


def public_objects():
    """Return every public object by its dotted name."""
    found = {}
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        found |= {f"{module_name}.{name}": getattr(module, name) for name in module.__all__}
    return found


PUBLIC = public_objects()


# Names


def documented_names(text):
    """List the dotted names in the autosummary blocks of an API page."""
    module, names = "", []
    for line in text.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   (\w[\w.]*)", line):
            names.append(f"{module}.{match[1]}")
    return names


API = {path: path.read_text(encoding="utf-8") for path in sorted((DOCS / "api").glob("*.rst"))}


def test_every_public_name_is_on_an_api_page():
    documented = {name for text in API.values() for name in documented_names(text)}
    shown = {id(PUBLIC[name]) for name in documented if name in PUBLIC}
    callables = {name for name, value in PUBLIC.items() if callable(value)}
    assert [name for name in callables if id(PUBLIC[name]) not in shown] == []
    constants = {name.rsplit(".", 1)[1] for name in set(PUBLIC) - callables}
    text = "\n".join(API.values())
    assert [name for name in constants if not re.search(rf"``[\w.]*\b{name}``", text)] == []


def test_api_pages_name_nothing_else():
    pages = {path.stem for path in API}
    documented = [name for text in API.values() for name in documented_names(text)]
    entries = [name for name in documented if name.removeprefix(".") not in pages]
    assert sorted(set(entries) - set(PUBLIC)) == []
    assert len(set(entries)) == len(entries)


# Defaults


def public_callables():
    """Return functions, classes and public methods of classes by name."""
    found = {}
    for name, value in PUBLIC.items():
        if not callable(value):
            continue
        found[name] = value
        if inspect.isclass(value):
            for key, method in inspect.getmembers(value, inspect.isroutine):
                own = (getattr(method, "__module__", None) or "").startswith("skibias.")
                if own and not key.startswith("_"):
                    found[f"{name}.{key}"] = method
    return found


def documented_defaults(text):
    """Return what a numpydoc text says of its parameters: name -> default, as written, or None."""
    text = inspect.cleandoc(text or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", text, re.M | re.S)
    if section is None:
        return {}
    found = {}
    # A line that ends in a backslash goes on in the next.
    for line in section[1].replace("\\\n", "").splitlines():
        match = re.match(r"(\w+(?:, \w+)*) : (.*)", line)
        if match is None:
            continue
        names = match[1].split(", ")
        default = re.search(r"\bdefault=(.*)$", match[2])
        values = [None] * len(names)
        if default is not None:
            values = [default[1]]
        if default is not None and len(names) > 1:  # "6.0 and 1.0", or one for all
            values = re.split(", | and ", default[1])
            values = values * len(names) if len(values) == 1 else values
        found |= dict(zip(names, values, strict=True))
    return found


CALLABLES = public_callables()


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_documented_defaults_are_those_of_the_code(name):
    documented = documented_defaults(CALLABLES[name].__doc__)
    parameters = inspect.signature(CALLABLES[name]).parameters
    assert set(documented) <= set(parameters)
    for parameter, default in documented.items():
        actual = parameters[parameter].default
        if default is None:
            assert actual is inspect.Parameter.empty or actual is None, parameter
        elif default.startswith("torch."):
            assert str(actual) == default, parameter
        else:
            assert ast.literal_eval(default) == actual, parameter


def test_every_parameter_of_the_estimators_is_documented():
    estimators = ("Classifier", "Regressor")
    names = [f"skibias.LearnedActivationMLP{kind}" for kind in estimators]
    for name in [*names, "skibias.ActivationLearner", "skibias.IAFTransformer"]:
        parameters = [key for key in inspect.signature(PUBLIC[name]).parameters]
        assert list(documented_defaults(PUBLIC[name].__doc__)) == parameters


def test_defaults_are_read_in_every_form():
    text = """Summary.

    Parameters
    ----------
    a : {"x", "y"} or None, default="x"
        Text : of no parameter.
    b, c : int, default=10_000, 2
    d : str
    e : tuple or list, default=(1, 2)
    f, g : float or None, default=None
    h, i : float, default=6.0 and 1.0

    Returns
    -------
    j : int, default=3
    """
    expected = {"a": '"x"', "b": "10_000", "c": "2", "d": None, "e": "(1, 2)"}
    expected |= {"f": "None", "g": "None", "h": "6.0", "i": "1.0"}
    assert documented_defaults(text) == expected


# Code

WITH_CODE = [
    name
    for name, text in TEXTS.items()
    if name != "README.md" and any(language == "python" for language, _ in blocks(text))
]


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_python_of_a_page_runs(name, tmp_path, monkeypatch, closed_figures):
    shutil.copytree(ROOT / "docs/data", tmp_path / "docs/data")
    monkeypatch.chdir(tmp_path)
    run_python(TEXTS[name], name)


# Links and files


def prose(text):
    """Return a Markdown text without its fenced blocks and code."""
    text = re.sub(r"^```.*?^```[ \t]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def relative_links(text):
    """List the targets of Markdown links that are no addresses, as pairs (path, anchor)."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [target.partition("#")[::2] for target in targets if "://" not in target]


def anchors(text):
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("name", TEXTS)
def test_relative_links_resolve(name):
    page = ROOT / name
    broken = []
    for path, anchor in relative_links(TEXTS[name]):
        target = page if not path else page.parent / path
        if not target.exists():
            broken.append(path)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def csv_files(text):
    """List the CSV files that a page names by their path from the root."""
    return re.findall(r"\bexamples/[\w./-]+\.csv\b", text)


def test_every_csv_file_that_is_named_exists():
    named = {file for text in TEXTS.values() for file in csv_files(text)}
    assert "examples/results/tabular.csv" in named
    assert [file for file in sorted(named) if not (ROOT / file).is_file()] == []


def test_every_script_that_is_named_exists():
    pattern = r"\b(?:examples|tests|skibias|docs)/[\w./-]+\.py\b"
    named = {file for text in TEXTS.values() for file in re.findall(pattern, text)}
    assert [file for file in sorted(named) if not (ROOT / file).is_file()] == []


def with_measurements(name):
    """Whether a page is one of those on what was measured."""
    pages = ("README.md", "docs/tabular.md", "docs/performance.md", "docs/complexity.md")
    return name in (*pages, "docs/redshift.md") or name.startswith("docs/reproduction/")


@pytest.mark.parametrize("name", list(filter(with_measurements, TEXTS)))
def test_a_page_of_measurements_names_its_files_and_commands(name):
    results = ROOT / "examples" / "results"
    files = {Path(file).name for file in re.findall(r"[\w*./-]+\.csv\b", TEXTS[name])}
    assert [file for file in sorted(files) if not list(results.rglob(file))] == []
    assert files or "`examples/results/gallery`" in TEXTS[name]
    scripts = {Path(file).name for file in re.findall(r"[\w./-]+\.py\b", TEXTS[name])}
    assert any(list((ROOT / "examples").rglob(script)) for script in scripts)


# Equations


def test_equations_are_numbered_in_order_and_cited_by_numbers_that_exist():
    labels = [int(number) for number in re.findall(r"\(eq-(\d+)\)", TEXTS["docs/method.md"])]
    assert labels == list(range(1, len(labels) + 1)) and labels
    cited = {
        int(number)
        for path in (ROOT / "skibias").rglob("*.py")
        for number in re.findall(r"docs, Eq\. (\d+)", path.read_text(encoding="utf-8"))
    }
    assert cited and cited <= set(labels)


# The build


def test_the_gallery_gives_every_example_arguments_that_it_has(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "extensions")
    gallery = importlib.import_module("gallery")
    for name, arguments in gallery.ARGUMENTS.items():
        source = (ROOT / "examples" / name).read_text(encoding="utf-8")
        options = [argument for argument in arguments if argument.startswith("--")]
        assert all(f'"{option}"' in source for option in options)
    arguments = gallery.arguments_of_example({}, {"src_file": "examples/plot_02_x.py"})
    assert arguments[0] == "--output" and arguments[1].endswith("plot_02_x.png")
