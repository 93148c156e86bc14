"""A fit that was interrupted goes on from its files, to the same bits."""

import os
import pickle
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict
from skorch.callbacks import Callback

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)
from skibias._prepare.targets import TableData
from skibias._run.checkpoint import StageFiles, fit_digest

LEARNER = ActivationLearner(n_outer_steps=5, n_restarts=2, horizon=10, hidden_layer_sizes=(8,))
SAME = {"device": "cpu"}  # where equal fits are equal to the last bit


class InterruptedFitError(Exception):
    """What ends a fit in these tests."""


def make_data(n_rows=150):
    return make_classification(n_rows, 4, n_informative=3, n_redundant=0, random_state=0)


def make_classifier(**parameters):
    defaults = SAME | {"learner": LEARNER, "max_iter": 4, "n_estimators": 2, "random_state": 0}
    return LearnedActivationMLPClassifier((8,), **(defaults | parameters))


def make_regressor(**parameters):
    learner = clone(LEARNER).set_params(schedule="episodic", patience=2, n_outer_steps=8)
    defaults = SAME | {"learner": learner, "max_iter": 4, "optimizer": "adam", "random_state": 3}
    return LearnedActivationMLPRegressor((8,), **(defaults | parameters))


@pytest.fixture
def written(monkeypatch, clock):
    """The names of the files that are put in their place; states are kept after every step."""
    names = []
    replace = os.replace

    def recorded(source, target):
        replace(source, target)
        names.append(Path(target).name)

    monkeypatch.setattr(os, "replace", recorded)
    clock.step = 3600.0
    return names


def results(written):
    """Return the stages whose results were written: their work was done, not found."""
    return {name for name in written if not name.endswith(".state")}


def assert_same_fit(fitted, expected, X):
    np.testing.assert_array_equal(fitted.predict(X), expected.predict(X))
    np.testing.assert_array_equal(fitted.weights_, expected.weights_)
    assert fitted.best_validation_score_ == expected.best_validation_score_
    for key, column in expected.candidates_.items():
        np.testing.assert_array_equal(fitted.candidates_[key], column)
    for key, record in expected.meta_history_.items():
        losses = fitted.meta_history_[key]["validation_loss"]
        np.testing.assert_array_equal(losses, record["validation_loss"])
        steps = fitted.meta_history_[key]["snapshot_step"]
        np.testing.assert_array_equal(steps, record["snapshot_step"])
    for record, other in zip(fitted.history_, expected.history_, strict=True):
        assert {**record, "dur": 0} == {**other, "dur": 0}


def fit_with_interruptions(model, X, y, monkeypatch):
    """Fit again and again, interrupted after every single file; return how often."""
    replace = os.replace

    def replace_and_end(source, target):
        replace(source, target)
        raise InterruptedFitError

    attempts = 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_and_end)
        while True:
            try:
                model.fit(X, y)
            except InterruptedFitError:
                attempts += 1
                assert attempts < 100
                assert not hasattr(model, "weights_")
            else:
                return attempts


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (make_classifier, {}),
        (make_classifier, {"random_state": np.random.RandomState(5), "early_stopping": False}),
        (
            make_classifier,
            {"input_activations": IAFTransformer(LEARNER, n_channels=2), "optimizer": "sgd"},
        ),
        (make_regressor, {"activation": "learned"}),
    ],
    ids=["auto", "no early stopping", "transformer", "episodic regression"],
)
def test_a_fit_that_is_interrupted_after_every_file_ends_the_same(
    make, parameters, tmp_path, monkeypatch, written
):
    X, y = make_data() if make is make_classifier else make_regression(150, 4, random_state=0)
    expected = clone(make(**parameters)).fit(X, y)
    assert not written
    model = _FreshParameters(make(**parameters, checkpoint=tmp_path))
    n_interruptions = fit_with_interruptions(model, X, y, monkeypatch)
    assert 10 <= n_interruptions <= len(written)  # two threads may write before both end
    assert_same_fit(model.fitted, expected, X)
    assert written.count("training.state") == len(expected.history_) - (
        len(expected.history_) < expected.max_iter
    )


