"""What the tests of the engine share.

It is always called on one thread: on several, sums round differently.
"""

import pytest
import torch

from skibias.engine import steps
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import stream
from skibias.engine.networks import Architecture, Functions, Model


@pytest.fixture(autouse=True)
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def large_stack():
    """Networks that are taken one by one, with functions of their own; their inputs."""
    architecture = Architecture(2 * 3, (72, 72), 2, trained_inputs=(2, 5, 3))
    weights = torch.stack([architecture.layout.draw(stream(0, number)) for number in range(3)])
    functions = Functions(inputs=torch.linspace(-1, 1, 5)[:, None].expand(2, 5, 3))
    inputs = 4 * torch.rand(1500, 2, generator=stream(1))
    assert weights.shape[1] * len(inputs) >= steps.THREAD_WORK
    return Model(architecture, fixed_activation("tanh")), weights, functions, inputs
