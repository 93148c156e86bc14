"""The tables of measured numbers on the pages are those of the committed CSV files.

A table is found by its heading line. A cell of a page is compared with the numbers that the CSV
files give for it, rounded to the digits that the page shows.
"""

import re
from pathlib import Path
from statistics import linear_regression

import numpy as np
import pandas as pd
import pytest
from test_tabular_benchmark import comparison, make_report

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "examples" / "results"
TABULAR = comparison.successful(comparison.read_results(RESULTS / "tabular.csv"))
CLASSIFICATION, REGRESSION = "classification", "regression"
MODELS = (
    "default relu hist_gradient_boosting lightgbm catboost random_forest sklearn_mlp linear realmlp"
).split()
NAMES = {  # on the pages that do not use those of the CSV
    "catboost": "CatBoost",
    "hist_gradient_boosting": "HistGradientBoosting",
    "lightgbm": "LightGBM",
    "default": "skibias, default",
    "random_forest": "random forest",
    "realmlp": "RealMLP",
    "relu": "skibias, ReLU",
    "sklearn_mlp": "scikit-learn's MLP",
    "linear": "logistic regression",
}


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def cells_of(line):
    return [cell.strip() for cell in line.strip()[1:-1].split("|")]


def tables(text):
    """Return the Markdown tables of a page by heading line, each a list of rows of cells."""
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", text + "\n", re.MULTILINE):
        heading, _, *lines = block.splitlines()
        found[" | ".join(cells_of(heading))] = [cells_of(line) for line in lines]
    return found


def numbers_of(cell):
    """Return the numbers of a cell as they are written."""
    # A minus between two digits is a dash: of 0.1-0.2, the second number is 0.2.
    return re.findall(r"(?:(?<!\d)-)?(?:\d[\d,]*(?:\.\d+)?|\.\d+)", cell)


def agrees(text, value):
    """Whether a number as it is written is this value, rounded."""
    text = text.replace(",", "")
    decimals = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5000001 * 10.0**-decimals


def differences(rows, expected):
    """List the cells of a table that are not what they should be.

    Every expected cell is a text, a number, a tuple of numbers, or None for anything.
    """
    assert len(rows) == len(expected), [row[0] for row in rows]
    wrong = []
    for row, values in zip(rows, expected, strict=True):
        for cell, value in zip(row, values, strict=True):
            if value is None:
                continue
            if isinstance(value, str):
                is_right = cell.strip("*") == value
            else:
                wanted = np.atleast_1d(np.asarray(value, dtype=float))
                written = numbers_of(cell)
                is_right = len(written) == len(wanted) and all(map(agrees, written, wanted))
            if not is_right:
                wrong.append((row[0], cell, value))
    return wrong


def csv(name):
    return pd.read_csv(RESULTS / name)


# The tabular benchmark


def shared(task):
    """Return the rows of a task on the splits that all compared models have."""
    models = [name for name in MODELS if task == CLASSIFICATION or name != "realmlp"]
    return comparison.shared_rows(TABULAR[TABULAR["task"] == task], models)


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_scores_of_the_tabular_benchmark(task):
    assert make_report.score_table(shared(task), task) in page("docs/tabular.md")


def test_probabilities_of_the_tabular_benchmark():
    results = comparison.successful(comparison.read_results(RESULTS / "probabilities.csv"))
    assert make_report.probability_table(results) in page("docs/tabular.md")


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_differences_of_the_tabular_benchmark(task):
    column, greater_is_better = comparison.metric(task)
    is_relative = task == REGRESSION
    by_set = comparison.paired_differences(shared(task), column, "relu", relative=is_relative)
    over_sets = comparison.means_over_sets(by_set)
    over_sets = over_sets.sort_values("mean", ascending=not greater_is_better)
    assert make_report.difference_table(by_set, over_sets) in page("docs/tabular.md")


def test_costs_of_the_tabular_benchmark():
    assert make_report.cost_table(shared(CLASSIFICATION)) in page("docs/tabular.md")