class _FreshParameters:
    """Every fit is that of a clone, as in a new process: a RandomState starts again."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.fitted = clone(self.estimator).fit(X, y)


STAGES = {"inputs", "activation", "screening", "comparison", "training"}


def test_a_finished_fit_does_no_work_again(tmp_path, written, capsys):
    X, y = make_data()
    model = make_classifier(checkpoint=str(tmp_path)).fit(X, y)
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == STAGES == results(written)
    assert set(written) > STAGES  # states were written as well; none is left
    written.clear()
    epochs = _Epochs()
    again = clone(model).set_params(callbacks=[epochs], verbose=1).fit(X, y)
    assert written == [] and epochs.seen == []
    assert "learning" not in capsys.readouterr().err
    assert_same_fit(again, model, X)


class _Epochs(Callback):
    """Keeps the epochs it sees, and ends training after one of them."""

    def __init__(self, last=None):
        self.last = last
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(len(net.history))
        if self.last == len(net.history):
            raise InterruptedFitError


def test_training_goes_on_after_the_last_epoch_that_was_kept(tmp_path, written):
    X, y = make_data()
    expected = make_classifier(max_iter=6).fit(X, y)
    model = make_classifier(max_iter=6, checkpoint=tmp_path)
    with pytest.raises(InterruptedFitError):
        model.set_params(callbacks=[_Epochs(last=4)]).fit(X, y)
    assert results(written) == STAGES - {"training"}
    written.clear()
    epochs = _Epochs()
    model.set_params(callbacks=[epochs]).fit(X, y)
    assert results(written) == {"training"}  # learned and chosen already
    assert epochs.seen == [4, 5, 6]  # the fourth had not been kept
    assert_same_fit(model, expected, X)


def test_states_are_kept_only_now_and_then(tmp_path, written, clock):
    clock.step = 0.0
    make_classifier(checkpoint=tmp_path).fit(*make_data())
    assert sorted(written) == sorted(STAGES)


def test_a_state_is_due_ten_seconds_after_the_last_one(tmp_path, clock):
    keeper = StageFiles(tmp_path, "inputs").keeper()
    for number in range(2):
        clock.now += 9.5
        assert not keeper.is_due()
        clock.now += 0.5
        assert keeper.is_due()
        keeper.keep(number)
        assert StageFiles(tmp_path, "inputs").state() == number


def test_a_training_that_had_converged_is_not_trained_on(tmp_path, written, monkeypatch):
    X, y = make_data()
    parameters = {"max_iter": 40, "n_iter_no_change": 2, "activation": "relu"}
    expected = make_classifier(**parameters).fit(X, y)
    assert expected.n_iter_ < 40
    model = make_classifier(**parameters, checkpoint=tmp_path)
    fit_with_interruptions(model, X, y, monkeypatch)
    assert_same_fit(model, expected, X)


KILLED = """
import itertools, os, signal, sys, time
sys.path.insert(0, {tests!r})
from test_checkpoint import make_classifier, make_data

replace, names, hours = os.replace, [], itertools.count(0, 3600)

def replace_and_die(source, target):
    replace(source, target)
    names.append(os.path.basename(target))
    if names.count({name!r}) == {count}:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = replace_and_die
time.monotonic = lambda: next(hours)
make_classifier(checkpoint={folder!r}).fit(*make_data())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_process_that_was_killed_goes_on_in_another_one(tmp_path, written):
    code = KILLED.format(
        tests=str(Path(__file__).parent), name="training.state", count=2, folder=str(tmp_path)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    X, y = make_data()
    epochs = _Epochs()
    model = make_classifier(checkpoint=str(tmp_path), callbacks=[epochs]).fit(X, y)
    assert results(written) == {"training"}
    assert epochs.seen == [3, 4]
    assert_same_fit(model, make_classifier().fit(X, y), X)


def test_folds_and_candidates_of_a_search_have_files_of_their_own(tmp_path):
    X, y = make_data()
    plain = {"activation": "relu", "input_activations": None, "max_iter": 2}
    model = make_classifier(**plain)
    kept = make_classifier(**plain, checkpoint=tmp_path)
    for _ in range(2):  # the second time from the files
        predictions = cross_val_predict(kept, X, y, cv=2)
        np.testing.assert_array_equal(predictions, cross_val_predict(model, X, y, cv=2))
        assert len(list(tmp_path.iterdir())) == 2
    grid = {"activation": ["relu", "tanh"]}
    search, expected = (GridSearchCV(each, grid, cv=2).fit(X, y) for each in (kept, model))
    scores = expected.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], scores)
    assert len(list(tmp_path.iterdir())) == 2 + 2 + 1  # and the best one on all rows


