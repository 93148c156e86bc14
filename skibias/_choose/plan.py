"""What a fit does: the parameters of an estimator, with every "auto" resolved for its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from skibias._choose.candidates import (
    PREFACTORS,
    Candidate,
    fixed_candidate,
    given_candidate,
    linear_candidate,
    usual_candidates,
)
from skibias.engine.activations import Activation
from skibias.functions.spline import SplineActivation

MIN_LEARNING_ROWS = 100  # with fewer, "auto" learns nothing
# Of functions that networks go on training.
TRAINED_CHANNELS, MIN_CHANNELS = 16, 2
TRAINED_KNOTS = 129
ROWS_PER_CHANNEL = 50
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


class NetworkPlan(NamedTuple):
    """Networks, and how they are trained."""

    hidden_layer_sizes: tuple[int, ...]
    spectral_normalization: bool
    optimizer: str
    learning_rate: float
    label_smoothing: float = 0.0


class InputPlan(NamedTuple):
    """Where functions of the columns come from."""

    has_scaled: bool  # networks on scaled columns are candidates as well
    given: Sequence[SplineActivation] | None = None  # one per column
    learner: Any = None  # the settings by which they are learned; None: they are not
    n_channels: int = 1
    scaling: str = "minmax"  # of the identity as start
    are_trained: bool = False  # every network goes on training a copy with its weights


class FitPlan(NamedTuple):
    """What a fit does."""

    owner: str  # class of the estimator, for messages
    network: NetworkPlan
    inputs: InputPlan
    candidates: tuple[Candidate, ...]  # on scaled columns, with activations that are not learned
    learner: Any  # the settings by which activations are learned; None: they are not
    learned_prefactor: float
    behind_inputs: Activation | None  # of networks that learn input functions; None: ReLU
    validation: Any  # of the estimator's learner
    screens: bool  # narrow networks are compared first
    batch_size: int | str
    max_iter: int
    n_iter_no_change: int
    n_estimators: int
    early_stopping: bool

    @property
    def learns(self) -> bool:
        """Whether anything is learned."""
        return self.learner is not None or self.inputs.learner is not None

    @classmethod
    def of(
        cls, estimator: Any, learner: Any, input_learner: Any, n_rows: int, n_columns: int
    ) -> FitPlan:
        """Resolve the parameters of an estimator for a table.

        ``learner`` and ``input_learner`` are the settings by which activations and functions of
        columns are learned.
        """
        learns_activation = _learns_activation(estimator, n_rows)
        is_replaced = estimator.activation == "auto" or estimator.prefactor is None
        return cls(
            owner=type(estimator).__name__,
            network=NetworkPlan(
                tuple(estimator.hidden_layer_sizes),
                learner.spectral_normalization,
                estimator.optimizer,
                estimator.learning_rate,
                estimator.label_smoothing,
            ),
            inputs=_input_plan(estimator, input_learner, n_rows, n_columns),
            candidates=tuple(_candidates(estimator)),
            learner=learner if learns_activation else None,
            # Under "auto", a given prefactor replaces those of tanh.
            learned_prefactor=1.0 if is_replaced else float(estimator.prefactor),
            behind_inputs=_behind_inputs(estimator),
            validation=learner.validation,
            screens=n_rows >= MIN_LEARNING_ROWS,
            batch_size=estimator.batch_size,
            max_iter=estimator.max_iter,
            n_iter_no_change=estimator.n_iter_no_change,
            n_estimators=estimator.n_estimators,
            early_stopping=estimator.early_stopping,
        )


def batch_rows(batch_size: int | str, n_rows: int) -> int:
    """Return the rows of a batch.

    "auto" is a tenth of the rows, within 32 and 256, and a 400th within 256 and 4096.
    """
    if batch_size == "auto":
        return max(32, min(256, n_rows // 10), min(4096, n_rows // 400))
    return min(int(batch_size), n_rows)


def trained_channels(n_rows: int, n_columns: int) -> int:
    """Return the functions per column of an estimator: fewer for few rows or many columns."""
    affordable = min(n_rows // ROWS_PER_CHANNEL, MAX_FIRST_LAYER // n_columns)
    return max(MIN_CHANNELS, min(TRAINED_CHANNELS, affordable))


def _is_learned(activation: Any) -> bool:
    """Whether an estimator's ``activation`` asks for learning."""
    return isinstance(activation, str) and activation in ("auto", "learned")


def _learns_activation(estimator: Any, n_rows: int) -> bool:
    if not estimator.hidden_layer_sizes or not _is_learned(estimator.activation):
        return False
    return estimator.activation == "learned" or n_rows >= MIN_LEARNING_ROWS


def _candidates(estimator: Any) -> list[Candidate]:
    """Return the candidates whose activations are not learned."""
    activation = estimator.activation
    prefactor = 1.0 if estimator.prefactor is None else float(estimator.prefactor)
    if not estimator.hidden_layer_sizes:
        return [linear_candidate()]
    if not isinstance(activation, str):
        return [given_candidate(_given_functions(activation), prefactor)]
    if activation == "auto":
        return usual_candidates(PREFACTORS if estimator.prefactor is None else (prefactor,))
    return [] if activation == "learned" else [fixed_candidate(activation, prefactor)]


def _given_functions(activation: Any) -> list[SplineActivation]:
    return list(activation) if isinstance(activation, (list, tuple)) else [activation]


def _input_plan(estimator: Any, learner: Any, n_rows: int, n_columns: int) -> InputPlan:
    """Return where functions of the columns come from."""
    wanted = estimator.input_activations
    if wanted is None:
        return InputPlan(has_scaled=True)
    if isinstance(wanted, (list, tuple)):
        return InputPlan(False, given=list(wanted))
    if hasattr(wanted, "estimator"):  # FrozenEstimator
        return InputPlan(False, given=wanted.estimator.activations_)
    if not isinstance(wanted, str):  # an unfitted IAFTransformer
        n_channels = int(wanted.n_channels)
        return InputPlan(False, learner=learner, n_channels=n_channels, scaling=wanted.scaling)
    is_auto = wanted == "auto"
    if is_auto and not _tries_inputs(estimator, n_rows, n_columns):
        return InputPlan(has_scaled=True)
    return InputPlan(
        has_scaled=is_auto,
        learner=learner,
        n_channels=trained_channels(n_rows, n_columns),
        are_trained=True,
    )


def _tries_inputs(estimator: Any, n_rows: int, n_columns: int) -> bool:
    """Whether "auto" learns input functions: only where everything is left to choose."""
    is_free = isinstance(estimator.activation, str) and estimator.activation == "auto"
    return is_free and n_rows >= MIN_LEARNING_ROWS and n_columns <= MAX_FIRST_LAYER


def _behind_inputs(estimator: Any) -> Activation | None:
    """Return the activation of networks that learn input functions; None is ReLU.

    It is twice differentiable, unlike the fast form of a spline that stays as it is.
    """
    if _is_learned(estimator.activation):
        return None
    prefactor = 1.0 if estimator.prefactor is None else float(estimator.prefactor)
    if isinstance(estimator.activation, str):
        functions = fixed_candidate(estimator.activation, prefactor).activations
    else:
        given = _given_functions(estimator.activation)
        functions = given_candidate(given, prefactor).activations
    return lambda z, layer: functions[min(layer, len(functions) - 1)](z)