def first_split():
    """Return accuracies on the first split in percent, models x sets."""
    own = TABULAR[(TABULAR["task"] == CLASSIFICATION) & (TABULAR["split"] == 0)]
    return 100 * own.pivot(index="model", columns="set", values="test_score")


ON_ONE_SPLIT = [
    "model | electricity | california | covertype | jannis | mean",
    "model | electricity | california | mean",
    "model | Diabetes130US | MagicTelescope | bank-marketing | california | covertype"
    " | electricity | jannis | mean",
]


@pytest.mark.parametrize("heading", ON_ONE_SPLIT)
def test_fits_to_one_split(heading):
    rows = tables(page("docs/tabular.md"))[heading]
    accuracies = first_split()[heading.split(" | ")[1:-1]]
    names = [row[0] for row in rows]
    expected = [[name, *accuracies.loc[name], accuracies.loc[name].mean()] for name in names]
    assert differences(rows, expected) == []


DEPTH_AND_WIDTH = "network | ReLU | learned activation | learned inputs"


def test_depth_and_width():
    accuracies = first_split()[["electricity", "california"]]
    expected = []
    for row in tables(page("docs/tabular.md"))[DEPTH_AND_WIDTH]:
        name = row[0].replace(" ", "")
        suffix = "single" if name == "256x256" else name
        known = [
            accuracies.reindex([f"{kind}_{suffix}"]).iloc[0].dropna().tolist()
            for kind in ("relu", "learned", "inputs")
        ]
        expected.append([row[0], *known])
    assert differences(tables(page("docs/tabular.md"))[DEPTH_AND_WIDTH], expected) == []


SCORES = (
    "model | mean, % | Diabetes130US | MagicTelescope | bank-marketing | california | covertype"
    " | electricity | jannis"
)


def test_scores_of_the_readme():
    values = 100 * comparison.wide(
        comparison.means_over_splits(shared(CLASSIFICATION), "test_score")
    )
    ordered = values.mean().sort_values(ascending=False)
    expected = [[NAMES[name], ordered[name], *values[name]] for name in ordered.index]
    rows = tables(page("README.md"))[SCORES]
    assert differences(rows, expected) == []
    best = dict(zip(values.index, values.idxmax(axis=1), strict=True))
    for row, name in zip(rows, ordered.index, strict=True):
        bold = [
            set_name for set_name, cell in zip(values.index, row[2:], strict=True) if "*" in cell
        ]
        assert bold == [set_name for set_name, winner in best.items() if winner == name]


def test_the_gain_that_readme_and_comparison_name():
    by_set = comparison.paired_differences(shared(CLASSIFICATION), "test_score", "relu")
    gain = comparison.means_over_sets(by_set).set_index("model").loc["default"]
    claim = f"{gain['mean']:.2f} ± {gain['standard_error']:.2f} points"
    assert claim in page("README.md")
    by_set = comparison.paired_differences(shared(REGRESSION), "test_rmse", "relu", relative=True)
    change = comparison.means_over_sets(by_set).set_index("model").loc["default", "mean"]
    assert f"root mean squared error is {-change:.1f} % lower" in page("README.md")


def test_what_patience_and_speed_cost():
    relu = TABULAR[(TABULAR["task"] == CLASSIFICATION) & (TABULAR["model"] == "relu")]
    frame = pd.concat([csv("performance/patience_before.csv"), relu])
    frame = frame[frame["model"] != "tanh_before"]
    by_set = comparison.paired_differences(frame, "test_score", "relu_before")
    lost = comparison.means_over_sets(by_set).set_index("model").loc["relu"]
    claim = f"{-lost['mean']:.2f} ± {lost['standard_error']:.2f} points better in the mean"
    assert claim in page("docs/tabular.md")
    assert f"{-lost['mean']:.2f} points better" in page("README.md")
    default = TABULAR[(TABULAR["task"] == REGRESSION) & (TABULAR["model"] == "default")]
    frame = pd.concat([csv("performance/default_before.csv").query("task == @REGRESSION"), default])
    by_set = comparison.paired_differences(frame, "test_rmse", "default_before", relative=True)
    error = comparison.means_over_sets(by_set).set_index("model").loc["default"]
    claim = f"{error['mean']:.1f} ± {error['standard_error']:.1f} % higher in the mean"
    assert claim in " ".join(page("docs/performance.md").split())


