"""Every table of numbers on the pages can be made, and those of the README are up to date.

`.ci/docs` builds the pages themselves; a wrong table stops the build.
"""

import re
import sys
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs" / "extensions"))

# Importing the package lets the commands of `examples` be imported.
import result_tables  # noqa: E402, I001
from result_tables import (  # noqa: E402
    algorithmic,
    cells,
    images,
    performance,
    readme,
    shortcuts,
    tabular,
)
import collages  # noqa: E402
import make_report  # noqa: E402

PAGES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}
README = (ROOT / "README.md").read_text(encoding="utf-8")
DIRECTIVES = re.findall(r"^```\{results-table\} (.+)$", "\n".join(PAGES.values()), re.M)


@pytest.mark.parametrize("directive", sorted(set(DIRECTIVES)))
def test_every_table_has_numbers_and_no_ragged_rows(directive):
    heading, rule, *rows = result_tables.make_table(directive).splitlines()
    assert rows
    assert {line.count("|") for line in (heading, rule, *rows)} == {heading.count("|")}
    assert not re.search(r"\b(nan|None|inf)\b", "\n".join(rows))
    assert re.search(r"\d", rows[0].partition("|")[2])


def is_measured(line):
    """Whether a line of a Markdown table has only numbers beside its name."""
    number = r"[ *]*[+-]?[\d,.]+( ± [\d.]+)?[ *]*"
    values = line.split("|")[2:-1]
    return bool(values) and all(re.fullmatch(number, value) for value in values)


def test_no_page_keeps_measurements_by_hand():
    assert is_measured("| 10 rows | **1.25 ± 0.01** | -3 |")
    lines = [line for text in PAGES.values() for line in text.splitlines() if line.startswith("|")]
    assert [line for line in lines if is_measured(line)] == []


def test_every_csv_file_is_named_on_a_page():
    text = README + "".join(PAGES.values())
    files = [path.name for path in cells.RESULTS.rglob("*.csv")]
    assert [name for name in files if name not in text] == []


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results of a test's own."""
    (tmp_path / "performance").mkdir()
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    return tmp_path / "performance"


def test_a_small_file_gives_a_known_table(results):
    (results / "fit_limited.csv").write_text(
        "rows,repeat,seconds,peak_mb,mb_above_import\n1000000,1,74.6,1723.3,1340.74\n"
    )
    assert performance.limited_fits() == (
        "| rows | seconds | peak MB | of them above the import |\n"
        "| --- | --: | --: | --: |\n"
        "| 1,000,000 | 75 | 1,723 | 1,341 |"
    )


def test_a_column_that_is_not_there_is_named(results):
    (results / "fit_limited.csv").write_text("rows,seconds,peak_mb\n1000000,74.6,1723.3\n")
    with pytest.raises(KeyError, match="mb_above_import"):
        result_tables.make_table("performance.limited_fits")


def test_cells():
    assert cells.number(1234.56, 1) == "1,234.6"
    assert cells.number(float("nan")) == ""
    assert [cells.signed(value) for value in (1.25, -0.04, -2.5)] == ["+1.2", "0.0", "-2.5"]
    assert cells.with_range([1, 3, 2]) == "2.0 (1.0-3.0)"
    assert cells.with_range([1.01, 1.02, 1.03]) == "1.0"
    assert cells.with_interval(0.5, -0.1, 1) == "+0.50 [-0.10, 1.00]"
    assert cells.steps(float("inf")) == "never"


# The README is plain Markdown: its tables and numbers are written by hand.


@pytest.mark.parametrize("table", [readme.scores, readme.costs, readme.comparison_with_trees])
def test_the_tables_of_the_readme_are_up_to_date(table):
    assert table() in README, table()


def test_the_numbers_in_the_text_of_the_readme_are_up_to_date():
    text = " ".join(README.split())
    assert [claim for claim in readme_claims() if claim not in text] == []


def readme_claims():
    """Return what the text of the README says of the CSV files, made from them."""
    gain, change = (
        over_sets.set_index("model").loc["default"]
        for _, over_sets in (
            make_report.differences_to("relu", tabular.compared(task), task)
            for task in ("classification", "regression")
        )
    )
    yield f"{gain['mean']:.2f} ± {gain['standard_error']:.2f} points (error over sets) above"
    yield f"root mean squared error is {-change['mean']:.1f} % lower"

    kernel = performance.shared_splines("kernel").query("`pass` == 'frozen'")["/ tanh"]
    one, two = (kernel[f"cpu, {own}", 1_000_000] for own in ("1 thread", "2 threads"))
    yield f"takes {one:.2f} times as long as `torch.tanh` on one thread"
    yield f"and {two:.2f} times on two"

    learned, relu = (
        [own for own in algorithmic.search() if own["activation"] == name]
        for name in ("learned", "relu")
    )
    plain = [own for own in relu if float(own["weight_decay"]) == 0]
    steps = [cells.number(algorithmic.fewest_steps(own)[0]) for own in (learned, plain, relu)]
    yield "after {} steps, with ReLU after {}, with ReLU and weight decay after {}".format(*steps)

    fashion, mnist = (median_gain(set="fashion", depth=1), median_gain(set="mnist", depth=3))
    yield f"{fashion:.1f} points more than ReLU on Fashion-MNIST with one hidden layer"
    yield f"up to {mnist:.1f} with three"

    kinds = shortcuts.kinds_in("collages", collages.KEYS)
    last = [
        collages.chosen_and_last(kinds["MNIST/CIFAR-10", "yes", way], tile)[1]
        for tile in collages.TILES
        for way in ("ReLU", "squared")
    ]
    claim = "falls from {:.0f} to {:.0f} %, on the photograph it rises from {:.0f} to {:.0f} %"
    yield claim.format(*(100 * median(shares) for shares in last))


def median_gain(**wanted):
    """Return the median gain over ReLU of activations learned from zeros, for regression."""
    networks = cells.records("reproduction/images")
    own = images.select(networks, kind="regression", **wanted)
    relu, learned = (images.select(own, activation=name) for name in ("ReLU", "learned from zeros"))
    return images.gain_over(relu, learned)
