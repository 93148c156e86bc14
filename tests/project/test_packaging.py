"""What a distribution says of itself is true: version, licences and dependencies."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from test_import_rules import imports_of

import skibias

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where the name to import is another
EXTRAS = tuple(PROJECT["optional-dependencies"])
TOOLS = {"mypy", "ruff"}  # not run with the oldest versions


def test_the_citation_names_the_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [skibias.__version__]
    assert PROJECT["license"] in citation


def test_the_version_is_written_once_in_the_package():
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "skibias").rglob("*.py"))
    assert sum(skibias.__version__ in text for text in texts) == 1
    assert PROJECT["dynamic"] == ["version"]


def test_the_licence_of_bundled_data_is_a_licence_file():
    names = PROJECT["license-files"]
    assert all((ROOT / name).is_file() for name in names)
    folders = {path.parent for path in (ROOT / "skibias").rglob("*.csv.gz")}
    assert {ROOT / name for name in names} == {ROOT / "LICENSE"} | {
        folder / "README.md" for folder in folders
    }
    for folder in folders:
        assert "Licence:" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_plain_installation_has_what_is_imported_and_no_more():
    imported = set()
    for path in (ROOT / "skibias").rglob("*.py"):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        for name, in_function in imports_of(path.read_text(encoding="utf-8"), package):
            if not in_function:
                imported.add(name.partition(".")[0])
    imported -= sys.stdlib_module_names | {"skibias"}
    required = {re.split(r"[<>=]", text)[0] for text in PROJECT["dependencies"]}
    assert required == {DISTRIBUTIONS.get(name, name) for name in imported}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_requirement_has_a_lower_bound_and_no_upper_one(extra):
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]:
        assert re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+", text), text


def pins(path):
    """Return the versions that a file of requirements pins, by name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return dict(line.split("==") for line in lines if line)


def lower_bounds(*extras):
    """Return the lower bounds of the dependencies and of extras, by name."""
    optional = PROJECT["optional-dependencies"]
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in optional[extra])]
    return dict(re.sub(r"\[\w+\]", "", text).split(">=") for text in texts)


def test_the_oldest_versions_are_the_lower_bounds():
    bounds = lower_bounds("plots", "test")
    oldest = pins(ROOT / ".ci" / "oldest.txt")
    assert oldest.keys() >= bounds.keys() - TOOLS
    # torch: older ones need an older numpy; the others that no bound names are there for these.
    checked = oldest.keys() & bounds.keys() - {"torch"}
    for name in checked:
        own, bound = (tuple(map(int, text.split("."))) for text in (oldest[name], bounds[name]))
        assert own[: len(bound)] == bound and not any(own[len(bound) :]), name


def test_every_direct_dependency_is_pinned():
    assert pins(ROOT / "constraints.txt").keys() >= lower_bounds(*EXTRAS).keys()
