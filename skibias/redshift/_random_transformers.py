"""Untrained GPT-like transformers and the sequences they continue greedily.

Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024.

Pre-normalised blocks with residual connections, causal self-attention, and the token embedding
once more as the read-out, as in GPT-2, whose biases also start at zero.

Notation
--------
R : transformers (any leading axes, also none)
t, s, w : positions, symbols, width
a, v : heads, units per head
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from skibias._numbers import check_count
from skibias.engine.activations import Activation
from skibias.engine.networks import normalize_layer
from skibias.redshift._validation import ActivationLike, check_activation, check_magnitude

EXPANSION = 4  # units of the MLP per unit of width, as in GPT-2


class TransformerSettings(NamedTuple):
    """What `transformer_sweep` draws transformers from."""

    n_symbols: int
    max_length: int  # positions that have an embedding
    width: int  # a multiple of n_heads
    n_heads: int
    depth: int  # blocks
    weight_magnitude: float  # 1: as torch.nn.Linear draws them; embeddings stay U(±1)
    activation: ActivationLike

    def check(self, owner: str) -> None:
        """Raise ValueError if a field that a sweep changes is unusable."""
        check_activation(self.activation, owner)
        check_magnitude("weight_magnitude", self.weight_magnitude, owner)
        check_count("depth", self.depth, 1, owner)


class Block(NamedTuple):
    """The matrices of one block."""

    attention: Tensor  # (*R, w, 3 w), to queries, keys and values
    projection: Tensor  # (*R, w, w)
    expansion: Tensor  # (*R, w, 4 w)
    contraction: Tensor  # (*R, 4 w, w)


class RandomTransformer(NamedTuple):
    """The weights of a transformer."""

    symbols: Tensor  # (*R, s, w)
    positions: Tensor  # (*R, max_length, w)
    blocks: list[Block]


def draw_transformer(
    settings: TransformerSettings, generator: torch.Generator
) -> RandomTransformer:
    """Draw one transformer; embeddings are U(±1), matrices U(±magnitude/sqrt(inputs))."""
    width = settings.width
    inner = EXPANSION * width
    shapes = ((width, 3 * width), (width, width), (width, inner), (inner, width))

    def uniform(rows: int, columns: int) -> Tensor:
        return 2 * torch.rand(rows, columns, generator=generator, dtype=torch.float32) - 1

    def draw_block() -> Block:
        return Block(
            *(settings.weight_magnitude / rows**0.5 * uniform(rows, cols) for rows, cols in shapes)
        )

    return RandomTransformer(
        uniform(settings.n_symbols, width),
        uniform(settings.max_length, width),
        [draw_block() for _ in range(settings.depth)],
    )


def stack_transformers(transformers: Sequence[RandomTransformer]) -> RandomTransformer:
    """Stack transformers of equal shapes along a new leading axis."""
    symbols, positions, blocks = zip(*transformers, strict=True)
    return RandomTransformer(
        torch.stack(symbols),
        torch.stack(positions),
        [Block(*map(torch.stack, zip(*own, strict=True))) for own in zip(*blocks, strict=True)],
    )


def symbol_logits(
    transformer: RandomTransformer,
    settings: TransformerSettings,
    activation: Activation,
    sequence: Tensor,
) -> Tensor:
    """Return the scores (*R, t, s) of the symbol that follows each position of (*R, t)."""
    index = sequence[..., None].expand(*sequence.shape, settings.width)
    h = transformer.symbols.gather(-2, index)  # (*R, t, w)
    h = h + transformer.positions[..., : sequence.shape[-1], :]
    for number, block in enumerate(transformer.blocks):
        h = h + _attend(block, normalize_layer(h), settings.n_heads)
        h = h + activation(normalize_layer(h) @ block.expansion, number) @ block.contraction
    return normalize_layer(h) @ transformer.symbols.transpose(-1, -2)


def _attend(block: Block, h: Tensor, n_heads: int) -> Tensor:
    """Return the self-attention (*R, t, w) of every position to itself and those before it."""
    # (*R, t, 3 w) -> (*R, t, 3 a, v) -> (*R, 3 a, t, v)
    heads = (h @ block.attention).unflatten(-1, (3 * n_heads, -1)).transpose(-2, -3)
    query, key, value = heads.chunk(3, dim=-3)  # (*R, a, t, v)
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    length = h.shape[-2]
    later = torch.ones(length, length, dtype=torch.bool, device=h.device).triu(1)
    shares = scores.masked_fill(later, -torch.inf).softmax(-1)
    return (shares @ value).transpose(-2, -3).flatten(-2) @ block.projection


@torch.no_grad()
def greedy_sequences(
    transformer: RandomTransformer,
    settings: TransformerSettings,
    activation: Activation,
    prompt: Tensor,
    n_steps: int,
) -> Tensor:
    """Return the n_steps symbols (*R, n_steps) with the highest scores after the prompt (*R, t)."""
    sequence = prompt
    for _ in range(n_steps):
        logits = symbol_logits(transformer, settings, activation, sequence)[..., -1:, :]
        sequence = torch.cat([sequence, logits.argmax(-1)], -1)
    return sequence[..., prompt.shape[-1] :]