def test_tanh_beside_relu_on_one_split():
    first = first_split()
    ahead = first.loc["tanh"] - first.loc["relu"]
    assert (ahead > 0).sum() == 4
    assert ahead.idxmin() == "covertype"
    before = csv("performance/patience_before.csv").query("model == 'tanh_before'")
    before = 100 * before.set_index("set")["test_score"]
    text = " ".join(page("docs/tabular.md").split())
    covertype = f"covertype ({first.loc['tanh', 'covertype']:.2f}; with a patience of 20 epochs it"
    assert f"{covertype} had {before['covertype']:.2f})" in text
    assert f"jannis ({first.loc['tanh', 'jannis']:.2f}, {before['jannis']:.2f})" in text
    text = " ".join(page("docs/user_guide/choosing.md").split())
    assert f"{-ahead.min():.1f} points behind on covertype" in text


def test_what_the_default_is_ahead_of_and_by_how_much():
    pages = {
        "hist_gradient_boosting": ["docs/tabular.md"],
        "lightgbm": ["docs/tabular.md"],
        "catboost": ["docs/tabular.md"],
        "realmlp": ["docs/tabular.md", "docs/comparison.md"],
    }
    for reference, names in pages.items():
        by_set = comparison.paired_differences(shared(CLASSIFICATION), "test_score", reference)
        ahead = comparison.means_over_sets(by_set).set_index("model").loc["default"]
        claim = f"{ahead['mean']:+.2f} ± {ahead['standard_error']:.2f}"
        lead = by_set.set_index(["set", "model"]).loc[("electricity", "default"), "mean"]
        for name in names:
            assert claim in page(name), (name, claim)
            assert reference != "realmlp" or f"{lead:+.2f}" in page(name), lead


def test_the_lead_of_embeddings_on_one_split():
    first = TABULAR.query("split == 0").pivot(index="set", columns="model", values="test_score")
    ahead = 100 * first[["mlp_ple", "mlp_plr"]].sub(first["default"], axis=0)
    for name in ("jannis", "MagicTelescope"):
        assert (ahead.loc[name] > 0).all()
    for name in ("covertype", "electricity"):
        assert (ahead.loc[name] < 0).all()
    text = " ".join(page("docs/comparison.md").split())
    assert "there by {:.2f} and {:.2f} points".format(*ahead.loc["MagicTelescope"]) in text
    behind = -ahead.loc[["bank-marketing", "california"], "mlp_plr"]
    assert "by {:.2f} and {:.2f}".format(*behind) in text


# What it costs


def summary_of_fits():
    """Return medians over the repeats of the fits to MAGIC, and of the ratio to the default."""
    fits = csv("performance/fit.csv")
    seconds = fits.pivot(index="repeat", columns="model", values="seconds")
    medians = fits.groupby("model")[["seconds", "peak_mb", "mb_above_import", "accuracy"]].median()
    medians.insert(1, "ratio", (1 / seconds).mul(seconds["default"], axis=0).median())
    return medians


FIT_MODELS = ["default", "hist_gradient_boosting", "sklearn_mlp", "realmlp"]
COSTS = "model | seconds | default / this | peak MB | of them above the import | accuracy"


def test_fit_beside_others():
    fits = summary_of_fits()
    expected = [[name, *fits.loc[name]] for name in FIT_MODELS]
    expected.append(["tabm", "> 300", "", "", "", ""])
    assert differences(tables(page("docs/performance.md"))[COSTS], expected) == []


README_COSTS = "model | seconds | default / this | peak MB | of them above the import"


def test_costs_of_the_readme():
    expected = [[None, *summary_of_fits().loc[name].drop("accuracy")] for name in FIT_MODELS]
    assert differences(tables(page("README.md"))[README_COSTS], expected) == []


SIZES = (
    "rows | default, s | accuracy | boosted trees, s | accuracy | sklearn_mlp, s | accuracy"
    " | realmlp, s | accuracy | tabm, s"
)


