"""The stages of a fit: until when each may take, what it is called, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from skibias._run.checkpoint import StageFiles
from skibias._run.clock import Clock, Cut, Deadline


class Stage(NamedTuple):
    """A part of every fit."""

    name: str
    order: int  # once a stage is done anew, results of stages with a higher number are worthless
    until: float  # share of the time limit by which it ends; time that it leaves is the next one's
    label: str  # in messages and progress bars


STAGES = {
    stage.name: stage
    for stage in (
        Stage("seed", 0, 0.0, "drawing of the seed"),
        Stage("inputs", 1, 0.25, "learning of input functions"),
        Stage("activation", 1, 0.25, "learning of activations"),
        Stage("screening", 2, 0.4, "screening of candidates"),
        Stage("comparison", 3, 0.6, "comparison of candidates"),
        Stage("training", 4, 1.0, "training"),
    )
}


class StageRun(NamedTuple):
    """One stage of one fit."""

    stage: Stage
    deadline: Deadline
    files: StageFiles
    memory: int | None = None  # bytes that a stack of restarts may take; None: as the device has

    def result(self, compute: Callable[[], Any]) -> Any:
        """Return the stage's result: the one that is kept of an earlier fit, or a new one."""
        return self.files.result(compute)

    def cut(self, done: int, planned: int, unit: str) -> Cut:
        """Return what the deadline has cut."""
        return Cut(self.stage.label, done, planned, unit)


class FitRun(NamedTuple):
    """Where a fit runs, for how long, and what is kept of it."""

    device: torch.device
    n_threads: int = 1  # for work that can be done side by side
    clock: Clock = Clock()
    folder: Path | None = None  # of its checkpoint; None: nothing is kept
    memory: int | None = None

    def stage(self, name: str) -> StageRun:
        """Begin a stage."""
        stage = STAGES[name]
        later = tuple(other.name for other in STAGES.values() if other.order > stage.order)
        files = StageFiles(self.folder, name, later)
        return StageRun(stage, self.clock.deadline(stage.until), files, self.memory)
