"""The benchmark of sets with categories and missing values: splits, preparation, rows, tables."""

import sys

import numpy as np
import pandas as pd
import pytest
from scripts import load, run_script
from sklearn.metrics import roc_auc_score

run_tabular = load("run_tabular")
summarize_mixed = load("summarize_mixed")
levels = load("tabular.levels")
measurement = load("tabular.measurement")
mixed_models = load("tabular.mixed_models")
processes = load("tabular.processes")
protocol = load("tabular.protocol")
results = load("tabular.results")
Job = measurement.Job
COLUMNS = ["kind", "many", "flag", "text"]


def mixed_frame(n_rows=400, seed=0):
    """Return a frame with columns of all types, missing cells and hundreds of rare levels."""
    random = np.random.RandomState(seed)
    frame = pd.DataFrame(
        {
            "number [°C]": np.where(
                random.uniform(size=n_rows) < 0.2, np.nan, random.randn(n_rows)
            ),
            "count": random.randint(0, 9, n_rows),
            "kind": pd.Categorical(random.choice(["a", "b", None], n_rows)),
            "many": [f"level {number}" for number in random.randint(0, 900, n_rows)],
            "flag": random.uniform(size=n_rows) < 0.5,
            "text": random.choice(["x", "y"], n_rows).astype(object),
        }
    )
    frame.loc[::7, "text"] = None
    return frame


def mixed_table(name="set", task="mixed", n_classes=3):
    X = mixed_frame()
    y = np.minimum(2 * (X["kind"] == "a") + X["flag"], n_classes - 1).to_numpy()
    return measurement.Table(X, y, "raw", "classification")


def value_table(name="set", task="mixed"):
    X = mixed_frame()
    return measurement.Table(X, X["count"] + 3.0 * X["flag"].to_numpy(), "raw", "regression")


# The splits


@pytest.mark.parametrize(
    ("n_rows", "max_rows", "sizes"),
    [
        (1000, None, (700, 300)),
        (30_000, None, (10_000, 20_000)),
        (60_000, None, (10_000, 30_000)),
        (30_000, 1000, (700, 300)),
    ],
)
def test_sizes_of_the_parts(n_rows, max_rows, sizes):
    split = protocol.draw_mixed_split(n_rows, 0, max_rows)
    assert (len(split.train), len(split.test)) == sizes and len(split.validation) == 0
    assert len(np.unique(np.concatenate(split))) == sum(sizes)


def test_parts_have_the_shares_of_the_classes_and_depend_on_the_split():
    labels = np.repeat([0, 1, 2], [700, 250, 50])
    split = protocol.draw_mixed_split(1000, 1, labels=labels)
    assert np.bincount(labels[split.train]).tolist() == [490, 175, 35]
    assert np.any(np.diff(split.train) < 0)  # not sorted as the set is
    again = protocol.draw_mixed_split(1000, 1, labels=labels)
    np.testing.assert_array_equal(split.train, again.train)
    other = protocol.draw_mixed_split(1000, 2, labels=labels)
    assert set(other.train) != set(split.train)


# What is prepared


def test_columns_that_are_no_numbers_are_categories():
    assert mixed_models.categorical_columns(mixed_frame()) == COLUMNS


def test_rare_levels_share_one_and_levels_that_are_new_are_of_it():
    train = pd.DataFrame({"a": list("xxxyyzw") + [None], "b": range(8)})
    found = levels.TrainingLevels(["a"], max_levels=2).fit(train)
    column = found.transform(pd.DataFrame({"a": ["x", "z", "new", None], "b": range(4)}))["c0"]
    assert column.cat.categories.tolist() == ["x", "y", levels.REST]
    assert column.tolist()[:3] == ["x", levels.REST, levels.REST] and column.isna()[3]


def test_without_a_limit_all_levels_stay_and_new_ones_are_missing():
    train = pd.DataFrame({"b": range(3), "a": pd.Categorical(["x", "y", "x"])})
    found = levels.TrainingLevels(["a"]).fit(train)
    other = found.transform(pd.DataFrame({"b": [7, 8], "a": ["new", "y"]}))
    assert list(other.columns) == ["c0", "c1"] and other["c0"].tolist() == [7, 8]
    assert other["c1"].cat.categories.tolist() == ["x", "y"]
    assert other["c1"].isna().tolist() == [True, False]