def test_fit_by_size():
    fits = csv("performance/fit_sizes.csv").query("columns == 10")
    wide = fits.pivot(index="rows", columns="model", values=["seconds", "accuracy"])
    expected = [
        [n_rows, *(row[key, name] for name in FIT_MODELS for key in ("seconds", "accuracy"))]
        for n_rows, row in wide.iterrows()
    ]
    expected = [[value if value == value else "" for value in row] for row in expected]
    for row, cell in zip(expected, (wide["seconds", "tabm"].iloc[0], "> 150", ""), strict=True):
        row.append(cell)
    assert differences(tables(page("docs/performance.md"))[SIZES], expected) == []
    slopes = []
    for name in ("default", "realmlp", "sklearn_mlp"):
        own = wide["seconds", name].dropna().astype(float)
        slopes.append(linear_regression(np.log(own.index), np.log(own)).slope)
    default, realmlp, sklearn_mlp = (f"{slope:.2f}" for slope in slopes)
    claim = (
        f"to the power {default} (default), {realmlp} (RealMLP, two sizes), "
        f"{sklearn_mlp} (scikit-learn's MLP)"
    )
    assert claim in page("docs/performance.md")


MORE_COLUMNS = (
    "columns | rows | default, s | accuracy | boosted trees, s | accuracy | sklearn_mlp, s"
    " | accuracy | realmlp, s | accuracy"
)


def test_fit_to_more_columns():
    fits = csv("performance/fit_sizes.csv").query("columns > 10")
    wide = fits.pivot(index=["columns", "rows"], columns="model", values=["seconds", "accuracy"])
    expected = [
        [*size, *(row[key, name] for name in FIT_MODELS for key in ("seconds", "accuracy"))]
        for size, row in wide.iterrows()
    ]
    assert differences(tables(page("docs/performance.md"))[MORE_COLUMNS], expected) == []


def test_ratios_and_memory_of_the_limits():
    """The costs that README and costs_and_limits.md name are the ends over all sizes."""
    fits = csv("performance/fit_sizes.csv").query("status == 'ok'")
    wide = fits.pivot(index=["columns", "rows"], columns="model")
    default = wide["seconds", "default"]
    trees, mlp = (
        default / wide["seconds", name] for name in ("hist_gradient_boosting", "sklearn_mlp")
    )
    assert f"{default.loc[10, 1000]:.0f} seconds for 1,000 rows of ten columns" in page("README.md")
    memory = wide["mb_above_import", "default"].xs(10_000, level="rows")
    lost = 100 * (wide["accuracy", "hist_gradient_boosting"] - wide["accuracy", "default"])
    limits, readme = (
        " ".join(page(name).split())
        for name in ("docs/user_guide/costs_and_limits.md", "README.md")
    )
    assert (round(trees.min(), -1), round(trees.max(), -1)) == (10, 190)
    assert (
        f"10 to 190 times as long as boosted trees, and {mlp.min():.1f} to {mlp.max():.0f}"
        in limits
    )
    assert "about 10 to 190 times as fast" in readme
    assert "about 10 to 190 times as fast" in page("docs/index.md")
    claim = "{:.0f} MB for 10 columns, {:.0f} MB for 50 and {:.0f} MB for 200"
    assert claim.format(*memory) in limits
    lost = lost[lost.index.get_level_values("columns") > 10]
    assert f"{lost.min():.0f} to {lost.max():.0f} points behind boosted trees" in readme
    few, many = (lost[n_columns].sort_index(ascending=False) for n_columns in (50, 200))
    claim = (
        "{:.0f} and {:.0f} points behind boosted trees with 50 columns, and {:.0f} and {:.0f} with"
    )
    assert claim.format(*few, *many) in limits


def test_fit_to_a_million_rows():
    fits = csv("performance/fit_limited.csv")
    first, second = fits["seconds"]
    peak, above = 1e-3 * fits[["peak_mb", "mb_above_import"]].max()
    claims = (
        f"ended after {first:.0f} and {second:.0f} seconds",
        f"memory was {peak:.1f} GB, {above:.1f} GB of it above the import",
    )
    assert all(claim in page("docs/performance.md") for claim in claims)