def test_without_a_random_state_the_seed_is_kept(tmp_path, monkeypatch, written):
    X, y = make_data()
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 123)
    expected = make_classifier(random_state=None).fit(X, y)
    model = make_classifier(random_state=None, checkpoint=tmp_path)
    with pytest.raises(InterruptedFitError):
        model.set_params(callbacks=[_Epochs(last=2)]).fit(X, y)
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 456)
    assert_same_fit(model.set_params(callbacks=None).fit(X, y), expected, X)


def test_the_name_of_a_fit_tells_all_that_its_result_depends_on():
    X, y = make_data()
    weights = np.ones(len(X))

    def digest(model, X=X, y=y, weights=weights, groups=None, device="cpu", levels=None):
        return fit_digest(model, TableData(X, y, weights, groups), device, levels)

    other_X, other_y, other_weights = X.copy(), y.copy(), weights.copy()
    other_X[3, 1] += 1e-9
    other_y[7] = 1 - y[7]
    other_weights[0] = 2.0
    other_learner = clone(LEARNER).set_params(n_outer_steps=6)
    fixed = IAFTransformer(LEARNER, random_state=0)
    different = [
        digest(make_classifier()),
        digest(make_classifier(), X=other_X),
        digest(make_classifier(), y=other_y),
        digest(make_classifier(), weights=other_weights),
        digest(make_classifier(), groups=np.arange(len(X)) % 3),
        digest(make_classifier(), groups=np.arange(len(X)) % 2),
        digest(make_classifier(), device="cuda"),
        digest(make_classifier(), levels={0: ("a", "b")}),
        digest(make_classifier(), levels={0: ("a", "c")}),
        digest(LearnedActivationMLPRegressor((8,), **_but_first(make_classifier()))),
        digest(make_classifier(learner=other_learner)),
        digest(make_classifier(max_iter=5)),
        digest(make_classifier(random_state=1)),
        digest(make_classifier(random_state=None)),
        digest(make_classifier(random_state=np.random.RandomState(0))),
        digest(make_classifier(random_state=np.random.RandomState(1))),
        digest(make_classifier(input_activations=fixed)),
        digest(make_classifier(time_limit=5)),
    ]
    assert len(set(different)) == len(different)
    same = [
        digest(make_classifier(verbose=1, callbacks=[_Epochs()], checkpoint="here")),
        digest(clone(make_classifier())),
        digest(pickle.loads(pickle.dumps(make_classifier()))),
        digest(make_classifier(), X=np.asfortranarray(X)),
    ]
    assert set(same) == {different[0]}


def _but_first(estimator):
    parameters = estimator.get_params(deep=False)
    others = ("hidden_layer_sizes", "class_weight")
    return {name: value for name, value in parameters.items() if name not in others}


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-10])


def change_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)


def replace_by_text(path):
    path.write_text("my notes")


def replace_by_another_stage(path):
    other = "comparison" if path.name != "comparison" else "screening"
    path.write_bytes((path.parent / other).read_bytes())


