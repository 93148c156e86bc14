"""Random networks and transformers against torch, themselves alone, and hand-made weights."""

import pytest
import torch
from torch import nn

from skibias.engine.activations import FIXED_FUNCTIONS, fixed_activation
from skibias.engine.episodes import stream
from skibias.engine.networks import forward, normalize_layer
from skibias.redshift._random_networks import NetworkSettings, draw_networks
from skibias.redshift._random_transformers import (
    TransformerSettings,
    draw_transformer,
    greedy_sequences,
    stack_transformers,
    symbol_logits,
)

RELU = fixed_activation("relu")


def points(n=50, d=2, dtype=torch.float32):
    return 2 * torch.rand(n, d, generator=stream(1, "points"), dtype=dtype) - 1


def settings_of(**changes):
    """Return settings whose magnitudes are torch's."""
    return NetworkSettings(**{"weight_magnitude": 1.0} | changes)


def draw(settings, n_networks=1):
    return draw_networks(settings, [stream(0, number) for number in range(n_networks)])


def parts_of(settings):
    """Return the matrices and biases of one network by name."""
    return settings.architecture.layout.split(draw(settings)[0])


def linear(parts, name):
    """Return a torch layer with the same weights."""
    matrix, bias = parts[f"{name} matrix"], parts[f"{name} bias"]
    module = nn.Linear(*matrix.shape)
    module.weight.data, module.bias.data = matrix.T.clone(), bias[0].clone()
    return module


def outputs_of(settings, weights, activation=RELU):
    x = points()
    return forward(weights, x.expand(len(weights), *x.shape), settings.architecture, activation)


@pytest.mark.parametrize("gate", ["none", "tanh", "sigmoid", "linear"])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_every_component_is_what_torchs_modules_compute(gate, normalized, residual):
    settings = settings_of(width=8, residual=residual, layer_normalization=normalized, gate=gate)
    parts = parts_of(settings)
    gate_function = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": lambda z: z}.get(gate)
    expected = points()
    for number in range(3):
        z = linear(parts, f"layer {number}")(expected)
        z = nn.LayerNorm(8)(z) if normalized else z
        inner = torch.relu(z)
        if gate_function:
            inner = inner * gate_function(linear(parts, f"gate {number}")(expected))
        expected = inner + expected if residual and number > 0 else inner
    expected = linear(parts, "layer 3")(expected)
    torch.testing.assert_close(outputs_of(settings, draw(settings))[0], expected)


def test_a_stack_equals_its_networks_alone():
    settings = settings_of(width=8, gate="tanh", residual=True)
    weights = draw(settings, 5)
    together = outputs_of(settings, weights)
    assert together.shape == (5, 50, 1)
    for number, own in enumerate(together):
        assert torch.equal(outputs_of(settings, weights[number : number + 1])[0], own)


def test_weights_are_uniform_as_torchs_at_magnitude_one():
    parts = parts_of(settings_of(width=400, depth=2))
    for number, n_in in enumerate((2, 400, 400)):
        matrix, bias = parts[f"layer {number} matrix"], parts[f"layer {number} bias"]
        bound = n_in**-0.5  # of torch.nn.Linear
        assert matrix.abs().max() <= bound and bias.abs().max() <= bound
        # Variance of U(-b, b), to five standard errors of an estimate.
        assert matrix.var().item() == pytest.approx(bound**2 / 3, rel=5 / 400**0.5)


def test_magnitudes_and_components_change_no_draw():
    plain = parts_of(settings_of())
    changed = parts_of(settings_of(weight_magnitude=3.0, bias_magnitude=0.5, gate="linear"))
    for name, before in plain.items():
        factor = 0.5 if name.endswith("bias") else 3.0
        torch.testing.assert_close(changed[name], factor * before)
    gates = {f"gate {number} {part}" for number in range(3) for part in ("matrix", "bias")}
    assert set(changed) - set(plain) == gates


def test_a_relu_network_scales_with_its_first_layer():
    # g(c z) = c g(z): why a prefactor does nothing to ReLU.
    settings = settings_of(bias_magnitude=0.0)
    weights = draw(settings)
    scaled = outputs_of(settings, weights, fixed_activation("relu", 4.0))
    plain = outputs_of(settings, weights)
    torch.testing.assert_close(scaled, 4**3 * plain)


def test_a_hand_made_network():
    # One unit: relu(x0 - x1 + 0.5) * 2 - 1.
    weights = torch.tensor([1.0, -1.0, 0.5, 2.0, -1.0])
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    result = forward(weights, x, settings_of(width=1, depth=1).architecture, RELU)
    assert result.flatten().tolist() == [0.0, 2.0, -1.0]


