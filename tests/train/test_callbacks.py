"""Every callback of skorch either has an effect or is refused before any work."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.datasets import load_diabetes, load_iris, make_classification
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
    WarmRestartLR,
)
from skorch.utils import freeze_parameter

from skibias import LearnedActivationMLPClassifier, LearnedActivationMLPRegressor
from skibias._train.callback_checks import EPOCH_RECORDS
from skibias.callbacks import WeightTrajectory

IRIS = load_iris(return_X_y=True)


def classifier(*callbacks, **parameters):
    parameters = {"activation": "tanh", "max_iter": 4, "n_estimators": 2} | parameters
    return LearnedActivationMLPClassifier(
        (8,), callbacks=list(callbacks), random_state=0, **parameters
    )


def fit(*callbacks, **parameters):
    return classifier(*callbacks, **parameters).fit(*IRIS)


def refuse(*callbacks, **parameters):
    """Fit to no data: callbacks are refused before data are looked at."""
    classifier(*callbacks, **parameters).fit(None, None)


@pytest.fixture(scope="module")
def plain():
    return fit()


SCHEDULES = {
    "steps": LRScheduler("StepLR", step_size=1, gamma=0.1),
    "of a class": LRScheduler(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5),
    "of a function": LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.5**epoch),
    "cosine": LRScheduler("CosineAnnealingLR", T_max=2),
    "restarts": LRScheduler(),
    "plateau": LRScheduler(
        "ReduceLROnPlateau", monitor="valid_loss", patience=0, threshold=9.0, threshold_mode="abs"
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_change_the_learning_rate_and_the_weights(name, plain):
    model = fit(SCHEDULES[name])
    rates = [record["event_lr"] for record in model.history_]
    assert len(set(rates)) > 1
    assert not np.array_equal(model.weights_, plain.weights_)


def test_rates_of_a_schedule_are_those_that_it_names():
    rates = [record["event_lr"] for record in fit(SCHEDULES["steps"]).history_]
    np.testing.assert_allclose(rates, 0.001 * 0.1 ** np.arange(4))


def test_a_rate_of_zero_leaves_the_weights_at_their_start():
    never = LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.0)
    start = [fit(never, max_iter=n_epochs).weights_ for n_epochs in (1, 3)]
    np.testing.assert_array_equal(*start)


def test_schedules_by_batch_are_recorded_by_a_callback_of_the_training_rows(plain):
    cyclic = LRScheduler(
        "CyclicLR", base_lr=1e-4, max_lr=0.01, cycle_momentum=False, step_every="batch"
    )
    model = fit(cyclic, PassthroughScoring("event_lr", on_train=True))
    assert not np.array_equal(model.weights_, plain.weights_)
    rates = [record["event_lr"] for record in model.history_]
    assert all(1e-4 <= rate <= 0.01 for rate in rates) and np.ptp(rates) > 0


def test_clipped_gradients_lead_elsewhere(plain):
    free = fit(GradientNormClipping(), optimizer="sgd")
    clipped = fit(GradientNormClipping(1e-6), optimizer="sgd")
    np.testing.assert_array_equal(free.weights_, fit(optimizer="sgd").weights_)
    start = fit(LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.0), optimizer="sgd").weights_
    moved = np.abs(free.weights_ - start).max(), np.abs(clipped.weights_ - start).max()
    assert moved[1] < 1e-4 * moved[0]


@pytest.mark.parametrize("pattern", ["weights", "*", lambda name: name == "weights"])
def test_weights_can_be_set_and_mapped(pattern, plain):
    zeros = fit(Initializer(pattern, fn=torch.nn.init.zeros_), max_iter=1, learning_rate=1e-30)
    assert np.abs(zeros.weights_).max() < 1e-20
    halved = ParamMapper(pattern, fn=lambda weights: weights.data.mul_(0.5), at=2)
    assert not np.array_equal(fit(halved).weights_, plain.weights_)


def test_checkpoints_are_written(tmp_path, plain):
    model = fit(Checkpoint(dirname=tmp_path / "best"), TrainEndCheckpoint(dirname=tmp_path / "end"))
    np.testing.assert_array_equal(model.weights_, plain.weights_)
    for name in ("best/params.pt", "end/train_end_params.pt"):
        weights = torch.load(tmp_path / name, weights_only=True)["weights"]
        assert weights.shape == model.weights_.shape


def test_early_stopping_of_skorch_ends_training():
    stop = EarlyStopping("train_loss", patience=1, threshold=10.0, threshold_mode="abs")
    assert fit(stop).n_iter_ == 2


def test_an_interruption_is_not_taken_for_early_stopping():
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(EarlyStopping("train_loss", patience=2), Interrupt())


def test_logs_are_printed(capsys):
    for own in (PrintLog(), PrintLog, ("my log", PrintLog())):
        fit(own)
        out = capsys.readouterr().out
        assert "valid_error" in out and len(out.splitlines()) == 6
    lines = []
    fit(PrintLog(sink=lines.append))
    assert len(lines) == 6
    capsys.readouterr()
    fit(EpochTimer(), Callback)
    assert capsys.readouterr().out == ""


def test_bars_and_timers(capsys):
    model = fit(ProgressBar(), EpochTimer)
    assert "0/4" in capsys.readouterr().err  # batches of an epoch
    assert all(record["dur"] >= 0 for record in model.history_)


def test_loggers_get_the_losses_of_every_epoch(tmp_path):
    writer, experiment, client = MagicMock(), MagicMock(), MagicMock()
    run = SimpleNamespace(watch=MagicMock(), log=MagicMock(), save=MagicMock(), dir=str(tmp_path))
    pytest.importorskip("skorch")
    loggers = [TensorBoard(writer), SacredLogger(experiment), WandbLogger(run)]
    losses = [record["valid_loss"] for record in fit(*loggers).history_]
    written = [c.kwargs for c in writer.add_scalar.call_args_list if "valid_loss" in str(c)]
    assert [own["scalar_value"] for own in written] == losses
    logged = [c.args for c in experiment.log_scalar.call_args_list if c.args[0] == "valid_loss"]
    assert [own[1] for own in logged] == losses
    assert [c.args[0]["valid_loss"] for c in run.log.call_args_list] == losses
    mlflow = MlflowLogger.__new__(MlflowLogger)  # its constructor wants the library
    vars(mlflow).update(vars(_mlflow_settings(client)))
    fit(mlflow)
    metrics = [c.args for c in client.log_metric.call_args_list if "valid_loss" in c.args]
    assert len(metrics) == 4


def _mlflow_settings(client):
    return SimpleNamespace(
        run=MagicMock(),
        client=client,
        create_artifact=False,
        terminate_after_train=False,
        log_on_batch_end=False,
        log_on_epoch_end=True,
        batch_suffix="_batch",
        epoch_suffix="",
        keys_ignored=None,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: LRScheduler("StepLR", step_size=1, gamma=0.5),
        lambda: LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.5**epoch),
        lambda: LRScheduler("CosineAnnealingLR", T_max=9),
        lambda: LRScheduler("ReduceLROnPlateau", patience=0, threshold=9.0, threshold_mode="abs"),
        lambda: LRScheduler(
            "CyclicLR", base_lr=1e-4, max_lr=0.01, cycle_momentum=False, step_every="batch"
        ),
    ],
)
def test_a_schedule_goes_on_after_an_interruption(make, tmp_path, clock):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 4:
                raise InterruptedError

    clock.step = 60.0  # a state is due after every epoch
    whole = fit(make(), max_iter=6)
    with pytest.raises(InterruptedError):
        fit(make(), Interrupt(), max_iter=6, checkpoint=tmp_path)
    resumed = fit(make(), max_iter=6, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.weights_, whole.weights_)
    rates = [[record.get("event_lr") for record in own.history_] for own in (whole, resumed)]
    assert rates[0] == rates[1]


class OwnScoring(EpochScoring):
    pass


def double_share(model, X, y):
    return 2 * (model.predict(X) == y).mean()


def share_elsewhere(model, X, y):
    return (model.predict(X[:3]) == y[:3]).mean()


def test_epoch_scores_are_those_of_the_averaged_networks_on_held_out_rows():
    X, y = make_classification(300, 5, flip_y=0.2, random_state=0)
    labels = np.array(["no", "yes"])[y]
    scorings = [
        EpochScoring("accuracy", lower_is_better=False),
        ("own", OwnScoring(double_share, lower_is_better=False)),
        EpochScoring("roc_auc", lower_is_better=False, name="auc"),
        EpochScoring("neg_log_loss", lower_is_better=False),
        EpochScoring(None, lower_is_better=None, use_caching=False),
    ]
    trajectory = WeightTrajectory()
    model = LearnedActivationMLPClassifier(
        (8,), activation="tanh", max_iter=4, random_state=0, callbacks=[*scorings, trajectory]
    ).fit(X, labels)
    for record in model.history_:
        assert record["accuracy"] == pytest.approx(1 - record["valid_error"], abs=1e-3)
        assert record["double_share"] == 2 * record["accuracy"] == 2 * record["score"]
        assert 0.3 < record["auc"] < 1 and -1.5 < record["neg_log_loss"] < 0
    scores = [record["accuracy"] for record in model.history_]
    best = [record["accuracy_best"] for record in model.history_]
    assert best == [score > max([0, *scores[:n]]) for n, score in enumerate(scores)]
    assert scorings[0].best_score_ == max(scores)


def test_epoch_scores_of_values_are_in_the_units_of_y():
    X, y = load_diabetes(return_X_y=True)
    score = EpochScoring("neg_root_mean_squared_error", lower_is_better=False, name="rmse")
    model = LearnedActivationMLPRegressor(
        (8,), activation="tanh", max_iter=3, random_state=0, callbacks=[score]
    ).fit(X, y)
    for record in model.history_:
        assert -record["rmse"] == pytest.approx(np.std(y) * record["valid_error"] ** 0.5, rel=1e-4)


def test_a_monitor_may_be_a_score():
    X, y = load_iris(return_X_y=True)
    callbacks = [
        EpochScoring("accuracy", lower_is_better=False),
        EarlyStopping(monitor="accuracy", lower_is_better=False, patience=2),
    ]
    model = LearnedActivationMLPClassifier(
        (8,), activation="tanh", max_iter=50, random_state=0, callbacks=callbacks
    ).fit(X, y)
    assert 2 < model.n_iter_ < 50


def test_a_score_of_other_rows_is_refused():
    X, y = load_iris(return_X_y=True)
    model = LearnedActivationMLPClassifier(
        (8,), activation="tanh", max_iter=2, callbacks=[EpochScoring(share_elsewhere)]
    )
    with pytest.raises(ValueError, match="'scoring' parameter of EpochScoring"):
        model.fit(X, y)


def test_epochs_cannot_be_scored_without_held_out_rows():
    X, y = load_iris(return_X_y=True)
    model = LearnedActivationMLPClassifier(
        (8,), activation="tanh", callbacks=[EpochScoring("accuracy")], early_stopping=False
    )
    with pytest.raises(ValueError, match="'callbacks' parameter.*EpochScoring.*early_stopping"):
        model.fit(X, y)


class OwnCheckpoint(Checkpoint):
    pass


class NoDefaults(Callback):
    def __init__(self, number):
        self.number = number


REFUSED = [
    (EpochScoring, "without parameters"),
    (EpochScoring("accuracy", on_train=True), "on_train=False"),
    (OwnScoring("accuracy", on_train=True), "on_train=False"),
    (("score", EpochScoring("acuracy")), "scores of scikit-learn.*acuracy"),
    (BatchScoring("accuracy", on_train=True), "BatchScoring"),
    (PassthroughScoring("valid_loss"), "on_train=True"),
    (PassthroughScoring, "without parameters"),
    (Freezer("*"), "Freezer.*'activation'"),
    (Unfreezer("*", at=2), "Unfreezer"),
    (ParamMapper("*", fn=freeze_parameter), "freezes"),
    (ParamMapper("dense*"), "pattern that matches 'weights'"),
    (Initializer(["dense*", "bias"]), "pattern that matches 'weights'"),
    (Initializer, "without parameters"),
    (ParamMapper("*", at="initialize"), "'at'"),
    (ParamMapper("*", at=0), "'at'"),
    (LoadInitState(Checkpoint()), "LoadInitState.*'checkpoint' parameter"),
    (InputShapeSetter(), "InputShapeSetter"),
    (InputShapeSetter, "InputShapeSetter"),
    (Checkpoint(load_best=True), "load_best=False"),
    (OwnCheckpoint(load_best=True), "load_best=False"),
    (Checkpoint(f_pickle="model.pkl"), "f_pickle=None"),
    (EarlyStopping(load_best=True), "load_best=False"),
    (LRScheduler("NoSuchLR"), "schedules.*NoSuchLR"),
    (LRScheduler("StepLR"), "schedules.*step_size"),
    (LRScheduler("CyclicLR", base_lr=0.1, max_lr=1.0), "schedules.*momentum"),
    (NoDefaults, "without parameters"),
    (("train_loss", Callback()), "name every callback"),
    (("averaged_validation", Callback()), "name every callback"),
    ((3, Callback()), "name every callback"),
    (WarmRestartLR, r"LRScheduler\(policy=WarmRestartLR\)"),
    (torch.optim.lr_scheduler.StepLR, r"LRScheduler\(policy=StepLR\)"),
    (("name", None), "skorch callbacks"),
    (None, "skorch callbacks"),
]


@pytest.mark.parametrize(("entry", "reason"), REFUSED)
def test_what_would_do_nothing_or_fail_late_is_refused(entry, reason):
    with pytest.raises((TypeError, ValueError), match=f"(?s)'callbacks' parameter of .*{reason}"):
        refuse(entry)


@pytest.mark.parametrize(
    "own",
    [
        EarlyStopping,
        EarlyStopping(),
        Checkpoint(),
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    ],
)
def test_what_is_not_held_out_cannot_be_monitored(own):
    with pytest.raises(ValueError, match="'callbacks' parameter.*monitor 'train_loss'"):
        refuse(own, early_stopping=False)


PLATEAU = {"policy": "ReduceLROnPlateau", "monitor": "nope"}
STEPS = LRScheduler("StepLR", step_size=1)
SCORE = EpochScoring("accuracy", lower_is_better=None)


@pytest.mark.parametrize(
    "callbacks",
    [
        [EarlyStopping(monitor="nope")],
        [Checkpoint(monitor="nope_best")],
        [("stop", EarlyStopping(monitor="nope"))],
        [LRScheduler(**PLATEAU)],
        [LRScheduler(**PLATEAU, step_every="batch")],
        [EarlyStopping(monitor="event_lr")],
        [EarlyStopping(monitor="event_lr"), STEPS],  # not yet recorded
        [SCORE, Checkpoint(monitor="accuracy_best")],  # it has no best
        [EpochScoring("accuracy"), EarlyStopping(monitor="nope")],
    ],
)
def test_what_nothing_records_cannot_be_monitored(callbacks):
    message = r"'callbacks' parameter of .* must monitor what is recorded.*'train_loss'.* Got monit"
    with pytest.raises(ValueError, match=message):
        refuse(*callbacks)


class OwnRecord(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", 1.0)


@pytest.mark.parametrize(
    "monitor",
    ["epoch", "dur", "train_loss", "valid_loss", "valid_error", "event_lr", "mine", "own", "rate"],
)
def test_every_record_of_an_epoch_can_be_monitored(monitor):
    recording = {
        "event_lr": [STEPS],
        "mine": [OwnRecord()],
        "own": [EpochScoring("accuracy", name="own")],
        "rate": [LRScheduler("StepLR", step_size=1, event_name="rate")],
    }
    model = fit(*recording.get(monitor, []), EarlyStopping(monitor, patience=9))
    assert monitor in model.history_[-1]


@pytest.mark.parametrize("monitor", ["train_loss", "train_batch_size"])
def test_schedules_by_batch_monitor_what_batches_record(monitor):
    settings = PLATEAU | {"monitor": monitor, "step_every": "batch"}
    assert fit(LRScheduler(**settings)).n_iter_ == 4


def test_the_records_of_a_plain_fit_are_those_that_are_known(plain):
    assert set(plain.history_[-1]) == set(EPOCH_RECORDS)


def test_the_best_epoch_and_a_record_of_batches_can_be_monitored(tmp_path):
    by_batch = LRScheduler("StepLR", step_size=1, step_every="batch")
    fit(
        EpochScoring("accuracy", lower_is_better=False),
        Checkpoint(monitor="accuracy_best", dirname=tmp_path),
        by_batch,
        PassthroughScoring("event_lr", on_train=True),
        EarlyStopping(monitor="event_lr", patience=9),
        LRScheduler(policy="StepLR", step_size=1, monitor="nope", event_name=None),  # not read
    )
    assert (tmp_path / "params.pt").exists()


def test_the_same_name_twice_is_refused():
    with pytest.raises(ValueError, match=r"name every callback differently.*\['a', 'a'\]"):
        fit(("a", Callback()), ("a", EpochTimer()))


def test_every_class_of_skorch_is_known_here():
    """A new one is to be tried: does it have an effect?"""
    known = {name for name, own in globals().items() if getattr(own, "__module__", "")}
    assert set(skorch.callbacks.__all__) - known <= {"NeptuneLogger"}  # wants the library itself
