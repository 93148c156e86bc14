"""Learning what an estimator asks for, and choosing among the candidates on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._candidates import (
    PREFACTORS,
    Candidate,
    Comparison,
    Contest,
    TrainingPlan,
    Verdict,
    all_diverged_message,
    candidate_table,
    compare,
    diverged_candidates,
    fixed_candidates,
    learned_candidates,
)
from skibias._checkpoint import Checkpoint
from skibias._fixed_activation import FixedActivation
from skibias._learner import ActivationLearner
from skibias._learning import (
    InputSettings,
    LearningData,
    is_splitter,
    learn_activations,
    learn_inputs,
    learning_data,
    outside_rows,
)
from skibias._preprocessing import (
    CHOOSING_HELD_OUT,
    CHOOSING_ROWS,
    NetworkColumns,
    WeightedRows,
    hold_out,
    make_scaler,
    spline_columns,
    subsample,
    trained_columns,
)
from skibias._runtime import count_workers, side_by_side
from skibias._spline_activation import SplineActivation
from skibias._stacks import UNLIMITED, Conditions
from skibias._targets import TargetEncoding
from skibias._time_limit import CONTEST_ENDS, LEARNING_ENDS, SCREENING_ENDS, Clock, Cut
from skibias._validation import plain_clone
from skibias.engine.episodes import stream
from skibias.engine.training import AVERAGED_STEPS

MIN_LEARNING_ROWS = 100  # with fewer, "auto" learns nothing
N_FOLDS = 5  # of the comparison with fewer rows
INPUT_CHANNELS = 8  # of functions that are learned first and then fixed
# Of functions that networks go on training.
TRAINED_CHANNELS, MIN_CHANNELS = 16, 2
TRAINED_KNOTS = 129
ROWS_PER_CHANNEL = 50
# Networks of a finalist: averaging helps those with input functions of their own more than others.
CONTEST_NETWORKS = 2
# Inputs of the first layer beyond which columns get fewer channels, and columns beyond which "auto"
# tries none.
MAX_FIRST_LAYER = 512
# Settings of an estimator's learner that are meant for activations, not for input functions.
INPUT_LEARNER = {
    "init": "auto",
    "n_knots": TRAINED_KNOTS,
    "outer_learning_rate": "auto",
    "outer_step": "auto",
    "n_restarts": 1,
}


class Problem(NamedTuple):
    """Prepared rows, their held-out split, and what all steps of a fit need."""

    rows: WeightedRows  # raw columns
    scaler: Any  # fitted
    encoding: TargetEncoding
    train: np.ndarray  # numbers of the rows that learning and training see
    held_out: np.ndarray  # numbers of the rows that choose and stop
    seed: int
    device: torch.device
    n_threads: int  # for work that can be done side by side
    clock: Clock = Clock()
    checkpoint: Checkpoint = Checkpoint()


class InputSet(NamedTuple):
    """Functions of the columns, one each."""

    functions: list[SplineActivation]
    trained: bool  # every network goes on training its own copy
    restart: int = 0  # its number in the table of candidates


class Choice(NamedTuple):
    """The candidate that won, and the record of how."""

    candidate: Candidate
    inputs: InputSet | None  # None: scaled columns
    table: dict[str, np.ndarray]  # candidates_
    history: dict[str, dict]  # meta_history_
    cuts: list[Cut]  # by the time limit


class Found(NamedTuple):
    """What learning adds to a choice."""

    options: list  # candidates, or sets of input functions
    history: dict = {}  # of learning
    diverged: Sequence[Candidate] = ()  # restarts
    cut: Cut | None = None


def choose_network(estimator, problem: Problem) -> Choice:
    """Learn functions where asked for, compare all candidates, return the best.

    Raises
    ------
    ValueError
        If no candidate comes to a finite loss.
    """
    problem = choosing_problem(problem, network_learner(estimator))
    inputs, activations = _learn_side_by_side(estimator, problem)
    input_sets = {own.restart: own for own in inputs.options}
    numbers: list[int | None] = list(input_sets)
    if estimator.input_activations == "auto" or estimator.input_activations is None:
        numbers.insert(0, None)
    candidates = [
        candidate._replace(inputs=number) for number in numbers for candidate in activations.options
    ]
    verdict = _compare(estimator, problem, candidates, input_sets)
    if not candidates or np.isinf(verdict.losses[verdict.chosen]):
        raise ValueError(all_diverged_message(type(estimator).__name__))
    best = candidates[verdict.chosen]
    history = {"activation": activations.history, "inputs": inputs.history}
    cuts = [inputs.cut, activations.cut, *verdict.cuts]
    return Choice(
        candidate=best,
        inputs=None if best.inputs is None else input_sets[best.inputs],
        table=candidate_table(candidates, verdict, [*activations.diverged, *inputs.diverged]),
        history={key: record for key, record in history.items() if record},
        cuts=[cut for cut in cuts if cut is not None],
    )


def _learn_side_by_side(estimator, problem: Problem) -> list[Found]:
    """Learn input functions and activations, each where it is asked for."""
    learns = [_learns_inputs(estimator, problem), _is_learned(estimator.activation)]
    # Workers are to share the restarts of one after the other instead.
    n_threads = problem.n_threads if count_workers() == 1 else 1
    # Made one after the other, each gets its share of the time.
    deadlines = problem.clock.deadline(LEARNING_ENDS).parts(learns, n_threads)
    stages = [problem.checkpoint.stage(name) for name in ("inputs", "activation")]
    conditions = map(Conditions, deadlines, stages)
    calls = [
        partial(find, estimator, problem, own)
        for find, own in zip((_input_sets, _activation_candidates), conditions, strict=True)
    ]
    return side_by_side(calls, n_threads) if n_threads > 1 else [call() for call in calls]


def choosing_problem(problem: Problem, learner) -> Problem:
    """Return the problem on a random choice of its rows if there are very many.

    Those of a splitter stay as they are: how it splits may depend on their order.
    """
    train = subsample(problem.train, CHOOSING_ROWS, problem.seed, "choosing rows")
    held_out = subsample(problem.held_out, CHOOSING_HELD_OUT, problem.seed, "choosing held-out")
    few = train is problem.train and held_out is problem.held_out
    if few or is_splitter(learner.validation):
        return problem
    n_rows = len(train) + len(held_out)
    return problem._replace(
        rows=problem.rows.take(np.concatenate([train, held_out])),
        train=np.arange(len(train)),
        held_out=np.arange(len(train), n_rows),
    )


def learn_input_sets(
    learner, settings: InputSettings, problem: Problem, conditions: Conditions = UNLIMITED
) -> Found:
    """Learn input functions on the training rows; the options are the sets of the restarts."""
    data = _learning_data(learner, choosing_problem(problem, learner), lambda X: X)
    learned = conditions.stage.result(
        lambda: learn_inputs(
            learner, data, problem.rows.X, settings, problem.seed, problem.device, conditions
        )
    )
    sets = [
        InputSet(learned.functions[restart], trained=False, restart=int(restart))
        for restart in np.flatnonzero(~learned.diverged)
    ]
    dropped = [
        row._replace(name=f"inputs {row.restart}", inputs=row.restart)
        for row in diverged_candidates(learned)
    ]
    return Found(sets, learned.history, dropped, learned.cut)


def network_learner(estimator):
    """Return the estimator's learner, its own copy, with what the estimator overrules."""
    learner = estimator.learner
    if learner is None:
        widths = tuple(min(width, 64) for width in estimator.hidden_layer_sizes)
        learner = ActivationLearner(hidden_layer_sizes=widths)
    return plain_clone(learner).set_params(sharing=estimator.sharing, verbose=estimator.verbose)