def test_truth_values_and_missing_values_as_texts():
    frame = pd.DataFrame({"a": [True, False], "b": pd.Categorical([None, "x"]), "c": [1.0, np.nan]})
    found = levels.as_texts(frame, ["a", "b"], "missing")
    assert found["a"].tolist() == ["True", "False"] and found["b"].tolist() == ["missing", "x"]
    assert found["c"].isna().tolist() == [False, True]


def test_means_are_those_of_the_training_rows():
    train = pd.DataFrame({"a": [1.0, 3.0, np.nan], "b": pd.Categorical(["x", None, "y"])})
    other = pd.DataFrame({"a": [np.nan, 7.0], "b": pd.Categorical([None, "x"])})
    found = levels.MeanNumbers().fit(train).transform(other)
    assert found["a"].tolist() == [2, 7] and found["b"].isna().tolist() == [True, False]


# The models


@pytest.mark.parametrize("task", protocol.TASKS)
@pytest.mark.parametrize("name", [name for name in mixed_models.MIXED_MODELS if name != "realmlp"])
def test_every_model_can_be_built(name, task):
    model = mixed_models.MIXED_MODELS[name]
    if not model.is_installed():
        pytest.skip(f"{model.package} is not installed")
    (estimator,) = model.build(task, 7, COLUMNS).values()
    assert hasattr(estimator, "fit") and hasattr(estimator, "predict")


PEERS = ["linear", "random_forest", "hist_gradient_boosting", "lightgbm", "catboost"]


@pytest.mark.parametrize("load_table", [mixed_table, value_table])
@pytest.mark.parametrize("name", PEERS)
def test_a_row_of_a_peer(name, load_table):
    if not mixed_models.MIXED_MODELS[name].is_installed():
        pytest.skip("its package is not installed")
    task = load_table().task
    row = measurement.measure(Job("set", task, 1, name, None, False, True), load_table)
    assert row["status"] == "ok"
    assert (row["n_train"], row["n_test"], row["n_categorical"]) == (280, 120, 4)
    assert row["test_score"] > 0.7
    assert row["fit_cpu_seconds"] >= 0
    if task == "classification":
        assert 0.8 < row["test_auc"] <= 1 and row["test_log_loss"] < 1
    else:
        assert row["test_rmse"] > 0 and "test_auc" not in row


@pytest.mark.parametrize("name", ["relu_encoded", "default_encoded", "inputs_encoded"])
def test_networks_of_skibias_are_built_behind_encoders(name):
    (estimator,) = mixed_models.MIXED_MODELS[name].build("classification", 3, COLUMNS).values()
    encoder, network = (step for _, step in estimator.steps)
    X = mixed_frame()
    encoded = encoder.fit(X).transform(mixed_frame(seed=1))
    assert np.isfinite(encoded).all()
    # Levels with a missing value's, two numbers, and where the first is missing.
    n_levels = sum(X[column].nunique(dropna=False) for column in COLUMNS)
    assert encoded.shape[1] == n_levels + 2 + 1
    assert network.random_state == 3
    assert (network.activation == "auto") == (name == "default_encoded")


def test_a_network_of_skibias_is_given_the_frame():
    (estimator,) = mixed_models.MIXED_MODELS["relu"].build("regression", 3, COLUMNS).values()
    assert not hasattr(estimator, "steps") and estimator.activation == "relu"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_area_under_the_curve_is_a_mean_over_classes(n_classes):
    random = np.random.RandomState(0)
    y = np.arange(60) % n_classes
    probabilities = random.dirichlet(np.ones(n_classes), 60)
    expected = np.mean([roc_auc_score(y == k, probabilities[:, k]) for k in range(n_classes)])
    assert measurement.area_under_curve(y, probabilities) == pytest.approx(expected)


# The run


def test_options_of_mixed_sets():
    options = run_tabular.parse_arguments(["--task", "mixed"])
    assert options.models == list(mixed_models.MIXED_MODELS)
    assert str(options.output) == "mixed.csv" and options.fields == results.MIXED_FIELDS
    jobs = run_tabular.list_jobs({("a", "regression"): 60_000}, ["linear"], options)
    assert jobs == [
        Job("a", "regression", split, "linear", None, False, True) for split in range(3)
    ]


def test_a_model_of_the_other_sets_is_refused(capsys):
    with pytest.raises(SystemExit):
        run_tabular.parse_arguments(["--task", "mixed", "--models", "linear", "knn"])
    assert "no model knn of this task, only linear, " in capsys.readouterr().err