STAGE_COLUMNS = "learning screening contest training fit epochs".split()
STAGES = "learning | screening | contest | training | fit | epochs | s / epoch | of the limit"


def test_stages():
    columns = [*STAGE_COLUMNS, "s / epoch", "of the limit"]
    before, after, large = (
        csv(f"performance/{name}.csv") for name in ("stages_before", "stages", "stages_large")
    )
    of_page = tables(page("docs/performance.md"))
    expected = [["before", *before[columns].iloc[0]], ["after", *after[columns].iloc[0]]]
    assert differences(of_page[f" | {STAGES}"], expected) == []
    frame = pd.concat([after, large])[["rows", *columns]]
    assert differences(of_page[f"rows | {STAGES}"], frame.to_numpy().tolist()) == []


GPU_STAGES = "rows, on a GPU | learning | screening | contest | training | fit | epochs | s / epoch"


def test_stages_on_a_gpu():
    frame = csv("performance/stages_gpu.csv")[["rows", *STAGE_COLUMNS, "s / epoch"]]
    rows = tables(page("docs/performance.md"))[GPU_STAGES]
    assert differences(rows, frame.to_numpy().tolist()) == []


CHANGE = "set | before, % | after, % | change"


def test_accuracy_before_and_after():
    before = csv("performance/default_before.csv")
    frame = pd.concat([before, TABULAR[TABULAR["model"] == "default"]])
    frame = frame[frame["task"] == CLASSIFICATION]
    means = 100 * frame.groupby(["set", "model"])["test_score"].mean().unstack()
    change = comparison.paired_differences(frame, "test_score", "default_before").set_index("set")
    expected = [
        [
            name,
            row["default_before"],
            row["default"],
            tuple(change.loc[name, ["mean", "standard_error"]]),
        ]
        for name, row in means.iterrows()
    ]
    overall = change["mean"].mean(), change["mean"].sem()
    expected.append(
        ["mean (error over sets)", *means[["default_before", "default"]].mean(), overall]
    )
    assert differences(tables(page("docs/performance.md"))[CHANGE], expected) == []


KERNEL = " | pass | spline / ReLU | spline / tanh | spline / GELU"
PASSES = {
    "frozen": "forward, backward, fixed function",
    "forward": "forward",
    "knots": "forward, backward, with gradient of the values",
    "double": "double backward",
}


def test_kernel():
    kernel = csv("performance/kernel.csv").query("functions == 'shared' and size == 1_000_000")
    kernel = kernel.set_index(["place", "pass"])[["/ relu", "/ tanh", "/ gelu"]]
    expected = [
        [place, PASSES[name], *kernel.loc[(place, name)]]
        for place in ("cpu, 1 thread", "cpu, 2 threads")
        for name in PASSES
    ]
    assert differences(tables(page("docs/performance.md"))[KERNEL], expected) == []
    one, two = (kernel.loc[(f"cpu, {n}", "frozen"), "/ tanh"] for n in ("1 thread", "2 threads"))
    readme = " ".join(page("README.md").split())
    assert f"takes {one:.2f} times as long as `torch.tanh` on one thread" in readme
    assert f"and {two:.2f} times on two" in readme
    frozen = csv("performance/kernel.csv").query("functions == 'shared' and `pass` == 'frozen'")
    frozen = frozen.set_index(["place", "size"])["/ tanh"]
    alone = frozen["cpu, 1 thread"]
    claim = f"{alone.min():.1f} to {alone.max():.1f} times as long as"
    assert (alone.idxmin(), alone.idxmax()) == (1_000_000, 10_000)
    for name in ("docs/performance.md", "docs/user_guide/torch_models.md", "docs/design.md"):
        assert claim in " ".join(page(name).split())
    assert (frozen["cpu, 2 threads"] > 1).all()


GPU_KERNEL = "numbers | pass | ms | spline / ReLU | spline / tanh | spline / GELU"


