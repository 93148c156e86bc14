"""Complexity of untrained networks, and what raises or lowers it.

A network's architecture prefers functions of some complexity before any training. Teney et al.,
"Neural Redshift: Random Networks are not Random Functions" (CVPR 2024), measure it on networks
with random weights. The functions here draw such networks, measure them, and sum up the effect of
every component.
"""

from skibias.redshift._effects import sweep_effects
from skibias.redshift._networks import (
    FACTORS,
    MEASURES,
    complexity_sweep,
    grid_complexity,
    sample_network_complexity,
)
from skibias.redshift._transformers import TRANSFORMER_FACTORS, transformer_sweep

__all__ = [
    "FACTORS",
    "MEASURES",
    "TRANSFORMER_FACTORS",
    "complexity_sweep",
    "grid_complexity",
    "sample_network_complexity",
    "sweep_effects",
    "transformer_sweep",
]