def write_sets(folder):
    (folder / "mixed").mkdir()
    X, y, *_ = value_table()
    X.assign(target=y).to_parquet(folder / "mixed" / "reg-insurance.parquet")
    X, y, *_ = mixed_table()
    fill = {f"x{number}": 0.0 for number in range(7)}
    frame = X.assign(**fill, target=np.array(["a", "b", "c"])[y])
    frame.to_parquet(folder / "mixed" / "heart-disease.parquet")


def test_sets_are_counted_with_their_own_task(tmp_path, monkeypatch):
    write_sets(tmp_path)
    monkeypatch.setenv("SKIBIAS_DATA", str(tmp_path))
    counts = processes.count_rows(["insurance", "heart-disease", "pol"], ["mixed"])
    assert [count[:2] for count in counts] == [
        ("pol", ""),
        ("heart-disease", "classification"),
        ("insurance", "regression"),
    ]
    assert [count[2] for count in counts[1:]] == [400, 400]


def test_the_command_line_runs_resumes_and_prints_tables(tmp_path):
    write_sets(tmp_path)
    options = ["--task", "mixed", "--sets", "insurance", "heart-disease", "--n-splits", 1]
    options += ["--models", "linear", "hist_gradient_boosting"]

    def run():
        command = "benchmarks/run_tabular.py"
        return run_script(command, *options, folder=tmp_path, SKIBIAS_DATA=str(tmp_path)).stdout

    assert "4 fitted, 0 failed" in run()
    assert "4 fits, 4 of them are in mixed.csv" in run()
    rows = results.read_rows(tmp_path / "mixed.csv", results.MIXED_FIELDS)
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["data_version"] for row in rows} == {"raw"}
    arguments = ["mixed.csv", "--reference", "linear"]
    text = run_script("benchmarks/summarize_mixed.py", *arguments, folder=tmp_path).stdout
    assert "## ROC AUC, %" in text and "## RMSE" in text
    assert "Difference to linear, points" in text


# The tables


def write_results(path):
    """Write two sets of each task; the second model is better by 0.1, or by a tenth of the RMSE."""
    results.open_results(path, results.MIXED_FIELDS)
    for task in protocol.TASKS:
        for name, score in (("a", 0.6), ("b", 0.8)):
            for split in range(3):
                for model, gain in (("relu", 0), ("default", 0.1)):
                    row = {"set": f"{task} {name}", "task": task, "split": split, "model": model}
                    row |= {"status": "ok", "test_score": score + gain, "fit_cpu_seconds": 1}
                    row |= {"test_auc": score, "test_log_loss": score, "predict_seconds": 1}
                    if task == "regression":
                        row["test_rmse"] = (1 + split) * (1 - gain)
                    results.append_row(path, row, results.MIXED_FIELDS)


def test_tables_have_ranks_and_paired_differences(tmp_path, monkeypatch, capsys):
    write_results(tmp_path / "mixed.csv")
    arguments = ["summarize_mixed.py", str(tmp_path / "mixed.csv"), "--reference", "relu"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--metrics", "accuracy", "rmse", "error"])
    summarize_mixed.main()
    accuracy, rmse, error = capsys.readouterr().out.split("## ")[1:]
    assert "| default | 1.00 | **70.00** | **90.00** |" in accuracy
    assert "| default | +10.00 ± 0.00 | +10.00 ± 0.00 | +10.00 ± 0.00 |" in accuracy
    assert "| relu | 2.00 | 2.000 | 2.000 |" in rmse
    assert "| default | -10.00 ± 0.00 | -10.00 ± 0.00 | -10.00 ± 0.00 |" in rmse
    # A quarter and a half of the errors less, and a tenth of the root mean squared error twice.
    assert "| default | -23.75 ± 9.4" in error


def test_a_set_that_a_model_lacks_is_left_out(tmp_path):
    path = tmp_path / "mixed.csv"
    write_results(path)
    frame = summarize_mixed.read([path])
    frame = frame[(frame["set"] != "regression b") | (frame["model"] != "default")]
    text = summarize_mixed.summarize(frame, summarize_mixed.parse_arguments([str(path)]))
    assert text.startswith("Left out, as not all models have it: regression b.")


def test_an_unknown_reference_is_an_error(tmp_path, monkeypatch):
    write_results(tmp_path / "mixed.csv")
    arguments = ["summarize_mixed.py", str(tmp_path / "mixed.csv"), "--reference", "tabm"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="no results of tabm"):
        summarize_mixed.main()
