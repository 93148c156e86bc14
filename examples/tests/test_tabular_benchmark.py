"""The tabular benchmark: its protocol, what it records, that it resumes, and what it reports."""

import json
import sys
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch
from scripts import load, run_script
from sklearn.base import BaseEstimator, ClassifierMixin

from skibias import ActivationLearner, LearnedActivationMLPClassifier

run_tabular = load("run_tabular")
make_report = load("make_report")
comparison = load("tabular.comparison")
measurement = load("tabular.measurement")
models = load("tabular.models")
processes = load("tabular.processes")
protocol = load("tabular.protocol")
results = load("tabular.results")
Job = measurement.Job


def classification_table(name="set", task="classification"):
    """Return 400 rows, sorted by class, that are easy to tell apart."""
    X = np.random.RandomState(0).normal(size=(400, 3))
    y = np.repeat([0, 1], 200)
    X[:, 0] += 2 * y
    return measurement.Table(X, y)


def regression_table(name="set", task="regression"):
    X, y = classification_table()[:2]
    return measurement.Table(X, X @ [1.0, 2.0, 0.0] + y)


def row(model="relu", split=0, status="ok", **cells):
    return {
        "set": "set",
        "task": "classification",
        "split": split,
        "model": model,
        "status": status,
        **cells,
    }


# The protocol


@pytest.mark.parametrize(
    ("n_rows", "sizes"),
    [
        (1000, (700, 90, 210)),
        (38474, (10_000, 8542, 19932)),
        (1_000_000, (10_000, 50_000, 50_000)),
    ],
)
def test_sizes_of_the_parts(n_rows, sizes):
    assert protocol.part_sizes(n_rows) == sizes
    split = protocol.draw_split(n_rows, 0)
    assert tuple(len(part) for part in split) == sizes


def test_parts_are_disjoint_shuffled_and_drawn_from_the_number_of_the_split():
    split = protocol.draw_split(1000, 3)
    rows = np.concatenate(split)
    assert sorted(rows) == list(range(1000))
    np.testing.assert_array_equal(rows, np.random.RandomState(3).permutation(1000))
    for part in split:  # of a file that is sorted by class
        assert 0.3 < np.mean(part < 500) < 0.7
    assert not np.array_equal(split.train, protocol.draw_split(1000, 4).train)


def test_a_subset_follows_the_same_rule():
    split = protocol.draw_split(10_000, 0, max_rows=1000)
    assert tuple(len(part) for part in split) == (700, 90, 210)
    assert np.concatenate(split).max() > 9000


@pytest.mark.parametrize(
    ("n_test", "n_splits"),
    [(6001, 1), (6000, 2), (3001, 2), (3000, 3), (1001, 3), (1000, 5), (10, 5)],
)
def test_the_fewer_test_rows_the_more_splits(n_test, n_splits, monkeypatch):
    monkeypatch.setattr(protocol, "part_sizes", lambda n_rows: (0, 0, n_test))
    assert protocol.n_splits(0) == n_splits


@pytest.mark.parametrize(("n_rows", "n_splits"), [(38474, 1), (13376, 3), (4177, 5)])
def test_splits_of_known_sets(n_rows, n_splits):
    assert protocol.n_splits(n_rows) == n_splits


# The models


@pytest.mark.parametrize("task", protocol.TASKS)
@pytest.mark.parametrize(
    # pytabkit takes long to import.
    "name",
    [name for name, model in models.MODELS.items() if model.package != "pytabkit"],
)
def test_every_model_can_be_built(name, task):
    model = models.MODELS[name]
    if not model.is_installed():
        pytest.skip(f"{model.package} is not installed")
    candidates = model.build(task, 7)
    assert len(candidates) == (8 if name == "knn" else 4 if name.endswith("_tuned") else 1)
    for estimator in candidates.values():
        assert hasattr(estimator, "fit") and hasattr(estimator, "predict")
        seeds = [v for k, v in estimator.get_params().items() if k.endswith("random_state")]
        assert set(seeds) <= {7, None}  # None: a part whose seed the model sets
        assert 7 in seeds


def test_a_model_without_its_package_is_left_out(monkeypatch, capsys):
    missing = models.MODELS["tabm"]._replace(package="no_such_package")
    monkeypatch.setitem(models.MODELS, "tabm", missing)
    assert run_tabular.installed_models(["linear", "tabm"]) == ["linear"]
    assert "tabm is left out: no_such_package is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("embedding", ["ple", "plr"])