def test_kernel_on_a_gpu():
    kernel = csv("performance/kernel_gpu.csv").query("functions == 'shared'")
    kernel = kernel.set_index(["size", "pass"])[["ms", "/ relu", "/ tanh", "/ gelu"]]
    expected = [
        [size, PASSES[name], *kernel.loc[(size, name)]]
        for size in (1_000_000, 10_000_000)
        for name in PASSES
    ]
    assert differences(tables(page("docs/performance.md"))[GPU_KERNEL], expected) == []


OUTER_STEP = (
    "restarts | network | t | spline / tanh | stack / plain loop with torch.func | MB | "
    "MB with tanh"
)


def test_outer_step():
    meta = csv("performance/meta.csv").set_index(["restarts", "width", "steps"])
    rows = tables(page("docs/performance.md"))[OUTER_STEP]
    columns = ["outer/tanh", "outer/reference", "MB", "MB tanh"]
    keys = [(int(row[0]), int(row[1].split()[-1]), int(row[2])) for row in rows]
    expected = [[key[0], None, key[2], *meta.loc[key, columns]] for key in keys]
    assert differences(rows, expected) == []
    claim = f"The ratio to tanh is {meta['outer/tanh'].max():.1f} at most in all cells."
    assert claim in page("docs/performance.md")
    stacked = csv("performance/meta_stacked.csv").set_index("steps")["outer / single"]
    claim = ", ".join(f"{ratio:.2f} (t = {steps})" for steps, ratio in stacked.items())
    assert f"take {claim} of the time" in page("docs/performance.md")


GPU_OUTER_STEP = (
    "restarts | network | t | outer step, ms | spline / tanh | stack / plain loop with torch.func"
    " | inner step, spline / tanh"
)


def test_outer_step_on_a_gpu():
    columns = ["outer ms", "outer/tanh", "outer/reference", "inner/tanh"]
    expected = [
        [row["restarts"], f"2 x {row['width']}", row["steps"], *row[columns]]
        for _, row in csv("performance/meta_gpu.csv").iterrows()
    ]
    assert differences(tables(page("docs/performance.md"))[GPU_OUTER_STEP], expected) == []
    stacked = csv("performance/meta_gpu_stacked.csv").set_index("steps")["outer / single"]
    claim = ", ".join(f"{ratio:.3f} (t = {steps})" for steps, ratio in stacked.items())
    assert f"take {claim} of the time" in page("docs/performance.md")


SCHEDULES = (
    "inner steps, about | waves, episodic | waves, staggered | digits, episodic | digits, staggered"
)


def test_schedules():
    losses = csv("performance/schedules.csv")
    losses = losses.groupby(["budget", "task", "schedule"])["loss"].median()
    expected = []
    for budget in losses.index.unique("budget"):
        kinds = ("relu", "relu") if budget == 0 else ("episodic", "staggered")
        cells = [losses[budget, task, kind] for task in ("waves", "digits") for kind in kinds]
        expected.append([budget, *cells])
    rows = tables(page("docs/performance.md"))[SCHEDULES]
    assert differences(rows, expected) == []


# The examples

COMPARISON = "model | accuracy | TV complexity"
SLICES = "model | accuracy | axis sharpness"
LANDSCAPES = "network | accuracy | TV complexity before | after 40 epochs | ambient"


def test_comparison_with_trees():
    fits = csv("gallery/plot_01_compare_with_trees.csv")
    by_model = fits.groupby("model", sort=False)[["accuracy", "TV complexity"]]
    table = pd.concat({"mean": by_model.mean(), "error": by_model.sem()}, axis=1)
    rows = tables(page("README.md"))[COMPARISON]
    expected = [
        (None, *(tuple(own[:, column]) for column in ("accuracy", "TV complexity")))
        for _, own in table.iterrows()
    ]
    assert differences(rows, expected) == []


