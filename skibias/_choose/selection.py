"""Learning what a fit asks for, and choosing among its candidates on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._choose.candidates import (
    SCALED,
    Candidate,
    Ranking,
    all_diverged_message,
    candidate_table,
    diverged_candidates,
    diverged_inputs,
    learned_candidates,
    learned_inputs,
)
from skibias._choose.comparison import Comparison, Fold, Losses, TrainingPlan, compare
from skibias._choose.plan import FitPlan
from skibias._learn.kinds import Activations, FunctionKind, InputFunctions, LearnedFunctions, learn
from skibias._prepare.columns import ColumnEncoder, FixedFunctions, TrainedFunctions
from skibias._prepare.problem import Problem
from skibias._run.clock import Cut
from skibias._run.parallel import count_workers, side_by_side
from skibias._run.stages import FitRun, StageRun
from skibias.engine.episodes import stream

N_FOLDS = 5  # of the comparison with few rows


class Selection(NamedTuple):
    """The candidate that was chosen, and the record of how."""

    candidate: Candidate
    encoder: ColumnEncoder
    table: dict[str, np.ndarray]  # candidates_
    history: dict[str, dict]  # meta_history_
    cuts: list[Cut]  # by the time limit


def choose_network(plan: FitPlan, problem: Problem, run: FitRun) -> Selection:
    """Learn functions where the plan asks for it, compare all candidates, return the best.

    Raises ValueError if no candidate comes to a finite loss.
    """
    problem = problem.for_choosing(plan.validation)
    learned = _learn_side_by_side(plan, problem, run)
    encoders = _encoders(plan, problem, learned.get("inputs"))
    activations = _activations(plan, learned.get("activation"))
    candidates = [own._replace(inputs=name) for name in encoders for own in activations]
    ranking = _rank(plan, problem, candidates, encoders, run)
    if not candidates or np.isinf(ranking.losses[ranking.chosen]):
        raise ValueError(all_diverged_message(plan.owner))
    best = candidates[ranking.chosen]
    cuts = [*(own.cut for own in learned.values()), *ranking.cuts]
    return Selection(
        candidate=best,
        encoder=encoders[best.inputs],
        table=candidate_table(candidates, ranking, _diverged(learned)),
        history={part: own.history for part, own in learned.items()},
        cuts=[cut for cut in cuts if cut is not None],
    )


def _learn_side_by_side(
    plan: FitPlan, problem: Problem, run: FitRun
) -> dict[str, LearnedFunctions]:
    """Learn input functions and activations, each where it is asked for."""
    wanted: list[tuple[FunctionKind, Any]] = []
    if plan.inputs.learner is not None:
        kind = InputFunctions(
            problem.rows.X,
            plan.inputs.n_channels,
            plan.inputs.scaling,
            plan.behind_inputs,
            problem.categories,
        )
        wanted.append((kind, plan.inputs.learner))
    if plan.learner is not None:
        wanted.append((Activations(), plan.learner))
    # Workers are to share the restarts of one after the other instead.
    n_threads = run.n_threads if count_workers() == 1 else 1
    stages = [run.stage(kind.part) for kind, _ in wanted]
    # Made one after the other, each gets its share of the time.
    deadlines = stages[0].deadline.parts([1] * len(wanted), n_threads) if wanted else []
    calls = [
        partial(_learn, kind, learner, problem, run.device, stage._replace(deadline=own))
        for (kind, learner), stage, own in zip(wanted, stages, deadlines, strict=True)
    ]
    found = side_by_side(calls, n_threads) if n_threads > 1 else [call() for call in calls]
    return {kind.part: own for (kind, _), own in zip(wanted, found, strict=True)}


def _learn(
    kind: FunctionKind, learner: Any, problem: Problem, device: torch.device, stage: StageRun
) -> LearnedFunctions:
    data = problem.learning_rows(learner)
    return stage.result(lambda: learn(kind, learner, [data], problem.seed, device, stage))


def _encoders(
    plan: FitPlan, problem: Problem, learned: LearnedFunctions | None
) -> dict[str, ColumnEncoder]:
    """Return what networks of the candidates may read, by name."""
    encoders: dict[str, ColumnEncoder] = {SCALED: problem.scaled} if plan.inputs.has_scaled else {}
    if plan.inputs.given is not None:
        encoders[learned_inputs(0)] = FixedFunctions(problem.reader.on_levels(plan.inputs.given))
    if learned is not None:
        for restart in learned.usable:
            functions, supports = learned.functions[restart], learned.supports[restart]
            encoders[learned_inputs(restart)] = (
                TrainedFunctions.starting_from(functions, supports)
                if plan.inputs.are_trained
                else FixedFunctions(functions)
            )
    return encoders


def _activations(plan: FitPlan, learned: LearnedFunctions | None) -> list[Candidate]:
    """Return the candidates on scaled columns."""
    if learned is None:
        return list(plan.candidates)
    return [*plan.candidates, *learned_candidates(learned, plan.learned_prefactor)]


def _diverged(learned: dict[str, LearnedFunctions]) -> list[Candidate]:
    """Return rows of the table for the restarts that have diverged, activations first."""
    rows = diverged_candidates(learned["activation"]) if "activation" in learned else []
    return rows + (diverged_inputs(learned["inputs"]) if "inputs" in learned else [])


def _rank(
    plan: FitPlan,
    problem: Problem,
    candidates: Sequence[Candidate],
    encoders: dict[str, ColumnEncoder],
    run: FitRun,
) -> Ranking:
    """Find the best candidate.

    All are screened as narrow networks trained for a short time; the finalists are then compared
    at full width. With few rows, all are cross-validated as narrow networks instead, or, where
    something was learned on the training rows, compared on the held-out ones.
    """
    unknown = np.full(len(candidates), np.nan)
    if len(candidates) <= 1:
        return Ranking(0, unknown, unknown)
    folds = comparison_folds(plan, problem)
    wide = _comparison(plan, problem, encoders, folds, run.device)
    narrow = wide._replace(plan=wide.plan.narrow())
    if not plan.screens:
        losses, cut = _compared(candidates, narrow, run, "comparison")
        return Ranking(int(np.argmin(losses)), losses, unknown, (cut,))
    screening, cut = _compared(candidates, narrow, run, "screening")
    finalists = _finalists(candidates, screening)
    short = wide._replace(plan=wide.plan.short())
    losses = unknown.copy()
    losses[finalists], final_cut = _compared(
        [candidates[number] for number in finalists], short, run, "comparison"
    )
    return Ranking(int(np.nanargmin(losses)), losses, screening, (cut, final_cut))


def _comparison(
    plan: FitPlan,
    problem: Problem,
    encoders: dict[str, ColumnEncoder],
    folds: Sequence[Fold],
    device: torch.device,
) -> Comparison:
    """Return the comparison of networks that are trained as the final one will be."""
    training = TrainingPlan.of_fit(plan, len(folds[0][0]), problem.rows.weigh_alike())
    return Comparison.on(
        problem.rows, problem.encoding, encoders, folds, training, problem.seed, device
    )


def _compared(
    candidates: Sequence[Candidate], comparison: Comparison, run: FitRun, name: str
) -> Losses:
    """Compare candidates in a stage of the fit, or take the result that was kept."""
    stage = run.stage(name)
    return stage.result(lambda: compare(candidates, comparison, stage, run.n_threads))


def _finalists(candidates: Sequence[Candidate], screening: np.ndarray) -> list[int]:
    """Return the numbers of the candidates that are worth training at full width.

    These are, for every kind of inputs, the best one and the baseline: narrow networks trained for
    a short time favour steep functions. Without a baseline, they are the best two.
    """
    if not any(candidate.is_baseline for candidate in candidates):
        return [int(number) for number in np.argsort(screening, kind="stable")[:2]]
    finalists: list[int] = []
    for inputs in dict.fromkeys(candidate.inputs for candidate in candidates):
        own = [n for n, candidate in enumerate(candidates) if candidate.inputs == inputs]
        baseline = [n for n in own if candidates[n].is_baseline]
        best = min(own, key=lambda number: screening[number])
        finalists += dict.fromkeys([*baseline, best])
    return finalists


def comparison_folds(plan: FitPlan, problem: Problem) -> list[Fold]:
    """Return the rows that are held out, or folds where rows are few and nothing is learned."""
    if plan.screens or plan.learns:
        return [(problem.train, problem.held_out)]
    return _cross_validation_folds(problem)


def _cross_validation_folds(problem: Problem) -> list[Fold]:
    """Return up to `N_FOLDS` folds: whole groups or, without groups, a share of every class."""
    groups = problem.rows.groups
    n_units = problem.n_rows if groups is None else int(groups.max()) + 1
    order = torch.randperm(n_units, generator=stream(problem.seed, "folds")).numpy()
    if problem.encoding.classes is not None and groups is None:
        order = order[np.argsort(problem.rows.y[order], kind="stable")]
    n_folds = min(N_FOLDS, n_units)
    fold = np.empty(n_units, dtype=int)
    fold[order] = np.arange(n_units) % n_folds
    fold = fold if groups is None else fold[groups]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