def test_embedding_networks_learn_and_leave_the_global_generator_alone(embedding):
    pytest.importorskip("rtdl_num_embeddings")
    embeddings = load("tabular.embeddings")
    X, y = classification_table()[:2]
    y = np.array(["a", "b"])[y]
    before = torch.random.get_rng_state()
    fits = [
        embeddings.EmbeddingMLPClassifier(embedding, hidden_layer_sizes=(16,), max_iter=15)
        for _ in range(2)
    ]
    first, second = (model.fit(X, y).predict_proba(X) for model in fits)
    assert fits[0].score(X, y) > 0.8
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-5)
    assert torch.equal(before, torch.random.get_rng_state())
    X, y = regression_table()[:2]
    y = (y - y.mean()) / y.std()
    assert embeddings.EmbeddingMLPRegressor(embedding, max_iter=15).fit(X, y).score(X, y) > 0.8


# One fit


class Recorder(ClassifierMixin, BaseEstimator):
    """Predicts a constant, and remembers which rows it saw."""

    def __init__(self, constant=0, fails=False):
        self.constant = constant
        self.fails = fails

    def fit(self, X, y):
        if self.fails:
            raise ValueError("this one\ncannot be fitted")
        self.fitted_to = X
        return self

    def predict(self, X):
        self.predicted = [*getattr(self, "predicted", []), X]
        return np.full(len(X), self.constant)


def test_validation_rows_choose_among_candidates_and_no_others():
    X = np.arange(6.0)[:, None]
    train, validation = (X[:4], np.array([0, 0, 0, 0])), (X[4:], np.array([1, 1]))
    candidates = {"zero": Recorder(0), "one": Recorder(1)}
    chosen = measurement.fit_candidates(candidates, train, validation)
    assert chosen.name == "one"  # the training rows, all of class 0, would have chosen the other
    for model in candidates.values():
        np.testing.assert_array_equal(model.fitted_to, X[:4])
        assert len(model.predicted) == 1
        np.testing.assert_array_equal(model.predicted[0], X[4:])


def test_a_single_candidate_sees_no_validation_rows():
    model = Recorder()
    measurement.fit_candidates({"": model}, (np.zeros((2, 1)), [0, 1]), (None, None))
    assert not hasattr(model, "predicted")


def test_a_candidate_that_fails_is_out_and_if_all_do_the_model_has_failed():
    train, validation = (np.zeros((2, 1)), [0, 1]), (np.zeros((1, 1)), [0])
    candidates = {"broken": Recorder(fails=True), "fine": Recorder()}
    assert measurement.fit_candidates(candidates, train, validation).name == "fine"
    with pytest.raises(ValueError, match="cannot be fitted"):
        measurement.fit_candidates({"broken": Recorder(fails=True)}, train, validation)


def test_the_calibration_error_compares_sureness_and_right_answers_bin_by_bin():
    # Two of three are right where the model says 0.9, one of two where it says 0.5.
    probabilities = np.array([[0.9, 0.1]] * 3 + [[0.5, 0.5]] * 2)
    y = np.array(["a", "a", "b", "a", "b"])
    found = measurement.calibration_error(y, probabilities, ["a", "b"])
    assert found == pytest.approx((3 * (0.9 - 2 / 3) + 2 * 0) / 5)
    sure = measurement.calibration_error(y, np.array([[1.0, 0.0]] * 5), ["a", "b"])
    assert sure == pytest.approx(1 - 3 / 5)


def test_a_row_of_classification():
    job = Job("set", "classification", 1, "hist_gradient_boosting")
    found = measurement.measure(job, classification_table)
    assert set(found) <= set(results.FIELDS)
    assert found["status"] == "ok"
    assert (found["n_train"], found["n_validation"], found["n_test"]) == (280, 36, 84)
    assert (found["n_features"], found["n_candidates"], found["seed"]) == (3, 1, 1)
    assert 0.7 < found["test_score"] < 1 and found["train_score"] == 1
    assert 0 < found["test_log_loss"] < 2 and 0 < found["test_calibration_error"] < 0.3
    assert found["tv_complexity"] > 0.5
    assert found["fit_seconds"] > 0 and found["peak_mb"] > 50 and found["fit_mb"] >= 0
    assert "test_rmse" not in found
    assert found["package"].startswith("scikit-learn ")
    json.dumps(found, default=float)


