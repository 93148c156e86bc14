"""The candidates of a fit: ways to build the network, and the table that compares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from skibias._learn.kinds import LearnedFunctions
from skibias._run.clock import Cut
from skibias.functions.fixed import FixedActivation, LayerActivations
from skibias.functions.spline import SplineActivation

PREFACTORS = (1.0, 2.0, 4.0, 8.0)  # of tanh under "auto"
SCALED = "scaled"  # name of the columns that are only scaled


class Candidate(NamedTuple):
    """One way to build the network."""

    name: str
    kind: Literal["fixed", "given", "learned"]  # where the activations come from
    activations: LayerActivations  # one shared, or one per hidden layer
    inputs: str = SCALED  # what the networks read, by name
    prefactor: float = 1.0
    restart: int = -1  # of the learned activation
    is_baseline: bool = False  # compared at full width in any case


def learned_inputs(restart: int) -> str:
    """Return the name of the input functions that a restart has learned."""
    return f"learned {restart}"


def fixed_candidate(name: str, prefactor: float = 1.0) -> Candidate:
    """Return the candidate of one function by name."""
    return Candidate(name, "fixed", (FixedActivation(name, prefactor),), prefactor=prefactor)


def usual_candidates(prefactors: Sequence[float]) -> list[Candidate]:
    """Return ReLU and tanh(prefactor * x) (Teney et al. 2025, section 3.3)."""
    relu = fixed_candidate("relu")._replace(is_baseline=True)
    return [relu] + [
        fixed_candidate("tanh", prefactor)._replace(name=f"tanh({prefactor:g}x)")
        for prefactor in prefactors
    ]


def linear_candidate() -> Candidate:
    """Return the candidate without hidden layers."""
    return Candidate("linear", "fixed", (FixedActivation("identity"),))


def given_candidate(functions: Sequence[SplineActivation], prefactor: float) -> Candidate:
    """Return the candidate of the splines that a user gives, one or one per layer."""
    scaled = tuple(function.scale_argument(prefactor) for function in functions)
    return Candidate("given", "given", scaled, prefactor=prefactor)


def learned_candidates(learned: LearnedFunctions, prefactor: float = 1.0) -> list[Candidate]:
    """Return a candidate for every restart that has not diverged."""
    return [
        Candidate(
            f"learned {restart}",
            "learned",
            tuple(function.scale_argument(prefactor) for function in learned.functions[restart]),
            prefactor=prefactor,
            restart=restart,
        )
        for restart in learned.usable
    ]


def diverged_candidates(learned: LearnedFunctions) -> list[Candidate]:
    """Return a row of the table for every restart of an activation that has diverged."""
    return [
        Candidate(f"learned {restart}", "learned", (), restart=restart)
        for restart in np.flatnonzero(learned.diverged).tolist()
    ]


def diverged_inputs(learned: LearnedFunctions) -> list[Candidate]:
    """Return a row of the table for every restart of input functions that has diverged."""
    return [
        row._replace(name=f"inputs {row.restart}", inputs=learned_inputs(row.restart))
        for row in diverged_candidates(learned)
    ]


class Ranking(NamedTuple):
    """How the candidates of a fit compare."""

    chosen: int
    losses: np.ndarray  # (n_candidates,); nan for those screened out, inf for diverged ones
    screening: np.ndarray  # (n_candidates,); nan where there was no screening
    cuts: tuple[Cut | None, ...] = ()  # of its stages, by a deadline


def candidate_table(
    candidates: Sequence[Candidate], ranking: Ranking, diverged: Sequence[Candidate] = ()
) -> dict[str, np.ndarray]:
    """Return the comparison as a dict of arrays, in the form of ``cv_results_``.

    ``diverged`` are restarts that diverged while they were learned; they come last.
    """
    rows = [*candidates, *diverged]
    gone = np.full(len(diverged), np.inf)
    losses = np.concatenate([ranking.losses, gone])
    screening = np.concatenate([ranking.screening, gone])
    failed = np.isinf(losses) | np.isinf(screening)
    is_chosen = np.arange(len(rows)) == ranking.chosen
    status = np.where(np.isnan(losses) & ~np.isnan(screening), "screened", "compared")
    status = np.select([is_chosen, failed], ["chosen", "diverged"], status)
    # The chosen one, then finalists by their loss, then those screened out by theirs.
    rank = np.empty(len(rows), dtype=int)
    rank[np.lexsort([screening, losses, failed, ~is_chosen])] = 1 + np.arange(len(rows))
    return {
        "name": np.array([row.name for row in rows], dtype=object),
        "inputs": np.array([row.inputs for row in rows], dtype=object),
        "prefactor": np.array([row.prefactor for row in rows]),
        "restart": np.array([row.restart for row in rows]),
        "screening_score": _scores(screening),
        "validation_score": _scores(losses),
        "rank": rank,
        "status": status.astype(object),
    }


def _scores(losses: np.ndarray) -> np.ndarray:
    """Return scores, greater being better; nan where there is none."""
    return np.where(np.isfinite(losses), -losses, np.nan)


def all_diverged_message(owner: str) -> str:
    """Say that nothing usable came out, and what to try."""
    return (
        f"Every network of {owner} diverged: no loss stayed finite. Try a smaller 'learning_rate' "
        "(of the estimator or the learner), a smaller 'outer_learning_rate' of the learner, or "
        "another 'scaling'."
    )