@pytest.mark.parametrize(
    "harm", [cut_short, change_a_bit, replace_by_text, replace_by_another_stage]
)
@pytest.mark.parametrize("stage", ["activation", "comparison", "training"])
def test_a_file_that_cannot_be_used_is_ignored_with_a_warning(harm, stage, finished, tmp_path):
    X, y, model, files = finished
    folder = tmp_path / fit_digest(model, TableData(X, y, np.ones(len(X))), "cpu")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    harm(folder / stage)
    again = clone(model).set_params(checkpoint=tmp_path, device="cpu")
    with pytest.warns(UserWarning, match=f"The checkpoint .*{stage} is ignored.*: it is damaged"):
        again.fit(X, y)
    assert_same_fit(again, model, X)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A fitted classifier, its data and its files."""
    X, y = make_data()
    path = tmp_path_factory.mktemp("finished")
    model = make_classifier(checkpoint=path, device="cpu").fit(X, y)
    (folder,) = path.iterdir()
    return X, y, model, {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_file_of_another_version_is_ignored_with_a_warning(tmp_path, monkeypatch):
    def fail(payload):
        raise AttributeError("no such class")

    stage = StageFiles(tmp_path, "inputs")
    assert stage.result(lambda: 1) == stage.result(lambda: 2) == 1
    monkeypatch.setattr(pickle, "loads", fail)
    with pytest.warns(UserWarning, match="cannot be read.*no such class"):
        assert stage.result(lambda: 2) == 2


def test_generators_of_torch_keep_their_state(tmp_path):
    generator = torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    StageFiles(tmp_path, "inputs").keeper().keep({"generator": generator})
    found = StageFiles(tmp_path, "inputs").state()["generator"]
    assert torch.equal(torch.rand(5, generator=found), torch.rand(5, generator=generator))


def test_later_stages_are_forgotten_once_an_earlier_one_is_done_anew(tmp_path, written):
    X, y = make_data()
    model = make_classifier(checkpoint=tmp_path).fit(X, y)
    (folder,) = tmp_path.iterdir()
    (folder / "activation").unlink()
    written.clear()
    again = clone(model).fit(X, y)
    assert results(written) == STAGES - {"inputs"}
    assert_same_fit(again, model, X)


def test_what_a_time_limit_cut_is_not_kept_as_done(tmp_path):
    X, y = make_data()
    model = make_classifier(checkpoint=tmp_path, time_limit=1e-6, max_iter=100)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []


def test_a_write_that_fails_does_not_end_the_fit(tmp_path, monkeypatch, finished):
    def fail(source, target):
        raise OSError("No space left on device")

    X, y, expected, _ = finished
    monkeypatch.setattr(os, "replace", fail)
    with pytest.warns(UserWarning, match="could not be written: No space left"):
        model = make_classifier(checkpoint=tmp_path).fit(X, y)
    assert_same_fit(model, expected, X)
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []  # no temporary file either


@pytest.mark.parametrize("below", ["", "folder"])
def test_a_path_that_is_no_folder_is_refused_before_any_work(tmp_path, below, capsys):
    (tmp_path / "file").write_text("mine")
    model = make_classifier(checkpoint=tmp_path / "file" / below, verbose=1)
    with pytest.raises(ValueError, match="'checkpoint' parameter .* folder .* Got .* instead"):
        model.fit(*make_data())
    assert capsys.readouterr().err == ""  # no bar of anything that was begun
    assert (tmp_path / "file").read_text() == "mine"


def test_a_path_of_the_wrong_type_is_refused():
    with pytest.raises(ValueError, match="'checkpoint' parameter .* Got 3 instead"):
        make_classifier(checkpoint=3).fit(*make_data())


def test_a_parameter_that_cannot_be_told_apart_is_refused(tmp_path, capsys):
    learner = clone(LEARNER).set_params(init=lambda x: np.maximum(x, 0))
    model = make_classifier(learner=learner, checkpoint=tmp_path, verbose=1)
    rule = "'checkpoint' parameter .* must be None where the parameter 'learner' .* Got .* instead"
    with pytest.raises(ValueError, match=rule):
        model.fit(*make_data())
    assert capsys.readouterr().err == ""


def test_a_folder_is_made_where_there_is_none(tmp_path, finished):
    X, y, expected, _ = finished
    model = make_classifier(checkpoint=str(tmp_path / "runs" / "first")).fit(X, y)
    assert clone(model).get_params()["checkpoint"] == str(tmp_path / "runs" / "first")
    assert_same_fit(model, expected, X)


def test_restarts_in_several_stacks_keep_their_own_states(written, tmp_path, monkeypatch):
    X, y = make_data()
    expected = make_classifier().fit(X, y)
    model = make_classifier(checkpoint=tmp_path)
    with parallel_config("threading", n_jobs=2):  # a stack for each worker
        assert fit_with_interruptions(model, X, y, monkeypatch) > 0
        assert_same_fit(model, expected, X)
        states = {name for name in written if name.startswith("activation")}
        assert states >= {"activation.0-0.state", "activation.1-1.state"}
        make_classifier(checkpoint=tmp_path / "whole").fit(X, y)
    assert not list((tmp_path / "whole").rglob("*.state"))  # of a fit that came to its end


class UnpicklableRecord(Callback):
    """Records what cannot be pickled."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("function", lambda: 0)


def test_a_state_that_cannot_be_pickled_does_not_end_a_fit(tmp_path):
    X, y = make_data()
    model = make_classifier(checkpoint=tmp_path, callbacks=[UnpicklableRecord()])
    with pytest.warns(UserWarning, match="could not be written"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.weights_, make_classifier().fit(X, y).weights_)