def test_slices_and_landscapes_of_the_examples():
    found = tables(page("docs/complexity.md"))
    slices = csv("gallery/plot_03_function_slices.csv").set_index("model")
    rows = found[SLICES]
    expected = [(row[0], *slices.loc[row[0], ["accuracy", "axis sharpness"]]) for row in rows]
    assert len(rows) == len(slices)
    assert differences(rows, expected) == []
    planes = csv("gallery/plot_04_landscapes.csv").set_index("network")
    columns = ["accuracy", "start", "end", "ambient"]
    rows = found[LANDSCAPES]
    assert len(rows) == len(planes)
    assert differences(rows, [(row[0], *planes.loc[row[0], columns]) for row in rows]) == []


def test_correlations_of_the_measures():
    measures = csv("gallery/plot_05_measures_that_agree.csv")
    correlations = measures[["tv", "polynomial", "fourier"]].corr("spearman")["tv"]
    text = page("docs/complexity.md")
    order, frequency = re.search(
        r"TV complexity is (\S+) for the mean polynomial order, and (\S+) for the mean frequency",
        text,
    ).groups()
    assert agrees(order, correlations["polynomial"])
    assert agrees(frequency, correlations["fourier"])


def test_scores_and_complexities_of_the_examples():
    scores = csv("gallery/plot_02_accuracy_and_complexity.csv")
    text = " ".join(page("docs/complexity.md").split())
    magic, diabetes = (frame for _, frame in scores.groupby("table", sort=False))
    found = re.search(
        r"linear model \(TV complexity (\S+)\) has an accuracy of (\S+), the ReLU network "
        r"\((\S+)\) (\S+), boosted trees \((\S+)\) (\S+) and the random forest \((\S+)\), "
        r"the best, (\.\d+)",
        text,
    ).groups()
    names = ["linear", "ReLU network", "boosted trees", "random forest"]
    values = magic.set_index("model").loc[names, ["tv", "score"]].to_numpy().ravel()
    assert all(map(agrees, found, values))
    assert magic["score"].idxmax() == magic.index[magic["model"] == "random forest"][0]

    found = re.search(
        r"linear model \(R² (\S+)\) is hardly .* grows: (\S+) at (\S+), (\S+) at (\S+)\. .* "
        r"also score (\S+) there, at (\d+\.\d)",
        text,
    ).groups()
    tanh = diabetes[diabetes["model"].str.startswith("tanh")].sort_values("tv")
    assert tanh["score"].is_monotonic_decreasing
    linear, inputs = (
        diabetes.set_index("model").loc[name, ["score", "tv"]]
        for name in ("linear", "learned input functions")
    )
    ends = tanh.iloc[[0, -1]][["score", "tv"]].to_numpy().ravel()
    assert all(map(agrees, found, [linear["score"], *ends, *inputs]))


# Untrained networks

EFFECTS = "factor | networks | statistic | Fourier | Chebyshev | LZ | found"
SEQUENCES = "factor | at weight magnitude | phrases, relative to random sequences | found"
TRAINED = (
    "M | frequency of the target | prefactor whose untrained networks are nearest"
    " | best prefactor on test pairs"
)


def level_of(networks):
    """Split a cell such as "tanh; linear gate" into activation and level, None if there is none."""
    if match := re.fullmatch(r"(\w+) instead of ReLU", networks):
        return "relu", match[1]
    activation, _, level = networks.lower().partition("; ")
    return activation, level.removesuffix(" gate") or None


def test_effects_of_components():
    effects = csv("gallery/plot_07_neural_redshift_networks.csv")
    rows = tables(page("docs/redshift.md"))[EFFECTS]
    expected = []
    for row in rows:
        activation, level = level_of(row[1])
        own = effects[effects["factor"] == row[0].replace(" ", "_")]
        own = own[(own["activation"] == activation) & (own["statistic"] == row[2].lower())]
        own = own if level is None else own[own["level"] == level]
        own = own.set_index("measure")[["estimate", "low", "high"]]
        cells = [tuple(own.loc[measure]) for measure in ("fourier", "chebyshev", "lz")]
        expected.append([None, None, None, *cells, None])
    assert differences(rows, expected) == []
    assert len(rows) == len(effects[effects["measure"] == "lz"])


