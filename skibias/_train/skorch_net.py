"""skorch's net around the engine's networks: what callbacks of the user see and change.

A `NeuralNet` is composed, not subclassed. It keeps the history, the optimiser that schedules of
the learning rate know, and the callbacks; what a step does is the engine's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, PrintLog
from torch import Tensor, nn

from skibias._prepare.targets import TargetEncoding
from skibias._run.stages import StageRun
from skibias.engine.episodes import Rows
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.steps import Run, Slope, slope_apart, update_apart, update_parts
from skibias.engine.training import predict_apart


class FinalSettings(NamedTuple):
    """How the chosen network is trained."""

    encoding: TargetEncoding
    label_smoothing: float
    counts_errors: bool  # of classes, on validation rows
    optimizer: str
    learning_rate: float
    batch_size: int
    max_epochs: int
    n_iter_no_change: int
    callbacks: list | None
    verbose: int
    device: torch.device
    stage: StageRun  # until when, and where states are kept


class NetworkStack(nn.Module):
    """E networks as one module with one parameter, the flat weights (E, P)."""

    def __init__(self, model: Model, functions: Functions, weights: Tensor, run: Run) -> None:
        super().__init__()
        self.model = model
        self.functions = functions
        self.run = run
        self.weights = nn.Parameter(weights.detach().clone())

    def slope(self, batch: Rows, loss: Loss) -> Slope:
        """Return the losses of a batch and their gradient."""
        return slope_apart(self.model, self.functions, self.weights, batch, loss, self.run)

    def predict(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """Return the outputs (E, n, o) with other weights (E, P)."""
        return predict_apart(self.model, weights, self.functions, inputs, self.run)


class EngineOptimizer(torch.optim.Optimizer):
    """The engine's update rules behind torch's interface: the same steps as in meta-learning."""

    # torch decorates it with what imports its compiler, which takes a second.
    add_param_group = getattr(
        torch.optim.Optimizer.add_param_group, "__wrapped__", torch.optim.Optimizer.add_param_group
    )

    def __init__(self, parameters: Any, lr: float, name: str, run: Run) -> None:
        self._optimizer = OPTIMIZERS[name]
        self._run = run
        super().__init__(parameters, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one step along the parameters' gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                weights = parameter.detach()
                states = self.state[parameter].get("states")
                states = states or [self._optimizer.init(own) for own in update_parts(weights)]
                self.state[parameter]["states"] = update_apart(
                    self._optimizer, weights, parameter.grad, states, group["lr"], self._run
                )


def compose_net(
    stack: NetworkStack, own_callbacks: list[tuple[str, Callback]], settings: FinalSettings
) -> NeuralNet:
    """Return the net; callbacks of the final training come before those of the user."""
    net = NeuralNet(
        stack,
        criterion=nn.Module,  # losses are the engine's
        optimizer=EngineOptimizer,
        optimizer__name=settings.optimizer,
        optimizer__run=stack.run,
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        train_split=None,
        callbacks=own_callbacks + (settings.callbacks or []),
        callbacks__valid_loss=None,
        callbacks__print_log=None,
        verbose=int(_prints(settings.callbacks)),
        device=settings.device,
    )
    net.initialize()
    return net


def _prints(callbacks: list | None) -> bool:
    """Whether the user has asked for a log, which skorch prints only if the net is verbose."""
    found = [entry[1] if isinstance(entry, tuple) else entry for entry in callbacks or []]
    return any(own is PrintLog or isinstance(own, PrintLog) for own in found)


def schedules(net: NeuralNet) -> list:
    """Return the schedules of the learning rate among a net's callbacks."""
    return [own.lr_scheduler_ for _, own in net.callbacks_ if isinstance(own, LRScheduler)]


def has_stopped_early(net: NeuralNet) -> bool:
    """Whether one of skorch's EarlyStopping has waited for as long as it may."""
    own = [callback for _, callback in net.callbacks_ if isinstance(callback, EarlyStopping)]
    return any(callback.misses_ >= callback.patience for callback in own)