def test_a_row_of_regression():
    job = Job("set", "regression", 0, "random_forest", max_rows=300, with_complexity=False)
    found = measurement.measure(job, regression_table)
    assert found["status"] == "ok"
    assert found["n_train"] == 210 and found["max_rows"] == 300
    y = regression_table().y[protocol.draw_split(400, 0, 300).test]
    explained = 1 - found["test_rmse"] ** 2 / y.var()
    assert found["test_score"] == pytest.approx(explained)
    assert found["train_rmse"] < found["test_rmse"]
    assert "tv_complexity" not in found


@pytest.mark.parametrize("start", ["zeros", "relu"])
def test_the_start_of_a_learned_activation_is_read_from_the_network(start):
    X, y = classification_table()[:2]
    learner = ActivationLearner(init=start, n_outer_steps=2, n_restarts=1, horizon=10)
    model = LearnedActivationMLPClassifier(
        (8,), activation="learned", learner=learner, max_iter=2, random_state=0
    )
    assert measurement.describe(model.fit(X, y)) == {
        "n_hidden_layers": 1,
        "n_inner_candidates": 1,
        "chosen_name": "learned 0",
        "chosen_inputs": "scaled",
        "start": start,
    }


def test_nothing_was_learned_where_relu_is_given():
    X, y = classification_table()[:2]
    model = LearnedActivationMLPClassifier((8,), activation="relu", max_iter=2, random_state=0)
    cells = measurement.describe(model.fit(X, y))
    assert (cells["chosen_name"], cells["start"]) == ("relu", "")


def test_values_of_a_regressor_are_not_taken_for_labels():
    X, y = regression_table()[:2]
    linear = SimpleNamespace(predict=lambda X: X @ [1.0, 2.0, 0.0], classes_=[])
    assert measurement.complexity(linear, "regression", X, y) == pytest.approx(0, abs=1e-9)


# The file


def test_a_row_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "folder" / "results.csv"
    assert results.open_results(path) == []
    results.append_row(path, row(status='ValueError: "a", b\nc', split=2))
    (found,) = results.read_rows(path)
    assert tuple(found) == results.FIELDS
    assert found["status"] == 'ValueError: "a", b c'
    assert found["split"] == "2" and found["test_score"] == ""
    assert len(path.read_text().splitlines()) == 2


def test_an_unfinished_last_line_is_cut_off(tmp_path):
    path = tmp_path / "results.csv"
    results.open_results(path)
    results.append_row(path, row("relu"))
    n_finished = path.stat().st_size
    results.append_row(path, row("tanh"))
    whole = path.read_bytes()
    for n_left in range(n_finished, len(whole)):
        path.write_bytes(whole[:n_left])
        assert [found["model"] for found in results.read_rows(path)] == ["relu"]
        assert [found["model"] for found in results.open_results(path)] == ["relu"]
        results.append_row(path, row("tanh"))
        assert path.read_bytes() == whole