def test_phrases_of_sequences():
    means = csv("gallery/plot_07_neural_redshift_sequences.csv")
    means = means.set_index(["factor", "weight_magnitude"])
    effects = csv("gallery/plot_07_neural_redshift_sequence_effects.csv")
    rows = tables(page("docs/redshift.md"))[SEQUENCES]
    spearman = effects[effects["statistic"] == "spearman"]
    spearman = spearman.set_index(["factor", "weight_magnitude"])[["estimate", "low", "high"]]
    keys = [("weight_magnitude", 4.0), ("depth", 1.0), ("depth", 4.0)]
    for row, key in zip(rows, keys, strict=False):
        assert (
            differences(
                [row[2:]], [[tuple(means.loc[[key], "relative_lz"]), tuple(spearman.loc[key])]]
            )
            == []
        )
    for row, magnitude in zip(rows[3:], (1.0, 4.0), strict=True):
        phrases = means.loc[[("activation", magnitude)]].set_index("level")["relative_lz"]
        assert differences([row[:3]], [[phrases["gelu"], magnitude, None]]) == []
        others = tuple(phrases[["tanh", "sin", "gaussian"]])
        assert differences([row[2:3]], [[others]]) == []
    own = effects[(effects["level"] == "gaussian") & (effects["weight_magnitude"] == 4)]
    assert differences([rows[-1][3:]], [[tuple(own[["estimate", "low", "high"]].iloc[0])]]) == []


def test_correlations_between_the_measures_of_redshift():
    table = csv("gallery/plot_07_neural_redshift_measures.csv").set_index("measure")
    text = " ".join(page("docs/redshift.md").split())
    (own,) = set(table.loc["fourier", ["chebyshev", "legendre"]].round(2))
    assert f"{own} between Fourier and either polynomial measure" in text
    assert table.loc["chebyshev", "legendre"] > 0.99
    assert "above 0.99 between the two polynomial ones" in text
    others = table["lz"].drop("lz").round(2)
    assert f"{others.min()} to {others.max()} between LZ and the others" in text


def test_prefactors_of_trained_networks():
    training = csv("gallery/plot_07_neural_redshift_training.csv")
    assert (
        differences(tables(page("docs/redshift.md"))[TRAINED], training.to_numpy().tolist()) == []
    )


# All tables

CHECKED = {
    "docs/tabular.md": [*ON_ONE_SPLIT, DEPTH_AND_WIDTH],  # and the six of make_report.py
    "docs/performance.md": [
        *(COSTS, SIZES, MORE_COLUMNS, f" | {STAGES}", f"rows | {STAGES}", CHANGE, KERNEL),
        *(OUTER_STEP, SCHEDULES, GPU_KERNEL, GPU_OUTER_STEP, GPU_STAGES),
    ],
    "docs/complexity.md": [SLICES, LANDSCAPES],
    "docs/redshift.md": [EFFECTS, SEQUENCES, TRAINED],
    "README.md": [SCORES, README_COSTS, COMPARISON],
}
BY_MAKE_REPORT = {"docs/tabular.md": 6}
WITHOUT_NUMBERS = {
    "docs/redshift.md": ["measure | what it is"],
    "README.md": ["name | what it is"],
    "docs/complexity.md": [
        "function | what it measures | unchanged by | a straight line scores",
        "display | shows",
    ],
}


@pytest.mark.parametrize("name", CHECKED)
def test_no_table_of_numbers_is_unchecked(name):
    left = set(tables(page(name))) - set(CHECKED[name]) - set(WITHOUT_NUMBERS.get(name, []))
    assert len(left) == BY_MAKE_REPORT.get(name, 0), left


def test_a_wrong_number_is_seen():
    rows = tables("| a | b | c |\n|---|--:|--:|\n| x | **1,234.5 ± 0.10** | -.48 |\n")["a | b | c"]
    assert differences(rows, [["x", (1234.46, 0.104), -0.4849]]) == []
    assert differences(rows, [["x", (1234.56, 0.104), -0.4849]]) != []
    assert differences(rows, [["x", (1234.46, 0.104), 0.48]]) != []
    assert differences(rows, [["y", None, None]]) != []
