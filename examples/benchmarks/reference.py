"""The gradient of meta-learning as one would write it down first: the engine's plain twin.

One network after the other, an ordinary ``torch.nn`` module called functionally, and a spline
that indexes its values. Slow, and short enough to be checked by reading it.

Notation
--------
S : restarts, each with one network and one function
K : knots
"""

from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from skibias.engine.networks import unpack_layers
from skibias.engine.optim import RMSPROP_DECAY, SQUARE_EPSILON


def naive_spline(x, low, high, values):
    """Return the linear spline through ``values`` (K,) at equal steps over [low, high]."""
    last = len(values) - 1
    position = ((x - low) / (high - low) * last).clamp(0, last)
    left = position.detach().long().clamp(max=last - 1)
    return values[left] + (position - left) * (values[left + 1] - values[left])


class ReferenceNetwork(nn.Module):
    """A network with one learned activation, whose values at the knots are a parameter."""

    def __init__(self, sizes, domain, values):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(*pair, dtype=values.dtype) for pair in pairwise(sizes)
        )
        self.values = nn.Parameter(values)
        self.domain = domain

    def forward(self, x):
        """Return the outputs (n, o) for x (n, d)."""
        *hidden, last = self.layers
        for layer in hidden:
            previous, x = x, naive_spline(layer(x), *self.domain, self.values)
            x = x + previous if x.shape == previous.shape else x
        return last(x)


def named_weights(flat, architecture):
    """Return flat weights (P,) of the engine under the names of `ReferenceNetwork`."""
    weights = {}
    for number, (matrix, bias) in enumerate(unpack_layers(flat, architecture)):
        weights[f"layers.{number}.weight"] = matrix.T.detach().requires_grad_()
        weights[f"layers.{number}.bias"] = bias[0].detach().requires_grad_()
    return weights


def rmsprop_steps(loss_of, weights, batches, learning_rate):
    """Return the weights after one differentiable step per batch."""
    squares = {name: torch.zeros_like(own) for name, own in weights.items()}
    for batch in batches:
        loss = loss_of(weights, batch)
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        for (name, own), gradient in zip(list(weights.items()), gradients, strict=True):
            squares[name] = RMSPROP_DECAY * squares[name] + (1 - RMSPROP_DECAY) * gradient**2
            step = gradient / torch.sqrt(squares[name] + SQUARE_EPSILON)
            weights[name] = own - learning_rate * step
    return weights


def reference_gradient(case, restart, batches, validation):
    """Return the gradient (K,) of one restart's validation loss after unrolled training.

    Parameters
    ----------
    case : bench_meta_step.Case
    restart : int
    batches : list of Rows with leading axis (S,)
    validation : Rows with leading axis (S,)
    """
    values = case.functions.activation[restart, 0].detach().clone()
    architecture = case.task.model.architecture
    sizes = (architecture.n_inputs, *architecture.hidden_layer_sizes, architecture.n_outputs)
    network = ReferenceNetwork(sizes, case.domain, values)

    def loss_of(weights, batch):
        parameters = {**weights, "values": network.values}
        outputs = functional_call(network, parameters, (batch.inputs[restart],))
        return cross_entropy(outputs, batch.targets[restart])

    weights = named_weights(case.population.weights[restart], architecture)
    weights = rmsprop_steps(loss_of, weights, batches, case.settings.learning_rate)
    return torch.autograd.grad(loss_of(weights, validation), network.values)[0]