def test_an_unfinished_header_is_written_again(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("set,task,spl")
    assert results.open_results(path) == []
    assert path.read_text().strip().split(",") == list(results.FIELDS)


def test_a_file_with_other_columns_is_refused_and_kept(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns"):
        results.open_results(path)
    assert path.read_text() == "a,b\n1,2\n"


# The run


def test_jobs_follow_the_number_of_splits():
    options = run_tabular.parse_arguments(["--models", "linear", "knn"])
    n_rows = {("large", "classification"): 38474, ("small", "regression"): 1000}
    jobs = run_tabular.list_jobs(n_rows, options.models, options)
    assert len(jobs) == 2 * (1 + 5)
    assert jobs[0] == Job("large", "classification", 0, "linear", None, True)
    options = run_tabular.parse_arguments(["--quick", "--no-complexity"])
    jobs = run_tabular.list_jobs(n_rows, ["linear"], options)
    assert [job.set for job in jobs] == ["large", "small"]
    assert all(job.max_rows == 600 and not job.with_complexity for job in jobs)


def test_only_fits_without_a_row_remain():
    jobs = [Job("set", "classification", 0, name) for name in ("relu", "tanh", "knn")]
    rows = [row("relu"), row("tanh", status="ValueError: x"), row("knn", split=1)]
    rows = [{**found, "split": str(found["split"])} for found in rows]
    assert [job.model for job in run_tabular.remaining_jobs(jobs, rows)] == ["knn"]
    repeated = run_tabular.remaining_jobs(jobs, rows, retry_failed=True)
    assert [job.model for job in repeated] == ["tanh", "knn"]


def test_a_model_that_fails_leaves_a_row_and_the_run_goes_on(tmp_path, monkeypatch):
    broken = models.Model(lambda task, seed: {"": Recorder(fails=True)}, "scikit-learn")
    monkeypatch.setitem(models.MODELS, "broken", broken)
    path = tmp_path / "results.csv"
    results.open_results(path)
    names = ["broken", "random_forest"]
    jobs = [Job("set", "classification", 0, name, None, False) for name in names]
    n_failed = run_tabular.run_jobs(
        jobs, path, run=lambda job: measurement.measure(job, classification_table)
    )
    assert n_failed == 1
    status = {found["model"]: found["status"] for found in results.read_rows(path)}
    assert status == {"broken": "ValueError: this one cannot be fitted", "random_forest": "ok"}


def test_a_killed_run_continues_where_it_was(tmp_path):
    path = tmp_path / "results.csv"
    jobs = [Job("set", "classification", split, "relu") for split in range(5)]
    calls = []

    def run(job):
        calls.append(job.split)
        if calls == [0, 1, 2]:
            raise KeyboardInterrupt
        return row(split=job.split)

    results.open_results(path)
    with pytest.raises(KeyboardInterrupt):
        run_tabular.run_jobs(jobs, path, run=run)
    with open(path, "a") as file:
        file.write("set,classification,2,re")
    rest = run_tabular.remaining_jobs(jobs, results.open_results(path))
    assert [job.split for job in rest] == [2, 3, 4]
    assert run_tabular.run_jobs(rest, path, run=run) == 0
    assert sorted(found["split"] for found in results.read_rows(path)) == list("01234")


def test_results_of_other_subsets_are_not_mixed(tmp_path):
    path = tmp_path / "results.csv"
    results.open_results(path)
    results.append_row(path, row(max_rows=600))
    options = run_tabular.parse_arguments(["--output", str(path)])
    with pytest.raises(SystemExit, match="--max-rows 600"):
        run_tabular.started_results(options)


def test_a_process_that_dies_says_why():
    answer, reason = processes.call_apart("no such work", [])
    assert answer is None
    assert reason == "exit code 1: KeyError: 'no such work'"


def test_a_fit_whose_process_dies_has_a_row(monkeypatch):
    monkeypatch.setattr(run_tabular, "call_apart", lambda *_: (None, "killed by signal 9"))
    found = run_tabular.run_job(Job("set", "classification", 2, "relu"))
    assert results.key_of(found) == ("set", "classification", "2", "relu")
    assert found["status"] == "killed by signal 9"


def test_the_command_line_runs_resumes_and_reports(tmp_path, monkeypatch, capsys):
    table = classification_table()
    frame = pd.DataFrame(np.hstack([table.X, table.X, table.X[:, :1]]), columns=list("abcdefg"))
    frame.assign(target=table.y).to_parquet(tmp_path / "electricity.parquet")
    options = ["--sets", "electricity", "--task", "classification", "--n-splits", 1]
    options += ["--models", "linear", "hist_gradient_boosting", "--n-jobs", 2]
    variables = {"SKIBIAS_DATA": str(tmp_path)}
    first = run_script("benchmarks/run_tabular.py", *options, folder=tmp_path, **variables)
    assert "2 fitted, 0 failed" in first.stdout
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKIBIAS_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run_tabular.py", *map(str, options)])
    run_tabular.main()
    assert "2 fits, 2 of them are in tabular.csv" in capsys.readouterr().out
    rows = results.read_rows(tmp_path / "tabular.csv")
    assert {found["status"] for found in rows} == {"ok"} and len(rows) == 2
    assert all(float(found["tv_complexity"]) > 0 for found in rows)
    assert {found["data_version"] for found in rows} == {"benchmark"}
    monkeypatch.setattr(sys, "argv", ["make_report.py", "tabular.csv"])
    make_report.main()
    assert "| linear |" in (tmp_path / "tabular" / "report.md").read_text()


# The report


def frame_of(scores, column="test_score", task="classification", **cells):
    """Return results from {(set, model): scores of the splits}."""
    rows = [
        row(model, split, **{column: score}, **cells) | {"set": name, "task": task}
        for (name, model), own in scores.items()
        for split, score in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=list(results.FIELDS)).astype({"split": int})


def cell(frame, column, **where):
    for name, value in where.items():
        frame = frame[frame[name] == value]
    (value,) = frame[column]
    return value


def test_probabilities_are_means_over_splits_and_the_lowest_loss_is_first():
    scores = {("a", "relu"): [0.5, 0.7], ("b", "relu"): [0.3, 0.3], ("a", "tanh"): [0.4, 0.4]}
    scores |= {("b", "tanh"): [0.2, 0.4], ("a", "linear"): [None, None]}
    frame = frame_of(scores, "test_log_loss", test_calibration_error=0.0126)
    frame["test_log_loss"] = frame["test_log_loss"].astype(float)
    _, _, *lines = make_report.probability_table(frame).splitlines()
    assert lines[0] == "| tanh | 0.3500 | 0.0126 | 0.400, 0.013 | 0.300, 0.013 |"
    assert [line.split(" | ")[0] for line in lines] == ["| tanh", "| relu"]


def test_means_have_standard_errors_over_splits():
    found = frame_of({("a", "relu"): [0.7, 0.8, 0.9], ("a", "tanh"): [0.5]})
    by_set = comparison.means_over_splits(found, "test_score")
    assert cell(by_set, "mean", model="relu") == pytest.approx(0.8)
    assert cell(by_set, "standard_error", model="relu") == pytest.approx(0.1 / np.sqrt(3))
    assert cell(by_set, "n_splits", model="relu") == 3
    assert np.isnan(cell(by_set, "standard_error", model="tanh"))


def test_differences_are_paired():
    scores = {
        ("a", "relu"): [0.70, 0.80, 0.90],
        ("a", "tanh"): [0.72, 0.81, 0.93],
        ("b", "relu"): [0.60],
        ("b", "tanh"): [0.58],
    }
    by_set = comparison.paired_differences(frame_of(scores), "test_score", "relu")
    assert set(by_set["model"]) == {"tanh"}
    assert cell(by_set, "mean", set="a") == pytest.approx(2.0)  # of 2, 1, 3 points
    assert cell(by_set, "standard_error", set="a") == pytest.approx(1 / np.sqrt(3))
    assert cell(by_set, "mean", set="b") == pytest.approx(-2.0)
    (overall,) = comparison.means_over_sets(by_set).to_dict("records")
    assert overall["mean"] == pytest.approx(0.0, abs=1e-9) and overall["n_sets"] == 2
    assert overall["standard_error"] == pytest.approx(2.0)  # of -2 and 2: sqrt(8) / sqrt(2)


def test_relative_differences_are_in_percent_of_the_reference():
    scores = {("a", "relu"): [2.0, 4.0], ("a", "tanh"): [1.8, 4.4]}
    found = frame_of(scores, "test_rmse", "regression")
    by_set = comparison.paired_differences(found, "test_rmse", "relu", relative=True)
    assert cell(by_set, "mean", set="a") == pytest.approx(0.0, abs=1e-9)  # of -10 and 10
    assert cell(by_set, "standard_error", set="a") == pytest.approx(10.0)


def test_equal_scores_share_their_ranks():
    values = pd.DataFrame({"x": [0.9, 0.5], "y": [0.9, 0.6], "z": [0.1, 0.7]}, index=["a", "b"])
    ranks = comparison.mean_ranks(values, greater_is_better=True)
    assert ranks.to_dict() == {"y": 1.75, "z": 2.0, "x": 2.25}
    assert list(ranks.index) == ["y", "z", "x"]
    ranks = comparison.mean_ranks(values, greater_is_better=False)
    assert ranks.to_dict() == {"x": 1.75, "z": 2.0, "y": 2.25}


@pytest.mark.parametrize(("n_models", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_critical_difference_has_the_published_quantiles(n_models, q):
    expected = q * np.sqrt(n_models * (n_models + 1) / (6 * 10))
    assert comparison.critical_difference(n_models, 10) == pytest.approx(expected, rel=3e-4)


def test_cliques_are_the_largest_groups_that_do_not_differ():
    ranks = pd.Series({"a": 1.0, "b": 1.5, "c": 2.4, "d": 4.0})
    assert comparison.cliques(ranks, 1.0) == [(0, 1), (1, 2)]
    assert comparison.cliques(ranks, 1.5) == [(0, 2)]
    assert comparison.cliques(ranks, 5.0) == [(0, 3)]
    assert comparison.cliques(ranks, 0.1) == []


def test_only_splits_that_all_models_have_are_compared():
    scores = {("a", "relu"): [0.7, 0.8], ("a", "tanh"): [0.7], ("b", "relu"): [0.5]}
    found = frame_of(scores)
    shared = comparison.shared_rows(found, ["relu", "tanh"])
    assert set(zip(shared["set"], shared["split"], strict=True)) == {("a", 0)}
    assert len(comparison.shared_rows(found, ["relu"])) == 3


def test_time_ratios_are_medians_of_ratios():
    scores = {("a", "relu"): [2.0, 30.0], ("b", "relu"): [8.0]}
    scores |= {("a", "trees"): [4.0, 3.0], ("b", "trees"): [2.0]}
    found = frame_of(scores, "fit_seconds", predict_seconds=1.0, fit_mb=5.0)
    costs = comparison.costs(found, "trees")
    assert list(costs["model"]) == ["trees", "relu"]
    assert list(costs["ratio"]) == [1.0, 4.0]  # of 0.5, 10 and 4
    assert list(costs["fit_seconds"]) == [3.0, 8.0]
    assert comparison.costs(found, None)["ratio"].isna().all()


def test_the_last_row_of_a_fit_counts(tmp_path):
    path = tmp_path / "results.csv"
    results.open_results(path)
    results.append_row(path, row(status="ValueError: x"))
    results.append_row(path, row(test_score=0.75))
    found = comparison.read_results(path)
    assert list(found["status"]) == ["ok"] and list(found["test_score"]) == [0.75]


def write_results(path, names):
    """Write results on three sets of each task; the last model has failed on the last set."""
    random = np.random.RandomState(0)
    results.open_results(path)
    for task in protocol.TASKS:
        for name in ("a", "b", "c"):
            for split, model in [(split, model) for split in range(2) for model in names]:
                scores = "train_score", "test_score", "train_rmse", "test_rmse", "tv_complexity"
                cells = dict.fromkeys(scores, random.uniform(0.5, 0.9))
                cells |= {"fit_seconds": 1.0, "predict_seconds": 0.1, "fit_mb": 3}
                found = row(model, split, **cells) | {"set": name, "task": task}
                if (name, model) == ("c", names[-1]):
                    found = {k: found[k] for k in results.KEY} | {"status": "killed by signal 9"}
                results.append_row(path, found)


def test_the_report_has_tables_figures_and_failures(tmp_path, monkeypatch, capsys):
    path = tmp_path / "tabular.csv"
    write_results(path, ["relu", "hist_gradient_boosting", "another"])
    monkeypatch.setattr(sys, "argv", ["make_report.py", str(path)])
    make_report.main()
    assert capsys.readouterr().out.strip() == str(tmp_path / "tabular" / "report.md")
    text = (tmp_path / "tabular" / "report.md").read_text(encoding="utf-8")
    assert text.count("no common split") == 0
    assert text.count("Left out, as not all models have a common split there: c.") == 2
    assert "- c, split 1, another: `killed by signal 9`" in text
    figures = [line.split("(")[1].rstrip(")") for line in text.splitlines() if line[:2] == "!["]
    assert len(figures) == 10
    for name in figures:
        height, width, _ = matplotlib.image.imread(tmp_path / "tabular" / name).shape
        assert min(height, width) > 150


def test_the_best_score_of_a_set_is_bold():
    scores = {("a", "relu"): [0.7, 0.8], ("a", "tanh"): [0.5, 0.5], ("b", "relu"): [0.5]}
    scores |= {("b", "tanh"): [0.6]}
    lines = make_report.score_table(frame_of(scores), "classification").splitlines()
    assert lines[0] == "| model | mean rank | mean, % | a | b |"
    assert "| relu | 1.50 | 62.50 | **75.00 ± 5.00** | 50.00 |" in lines
    assert "| tanh | 1.50 | 55.00 | 50.00 ± 0.00 | **60.00** |" in lines
