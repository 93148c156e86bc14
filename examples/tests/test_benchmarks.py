"""The benchmarks' helpers on numbers known beforehand, and the plain twin of the meta-gradient."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scripts import BENCHMARKS, load

from skibias import SplineActivation
from skibias.engine.networks import Architecture

CPU = torch.device("cpu")


apart = load("apart")
bench_fit = load("bench_fit")
bench_kernel = load("bench_kernel")
bench_meta_step = load("bench_meta_step")
bench_schedules = load("bench_schedules")
bench_stages = load("bench_stages")
reference = load("reference")
tables = load("tables")
timing = load("timing")


@pytest.mark.parametrize("script", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_a_script_says_in_its_first_line_what_it_is(script):
    assert load(script).__doc__.splitlines()[0].endswith((".", ":"))


# Time and memory


def test_calls_take_turns_and_the_first_ones_do_not_count():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = timing.interleave(calls, 4, CPU, n_warm_up=2)
    assert order == ["a", "b"] * 6
    assert {name: len(turns) for name, turns in seconds.items()} == {"a": 4, "b": 4}


def test_a_spent_budget_ends_the_turns_after_three():
    seconds = timing.interleave({"a": lambda: None}, 100, CPU, budget=0)
    assert len(seconds["a"]) == timing.MIN_TURNS == 3


def test_ratios_are_taken_within_the_turns():
    seconds = {"spline": [1.0, 20.0, 3.0], "tanh": [2.0, 10.0, 1.0]}
    assert tables.median_ratios(seconds, "spline") == {"spline": 1, "tanh": 2}


def test_peak_memory_is_what_is_held_at_once():
    def call():
        numbers = torch.zeros(250_000)  # 1 MB
        numbers = numbers + 1  # another one, after which the first is free
        return numbers + 1

    assert timing.peak_mb(call, CPU) == pytest.approx(2, abs=0.01)
    assert timing.highest_sum([3, -2, 4, -5, 4]) == 5
    assert timing.highest_sum([]) == 0


def test_places_are_the_numbers_of_threads_once_each(capsys):
    found = timing.places([1, 2, 1])
    names = [place.name for place in found if place.device.type == "cpu"]
    assert names == ["cpu, 1 thread", "cpu, 2 threads"]
    assert ("no CUDA device" in capsys.readouterr().out) == (not torch.cuda.is_available())


# Tables


COLUMNS = {"model": 6, "rows": ",d", "seconds": ".2f"}


def test_text_of_a_table():
    assert tables.header(COLUMNS) == " model       rows    seconds"
    record = {"model": "tanh", "rows": 1000, "seconds": 2.345}
    assert tables.line(COLUMNS, record) == "  tanh      1,000       2.35"
    assert tables.line(COLUMNS, {"model": "tanh", "seconds": "> 600"}).endswith("> 600")


def test_a_report_goes_on_from_its_file(tmp_path, capsys):
    path = tmp_path / "table.csv"
    report = tables.Report(COLUMNS, 2, path)
    report.add({"model": "tanh", "rows": 10, "seconds": 0.1})
    report.add({"model": "tanh", "rows": 20})
    first = capsys.readouterr().out
    again = tables.Report(COLUMNS, 2, path)
    assert capsys.readouterr().out == first
    assert again.records == report.records
    assert again.is_done("tanh", 10) and again.is_done("tanh", 20)
    assert not again.is_done("tanh", 30) and not again.is_done("relu", 10)


# Kernel


@pytest.mark.parametrize("functions", bench_kernel.PROBLEMS)
def test_every_pass_of_a_problem_runs(functions):
    problem = bench_kernel.PROBLEMS[functions](400, CPU)
    for name in bench_kernel.passes_of(problem):
        results = [call() for call in bench_kernel.calls_of(problem, name).values()]
        parts = (part for result in results for part in (result if name != "forward" else [result]))
        assert all(part is None or part.isfinite().all() for part in parts)


def test_the_double_pass_differentiates_the_gradient():
    def cube(x):
        return x**3

    problem = SimpleNamespace(x=torch.tensor([2.0, 3.0], dtype=torch.float64))
    upstream, twice = bench_kernel.other_call(problem, "double", cube)()
    assert torch.equal(upstream, 3 * problem.x**2)
    assert torch.equal(twice, 6 * problem.x)


# The meta-gradient


def test_naive_spline_agrees_with_the_library():
    values = np.sin(np.arange(7.0))
    x = torch.linspace(-3, 3, 301, dtype=torch.float64)  # beyond the knots, and on all of them
    expected = SplineActivation(np.linspace(-2, 2, 7), values)(x)
    actual = reference.naive_spline(x, -2, 2, torch.tensor(values))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_reference_and_engine_agree_in_the_outer_gradient(n_steps):
    case = bench_meta_step.make_case(2, 8, n_steps, dtype=torch.float64)
    batches, validation = bench_meta_step.draw(case)
    expected = [reference.reference_gradient(case, i, batches, validation) for i in range(2)]
    actual = bench_meta_step.spline_gradient(case, batches, validation)
    assert actual.abs().max() > 1e-3
    torch.testing.assert_close(actual, torch.stack(expected), rtol=1e-9, atol=1e-13)


def test_reference_and_engine_agree_in_the_outer_step():
    case = bench_meta_step.make_case(2, 8, 2, dtype=torch.float64)
    same = bench_meta_step.make_case(2, 8, 2, dtype=torch.float64)
    functions, *_ = bench_meta_step.spline_outer_step(case)
    values = bench_meta_step.reference_outer_step(same)  # the same rows, drawn anew
    assert (values - same.functions.activation[:, 0]).abs().max() > 1e-4
    # The outer learning rate is a float32.
    torch.testing.assert_close(functions.activation[:, 0], values, rtol=0, atol=1e-8)


def test_the_step_of_tanh_follows_the_slope_of_the_unrolled_loss():
    case = bench_meta_step.make_case(1, 8, 2, dtype=torch.float64)
    batches, validation = bench_meta_step.draw(case)

    def loss(prefactor):
        task = bench_meta_step.tanh_task(
            case, torch.full((1, 1, 1), prefactor, dtype=torch.float64)
        )
        functions = bench_meta_step.Functions()
        arguments = (functions, case.population, batches, validation, case.settings)
        return float(bench_meta_step.unrolled_loss(task, *arguments)[0].detach())

    same = bench_meta_step.make_case(1, 8, 2, dtype=torch.float64)
    moved, *_ = bench_meta_step.tanh_outer_step(same)
    epsilon = 1e-7  # small: the first step of RMSprop is nearly the sign of the gradient
    slope = (loss(1 + epsilon) - loss(1 - epsilon)) / (2 * epsilon)
    assert float(1 - moved) == pytest.approx(bench_meta_step.OUTER_RATE * slope, rel=1e-3)


def test_single_runs_are_those_of_the_stack():
    together = bench_meta_step.make_case(2, 8, 1)
    second = bench_meta_step.make_case(1, 8, 1, first_restart=1)
    assert torch.equal(together.population.weights[1], second.population.weights[0])


# Schedules


@pytest.mark.parametrize("budget", [1, 2, 3, 20, 5000])
def test_outer_steps_spend_a_budget_of_inner_steps(budget):
    n_outer = bench_schedules.outer_steps("episodic", budget)
    spent = sum(range(1, n_outer + 1))  # outer step k trains for k steps
    assert bench_schedules.inner_steps("episodic", n_outer) == spent <= budget < spent + n_outer + 1
    n_outer = bench_schedules.outer_steps("staggered", budget)
    per_step = bench_schedules.UNROLL_STEPS * bench_schedules.N_NETWORKS
    assert (
        bench_schedules.inner_steps("staggered", n_outer) == max(1, budget // per_step) * per_step
    )


def test_steps_until_a_quality_is_reached():
    records = [
        {"schedule": "episodic", "inner steps": steps, "loss": loss}
        for steps, loss in [(20, 3), (10, 5), (10, 7), (10, 100), (20, 3), (20, 4)]
    ]
    curve = bench_schedules.curves(records)["episodic"]
    assert curve == [(10, 7), (20, 3)]
    assert bench_schedules.best_of([*curve, (30, 3)]) == (20, 3)
    assert bench_schedules.steps_to_reach(curve, 7) == 10
    assert bench_schedules.steps_to_reach(curve, 6) == 20
    assert bench_schedules.steps_to_reach(curve, 1) is None


# Fits


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_slope_of_a_power(power):
    rows = [1000, 10_000, 100_000]
    assert bench_fit.slope(rows, [3e-4 * n**power for n in rows]) == pytest.approx(power)


def test_a_single_size_has_no_slope():
    assert bench_fit.slope([1000], [1.0]) is None
    assert bench_fit.slope([], []) is None


def fit_record(model, seconds, repeat=1, status="ok", rows=100):
    cells = dict.fromkeys(bench_fit.MEASURED, "1" if status == "ok" else "")
    key = {"columns": "10", "rows": str(rows), "repeat": str(repeat), "model": model}
    return {**key, **cells, "status": status, "seconds": str(seconds)}


def test_summary_takes_medians_and_ratios_within_the_repeats():
    default = [fit_record("default", 10 * repeat, repeat) for repeat in (1, 2, 3)]
    other = [fit_record("tabm", 5, 1), fit_record("tabm", 4, 2), fit_record("tabm", "", 3, "> 9")]
    first, second = bench_fit.summarise(default + other)
    assert (first["seconds"], first["default / this"]) == (20, 1)
    assert (second["seconds"], second["default / this"], second["status"]) == (4.5, 3.5, "ok")


def test_a_model_is_not_tried_on_more_rows_after_it_took_too_long():
    records = [fit_record("tabm", "", status="> 600", rows=1000)]
    assert bench_fit.took_too_long(records, "10", 10_000, "tabm")
    for others in [("10", 1000, "tabm"), ("10", 10_000, "default"), ("50", 10_000, "tabm")]:
        assert not bench_fit.took_too_long(records, *others)


def test_fits_that_a_file_holds_are_not_repeated(tmp_path, monkeypatch):
    path, fitted = tmp_path / "fit.csv", []

    def measure_apart(name, path, conditions):
        fitted.append(name)
        status = "> 600" if name == "sklearn_mlp" else "ok"
        return {"status": status, "seconds": 1}

    monkeypatch.setattr(bench_fit, "measure_apart", measure_apart)
    monkeypatch.setattr(bench_fit, "run_apart", lambda *arguments: None)
    models = ["hist_gradient_boosting", "sklearn_mlp"]
    for _ in range(2):
        report = tables.Report(bench_fit.COLUMNS, 4, path)
        for rows in (100, 200):
            bench_fit.measure_table(("10", rows, 1), models, bench_fit.Conditions(600), report)
    assert fitted == [*models, "hist_gradient_boosting"]
    assert report.records[-1]["status"] == bench_fit.NOT_TRIED


def test_generated_tables_are_balanced_and_of_the_size_asked_for():
    data = bench_fit.generated(300, 12)
    assert data["X"].shape == (300, 12) and data["X"].dtype == np.float32
    assert len(data["X_test"]) == len(data["y_test"]) == bench_fit.TEST_ROWS
    assert 0.4 < data["y_test"].mean() < 0.6


def test_a_process_beyond_its_limit_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys, time; print(1); time.sleep(float(sys.argv[1])); sys.exit(3)")
    assert apart.run_apart(str(script), "60", limit=0.3) == ("", "> 0.3")
    assert apart.run_apart(str(script), "0") == ("1\n", "exit code 3")


def test_a_fit_is_measured_in_a_process_of_its_own(tmp_path):
    path = str(tmp_path / "table.npz")
    bench_fit.prepare(path, "3", 200)
    cells = bench_fit.measure_apart("linear", path, bench_fit.Conditions(60, "cpu", 30.0))
    assert cells["status"] == "ok"
    assert all(math.isfinite(cells[name]) and cells[name] > 0 for name in ("seconds", "peak_mb"))
    assert 0.5 < cells["accuracy"] < 1


def test_device_and_time_limit_are_those_of_the_default_model():
    model = bench_fit.make_model("default", "cuda", 30.0)
    assert (model.device, model.time_limit) == ("cuda", 30)
    assert bench_fit.make_model("default").device == "cpu"
    bench_fit.make_model("sklearn_mlp", "cuda", 30.0)  # has neither


def test_device_and_time_limit_reach_the_process_of_the_fit(monkeypatch):
    called = []

    def run_apart(*arguments, limit, gpu):
        called.append((*arguments, limit, gpu))
        return apart.Outcome("", "> 60")

    monkeypatch.setattr(bench_fit, "run_apart", run_apart)
    for conditions in (bench_fit.Conditions(60), bench_fit.Conditions(60, "cuda", 30.0)):
        bench_fit.measure_apart("default", "table.npz", conditions)
    bench_fit.measure_apart("sklearn_mlp", "table.npz", conditions)
    plain, limited, other = [arguments[1:] for arguments in called]
    assert plain == ("--measure", "default", "table.npz", "--device", "cpu", 60, False)
    own = ("--device", "cuda", "--time-limit", "30.0")
    assert limited == ("--measure", "default", "table.npz", *own, 60, True)
    assert other[-1] is False  # the others are measured without GPU


def test_the_process_that_starts_the_fits_stays_small():
    code = (
        "import bench_fit, sys; sys.exit(bool({'torch', 'sklearn', 'skibias'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS).returncode == 0


# Stages of a fit


def test_stages_add_up_to_the_choice_and_the_training():
    watch = bench_stages.Stopwatch()
    watch.calls = [("compare", 2.0), ("compare", 3.0), ("choose_network", 9.0)]
    watch.calls.append(("train_networks", 5.0))
    stages = bench_stages.stage_seconds(watch, 15.0)
    assert stages == {"learning": 4, "screening": 2, "contest": 3, "training": 5, "fit": 15}


def test_an_epoch_passes_training_rows_three_times_and_held_out_rows_once():
    networks = SimpleNamespace(architecture=Architecture(3, (5,), 2))
    model = SimpleNamespace(networks_=networks, validation_fraction=0.2, n_estimators=4)
    operations = 2 * (3 * 5 + 5 * 2) * (3 * 80 + 20) * 4
    assert bench_stages.epoch_gflop(model, 100) == pytest.approx(operations / 1e9)


def test_a_timed_function_returns_what_it_returned():
    watch = bench_stages.Stopwatch()
    assert watch.around("sum", sum)([1, 2], start=3) == 6
    assert len(watch.of("sum")) == 1 and watch.of("sum")[0] >= 0