def test_normalized_points_have_mean_zero_and_variance_one():
    z = normalize_layer(5 + 3 * torch.randn(7, 9, 64, generator=stream(0)))
    torch.testing.assert_close(z.mean(-1), torch.zeros(7, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(-1, unbiased=False), torch.ones(7, 9), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("gaussian", lambda z: torch.exp(-z.square() / 2)),
        ("silu", lambda z: z * torch.sigmoid(z)),
        ("leaky_relu", lambda z: torch.where(z > 0, z, 0.01 * z)),
    ],
)
def test_further_activations_are_their_formulas(name, formula):
    z = torch.linspace(-4, 4, 33)
    torch.testing.assert_close(FIXED_FUNCTIONS[name](z), formula(z))


# Transformers

SMALL = TransformerSettings(
    n_symbols=5,
    max_length=12,
    width=8,
    n_heads=2,
    depth=2,
    weight_magnitude=1.0,
    activation="relu",
)


def small_transformers(count, **changes):
    settings = SMALL._replace(**changes)
    drawn = [draw_transformer(settings, stream(0, number)) for number in range(count)]
    return drawn, settings


def sequences(count, length):
    return torch.randint(5, (count, length), generator=stream(0, "sequences"))


def test_later_symbols_change_no_earlier_score():
    (transformer,), settings = small_transformers(1, weight_magnitude=4.0)
    first = sequences(1, 12)[0]
    changed = torch.cat([first[:7], (first[7:] + 1) % 5])
    before, after = (
        symbol_logits(transformer, settings, RELU, sequence) for sequence in (first, changed)
    )
    torch.testing.assert_close(before[:7], after[:7])
    assert (before[7:] - after[7:]).abs().amin(-1).max() > 0.01


def test_earlier_symbols_and_their_order_change_later_scores():
    (transformer,), settings = small_transformers(1, weight_magnitude=4.0)
    first = torch.tensor([0, 1, 2, 3, 4, 0])
    swapped = torch.tensor([0, 2, 1, 3, 4, 0])
    before, after = (
        symbol_logits(transformer, settings, RELU, sequence)[-1] for sequence in (first, swapped)
    )
    assert (before - after).abs().max() > 1e-3


def test_attention_equals_torchs():
    (transformer,), settings = small_transformers(1, depth=1)
    block = transformer.blocks[0]
    attention = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    attention.in_proj_weight.data = block.attention.T.clone()
    attention.out_proj.weight.data = block.projection.T.clone()
    sequence = sequences(1, 10)[0]
    h = transformer.symbols[sequence] + transformer.positions[:10]
    normal = normalize_layer(h)[None]
    mask = nn.Transformer.generate_square_subsequent_mask(10)
    h = h + attention(normal, normal, normal, attn_mask=mask, need_weights=False)[0][0]
    h = h + torch.relu(normalize_layer(h) @ block.expansion) @ block.contraction
    expected = normalize_layer(h) @ transformer.symbols.T
    torch.testing.assert_close(symbol_logits(transformer, settings, RELU, sequence), expected)


def test_without_layers_the_last_symbol_is_repeated():
    # Magnitude 0 leaves the embeddings; orthogonal ones score their own symbol highest.
    (transformer,), settings = small_transformers(1, weight_magnitude=0.0)
    transformer = transformer._replace(
        symbols=torch.eye(8)[:5], positions=torch.zeros_like(transformer.positions)
    )
    result = greedy_sequences(transformer, settings, RELU, torch.tensor([0, 3]), 6)
    assert result.tolist() == [3] * 6


def test_a_stack_of_transformers_continues_as_each_alone():
    drawn, settings = small_transformers(4, weight_magnitude=4.0)
    prompt = sequences(4, 3)
    together = greedy_sequences(stack_transformers(drawn), settings, RELU, prompt, 9)
    assert together.shape == (4, 9)
    for transformer, own_prompt, own in zip(drawn, prompt, together, strict=True):
        alone = greedy_sequences(transformer, settings, RELU, own_prompt, 9)
        assert torch.equal(alone, own)


def test_every_step_takes_the_highest_score():
    (transformer,), settings = small_transformers(1, weight_magnitude=4.0)
    prompt = sequences(1, 3)[0]
    result = greedy_sequences(transformer, settings, RELU, prompt, 9)
    logits = symbol_logits(transformer, settings, RELU, torch.cat([prompt, result])[:-1])
    assert torch.equal(logits[2:].argmax(-1), result)