def transformer_learner(transformer):
    """Return an `IAFTransformer`'s learner, a copy."""
    return ActivationLearner() if transformer.learner is None else plain_clone(transformer.learner)


def resolve_batch_size(batch_size, n_rows) -> int:
    """Return the rows of a batch.

    "auto" is a tenth of the rows, within 32 and 256, and a 400th within 256 and 4096.
    """
    if batch_size == "auto":
        return max(32, min(256, n_rows // 10), min(4096, n_rows // 400))
    return min(int(batch_size), n_rows)


def split_problem(rows, scaling, encoding, fraction, *, seed, device, n_threads) -> Problem:
    """Hold out rows, fit the scaler, and return the problem.

    Like the knots of input functions, the scaler sees the held-out rows' X, never their y.
    """
    is_classification = encoding.classes is not None
    scaler = make_scaler(scaling, len(rows.X)).fit(rows.X)
    rows, train, held_out = hold_out(rows, fraction, seed, is_classification)
    return Problem(rows, scaler, encoding, train, held_out, seed, device, n_threads)


def _activation_candidates(estimator, problem, conditions: Conditions) -> Found:
    """Return candidates on scaled columns."""
    prefactor = 1.0 if estimator.prefactor is None else float(estimator.prefactor)
    activation = estimator.activation
    if not estimator.hidden_layer_sizes:
        return Found([Candidate("linear", (FixedActivation("identity"),))])
    if isinstance(activation, str) and not _is_learned(activation):
        fixed = FixedActivation(activation, prefactor)
        return Found([Candidate(activation, (fixed,), None, prefactor)])
    if not isinstance(activation, str):
        return Found([Candidate("given", _scaled_functions(estimator), None, prefactor)])
    candidates = []
    if activation == "auto":
        candidates = fixed_candidates(PREFACTORS if estimator.prefactor is None else (prefactor,))
        if len(problem.rows.X) < MIN_LEARNING_ROWS:
            return Found(candidates)
        prefactor = 1.0  # a given prefactor replaced those of tanh
    learner = network_learner(estimator)
    data = _learning_data(learner, problem, problem.scaler.transform)
    learned = conditions.stage.result(
        lambda: learn_activations(learner, [data], problem.seed, problem.device, conditions)
    )
    candidates = candidates + learned_candidates(learned, prefactor)
    return Found(candidates, learned.history, diverged_candidates(learned), learned.cut)


def _input_sets(estimator, problem, conditions: Conditions) -> Found:
    """Return the sets of input functions to try."""
    wanted = estimator.input_activations
    if isinstance(wanted, (list, tuple)):
        return Found([InputSet(list(wanted), trained=False)])
    if hasattr(wanted, "estimator"):  # FrozenEstimator
        return Found([InputSet(wanted.estimator.activations_, trained=False)])
    if not _learns_inputs(estimator, problem):
        return Found([])
    if isinstance(wanted, str):
        learner = network_learner(estimator).set_params(**INPUT_LEARNER)
        n_channels = trained_channels(*problem.rows.X.shape)
        settings = InputSettings(n_channels, activation=_given_activation(estimator))
    else:
        learner = transformer_learner(wanted).set_params(verbose=estimator.verbose)
        settings = InputSettings(
            int(wanted.n_channels), wanted.scaling, _given_activation(estimator)
        )
    found = learn_input_sets(learner, settings, problem, conditions)
    sets = [own._replace(trained=isinstance(wanted, str)) for own in found.options]
    return found._replace(options=sets)


def trained_channels(n_rows, n_columns) -> int:
    """Return the functions per column of an estimator: fewer for few rows or many columns."""
    affordable = min(n_rows // ROWS_PER_CHANNEL, MAX_FIRST_LAYER // n_columns)
    return max(MIN_CHANNELS, min(TRAINED_CHANNELS, affordable))


def network_columns(X, scaler, inputs: InputSet | None) -> NetworkColumns:
    """Return what networks with these input functions are trained on."""
    if inputs is None:
        return NetworkColumns(scaler.transform(X))
    if inputs.trained:
        return trained_columns(X, inputs.functions)
    return NetworkColumns(spline_columns(X, inputs.functions))


def _is_learned(activation) -> bool:
    """Whether an estimator's ``activation`` asks for learning."""
    return isinstance(activation, str) and activation in ("auto", "learned")


def _learns_inputs(estimator, problem) -> bool:
    """Whether input functions are learned; "auto" tries them where all is left to choose."""
    wanted = estimator.input_activations
    if not isinstance(wanted, str) or wanted != "auto":
        is_given = isinstance(wanted, (list, tuple)) or hasattr(wanted, "estimator")
        return wanted is not None and not is_given
    return (
        isinstance(estimator.activation, str)
        and estimator.activation == "auto"
        and len(problem.rows.X) >= MIN_LEARNING_ROWS
        and problem.rows.X.shape[1] <= MAX_FIRST_LAYER
    )


def _given_activation(estimator):
    """Return what stands behind the input functions while they are learned; None is ReLU.

    Twice differentiable, unlike the fast path of a frozen spline.
    """
    activation = estimator.activation
    if _is_learned(activation):
        return None
    if isinstance(activation, str):
        functions: Sequence = [FixedActivation(activation, estimator.prefactor or 1.0)]
    else:
        functions = _scaled_functions(estimator)
    return lambda z, layer: functions[min(layer, len(functions) - 1)](z)


def _scaled_functions(estimator) -> tuple[SplineActivation, ...]:
    """Return the functions that are given as ``activation``, with the prefactor inside."""
    activation = estimator.activation
    given = activation if isinstance(activation, (list, tuple)) else [activation]
    return tuple(function.scale_argument(estimator.prefactor or 1.0) for function in given)


def _learning_data(learner, problem, transform) -> LearningData:
    rows = problem.rows.take(problem.train)
    rows = rows._replace(X=transform(rows.X))
    encoding = problem.encoding
    if encoding.classes is not None and learner.loss != "auto":
        encoding = encoding._replace(loss=learner.loss)
    outside = outside_rows(learner, transform, rows, encoding)
    return learning_data(learner, rows, encoding, outside)


def _compare(estimator, problem, candidates, input_sets) -> Verdict:
    """Find the best candidate.

    All are screened as narrow networks trained for a short time; the finalists then meet at full
    width. With few rows, all are cross-validated instead, or, where something was learned on the
    training rows, compared on the held-out ones as narrow networks.
    """
    unknown = np.full(len(candidates), np.nan)
    if len(candidates) <= 1:
        return Verdict(0, unknown, unknown)
    columns: dict[int | None, NetworkColumns] = {
        number: network_columns(problem.rows.X, problem.scaler, inputs)
        for number, inputs in [(None, None), *input_sets.items()]
    }
    held_out = [(problem.train, problem.held_out)]
    if len(problem.rows.X) < MIN_LEARNING_ROWS:
        has_learned = _learns_inputs(estimator, problem) or candidates[0].restart >= 0
        folds = held_out if has_learned else _cross_validation_folds(problem)
        contest = _contest(estimator, problem, columns, folds)
        contest = contest._replace(plan=contest.plan.screening())
        losses, cut = _compared(candidates, contest, problem, "contest", CONTEST_ENDS)
        return Verdict(int(np.argmin(losses)), losses, unknown, (cut,))
    contest = _contest(estimator, problem, columns, held_out)
    narrow = contest._replace(plan=contest.plan.screening())
    screening, cut = _compared(candidates, narrow, problem, "screening", SCREENING_ENDS)
    finalists = _finalists(candidates, screening, has_baseline=estimator.activation == "auto")
    losses = unknown.copy()
    final = contest._replace(plan=contest.plan.final())
    losses[finalists], final_cut = _compared(
        [candidates[n] for n in finalists], final, problem, "contest", CONTEST_ENDS
    )
    return Verdict(int(np.nanargmin(losses)), losses, screening, (cut, final_cut))


def _compared(candidates, contest, problem, stage, share) -> Comparison:
    """Compare candidates within a share of the time, or take the result that was kept."""
    deadline = problem.clock.deadline(share)
    return problem.checkpoint.stage(stage).result(
        lambda: compare(candidates, contest, problem.n_threads, deadline)
    )


def _finalists(candidates, screening, has_baseline) -> list[int]:
    """Return the numbers of the candidates that are worth training at full width.

    These are, for scaled columns and for every set of input functions, the best one, and under
    "auto" ReLU: narrow networks trained for a short time favour steep functions. Otherwise they
    are the best two.
    """
    if not has_baseline:
        return [int(number) for number in np.argsort(screening, kind="stable")[:2]]
    finalists = []
    for inputs in dict.fromkeys(candidate.inputs for candidate in candidates):
        own = [n for n, candidate in enumerate(candidates) if candidate.inputs == inputs]
        relu = own[0]  # of every group of candidates, ReLU is the first
        finalists += dict.fromkeys([relu, min(own, key=lambda number: screening[number])])
    return finalists


def _contest(estimator, problem, columns, folds) -> Contest:
    """Return the contest of networks trained as the final one will be."""
    n_train = len(folds[0][0])
    batch_size = resolve_batch_size(estimator.batch_size, n_train)
    steps_per_epoch = max(1, round(n_train / batch_size))
    plan = TrainingPlan(
        hidden_layer_sizes=tuple(estimator.hidden_layer_sizes),
        spectral_normalization=network_learner(estimator).spectral_normalization,
        optimizer=estimator.optimizer,
        learning_rate=estimator.learning_rate,
        batch_size=batch_size,
        n_steps=estimator.max_iter * steps_per_epoch,
        patience=max(1, estimator.n_iter_no_change * steps_per_epoch // AVERAGED_STEPS),
        counts_errors=problem.rows.weigh_alike(),
        n_networks=min(CONTEST_NETWORKS, estimator.n_estimators),
        label_smoothing=estimator.label_smoothing,
    )
    return Contest(
        problem.rows, problem.encoding, columns, folds, plan, problem.seed, problem.device
    )


def _cross_validation_folds(problem):
    """Return up to `N_FOLDS` folds: whole groups or, without groups, a share of every class."""
    n_rows = len(problem.rows.X)
    generator = stream(problem.seed, "folds")
    groups = problem.rows.groups
    n_units = n_rows if groups is None else int(groups.max()) + 1
    order = torch.randperm(n_units, generator=generator).numpy()
    if problem.encoding.classes is not None and groups is None:
        order = order[np.argsort(problem.rows.y[order], kind="stable")]
    n_folds = min(N_FOLDS, n_units)
    fold = np.empty(n_units, dtype=int)
    fold[order] = np.arange(n_units) % n_folds
    fold = fold if groups is None else fold[groups]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
