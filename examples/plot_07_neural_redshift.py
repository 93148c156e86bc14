"""
=================================================
What untrained networks prefer, and when it helps
=================================================

Draw the weights of a network at random, and it implements some function. How complex that function
is depends on the architecture: Teney et al., "Neural Redshift: Random Networks are not Random
Functions" (CVPR 2024), found that networks with ReLU-like activations are simple whatever else is
changed, and that others grow complex with depth, larger weights and a prefactor of the activation.
A network then generalises best if what it prefers before training is as complex as its target.

This example measures both, in less than a minute. ``--networks 200`` is as many networks per point
as :func:`skibias.redshift.complexity_sweep` draws by default; ``--transformers 100`` likewise.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from skibias.engine.activations import fixed_activation
from skibias.engine.complexity import cosine_basis, grid_frequency, grid_points
from skibias.engine.episodes import Rows, stream
from skibias.engine.losses import squared_error
from skibias.engine.networks import Architecture, Functions, Model, outputs
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.steps import Descent
from skibias.engine.training import StackRows, TrainingSettings, training_steps
from skibias.redshift import FACTORS, MEASURES, complexity_sweep, sweep_effects, transformer_sweep

parser = argparse.ArgumentParser(description="Complexity of networks before training.")
parser.add_argument("--networks", type=int, default=40, help="per point (default: 40)")
parser.add_argument("--transformers", type=int, default=20, help="per point (default: 20)")
parser.add_argument("--steps", type=int, default=300, help="of training (default: 300)")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument(
    "--output",
    default="plot_07_neural_redshift.png",
    help="file of the figure, beside CSV files of the numbers (default: %(default)s)",
)
options = parser.parse_args()
torch.set_num_threads(1)


def save(frame, part):
    """Keep a table of numbers in a CSV file beside the figure."""
    output = Path(options.output)
    frame.to_csv(output.with_name(f"{output.stem}_{part}.csv"), index=False)


# %%
# Before training
# ---------------
#
# Every component is changed on its own, in ReLU and in tanh networks with two inputs. Correlations
# are Spearman's, between level and complexity; differences are between networks of the same
# weights, with and without a component (or with the named activation instead of ReLU). The
# interval in brackets covers 95 %.

sweep = complexity_sweep(n_networks=options.networks, random_state=options.seed)
effects = sweep_effects(sweep)
save(effects, "networks")
print(f"{'':<53}" + "".join(f"{measure:>26}" for measure in MEASURES))
for key, rows in effects.groupby(["factor", "activation", "level"], sort=False, dropna=False):
    factor, activation, level = key
    is_ordered = rows["statistic"].iloc[0] == "spearman"
    change = "Spearman" if is_ordered else f"{level} - first level"
    cells = [f"{row.estimate:8.2f} [{row.low:6.2f}, {row.high:6.2f}]" for row in rows.itertuples()]
    print(f"{factor:<20}{activation:<9}{change:<24}" + "".join(f"{cell:>26}" for cell in cells))

print("\nSpearman correlation between the measures, over all networks:")
correlations = sweep[list(MEASURES)].corr("spearman")
save(correlations.reset_index(names="measure"), "measures")
print(correlations.round(2).to_string())

# %%
# Sequences
# ---------
#
# Untrained transformers continue a random prompt. The phrases of the Lempel-Ziv parsing are divided
# by those of random sequences: below 1, a sequence can be compressed. What depth does turns round
# with the magnitude of the weights.

print("\nTransformers: phrases, relative to random sequences")
means_of_levels, effects_on_sequences = [], []
for magnitude, factors in (
    (1.0, ["activation", "depth"]),
    (4.0, ["activation", "depth", "weight_magnitude"]),
):
    sequences = transformer_sweep(
        factors,
        weight_magnitude=magnitude,
        n_networks=options.transformers,
        random_state=options.seed,
    )
    own_effects = sweep_effects(sequences).query("measure == 'relative_lz'")
    effects_on_sequences.append(own_effects.assign(weight_magnitude=magnitude))
    print(f"weight magnitude {magnitude:g}")
    for factor, part in sequences.groupby("factor", sort=False):
        means = part.groupby("level", sort=False)["relative_lz"].mean()
        key = {"weight_magnitude": magnitude, "factor": factor}
        means_of_levels.append(means.reset_index().assign(**key))
        texts = "  ".join(f"{level}: {mean:.3f}" for level, mean in means.items())
        print(f"  {factor:<17} {texts}")
        for row in own_effects[own_effects["factor"] == factor].itertuples():
            change = "Spearman" if row.level is None else f"{row.level} - first level"
            interval = f"[{row.low:6.3f}, {row.high:6.3f}]"
            print(f"    {change:<24} {row.estimate:6.3f} {interval}")
save(pd.concat(means_of_levels), "sequences")
save(pd.concat(effects_on_sequences), "sequence_effects")

# %%
# After training
# --------------
#
# Targets are waves of the sum of two whole numbers, cos(2 pi (a + b) / M): the smaller M, the more
# complex. Sine networks learn them on 70 % of the 400 pairs, with several prefactors; the rest is
# for testing. The complexity of the untrained networks is set beside that of the target.

N_VALUES = 20  # of either number
MODULI = (80, 20, 10, 7, 5)
PREFACTORS = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
N_SEEDS = 4  # networks per prefactor
LEARNING_RATE = 0.002  # of Adam; divided by the prefactor

basis = cosine_basis(N_VALUES)
X = grid_points(basis).to(torch.float32)
pairs = torch.cartesian_prod(torch.arange(N_VALUES), torch.arange(N_VALUES))
shuffled = torch.randperm(len(X), generator=stream(options.seed, "split"))
train, test = shuffled[: len(X) * 7 // 10], shuffled[len(X) * 7 // 10 :]

own_prefactor = PREFACTORS.repeat_interleave(N_SEEDS)[:, None]
architecture = Architecture(2, (64, 64), 1)
model = Model(architecture, fixed_activation("sin", own_prefactor[..., None]))
drawn = [architecture.layout.draw(stream(options.seed, number)) for number in range(N_SEEDS)]
untrained = torch.stack(drawn).repeat(len(PREFACTORS), 1)


def complexity(values):
    """Return the mean frequency of functions (*R, n) on the grid."""
    return grid_frequency(values.unflatten(-1, (N_VALUES, N_VALUES)), basis)


def predict(weights):
    """Return the outputs (R, n) on all pairs."""
    with torch.no_grad():
        return outputs(model, weights, Functions(), X)[..., 0]


def test_error(target):
    """Train all networks; return the mean squared error on test pairs, a target's variance = 1."""
    rows = StackRows(Rows(X, target[:, None], torch.ones(len(X))), [train], [test])
    settings = TrainingSettings(
        Descent(OPTIMIZERS["adam"], squared_error, LEARNING_RATE / own_prefactor),
        batch_size=len(train),
        n_steps=options.steps,
        evaluation_interval=options.steps,
    )
    generator = stream(options.seed, "batches")
    *_, last = training_steps(model, Functions(), untrained, rows, settings, generator)
    errors = (predict(last.averaged_weights) - target)[:, test].square().mean(-1)
    return (errors / target[test].var()).unflatten(0, (-1, N_SEEDS)).mean(-1)


preferred = complexity(predict(untrained)).unflatten(0, (-1, N_SEEDS)).mean(-1)
print("\nprefactor " + "".join(f"{prefactor:9g}" for prefactor in PREFACTORS.tolist()))
print("untrained " + "".join(f"{value:9.2f}" for value in preferred.tolist()))
print("\n modulus  complexity  nearest prefactor  best prefactor  test errors")
test_errors, records = {}, []
for modulus in MODULI:
    target = torch.cos(2 * torch.pi * pairs.sum(-1) / modulus)
    own = complexity(target.to(torch.float64)).item()
    test_errors[modulus] = (own, test_error(target))
    nearest = PREFACTORS[(preferred - own).abs().argmin()].item()
    best = PREFACTORS[test_errors[modulus][1].argmin()].item()
    errors = "  ".join(f"{error:.4f}" for error in test_errors[modulus][1].tolist())
    print(f"{modulus:8}  {own:10.2f}  {nearest:17g}  {best:14g}  {errors}")
    records.append({"modulus": modulus, "complexity": own, "nearest": nearest, "best": best})
save(pd.DataFrame(records), "training")

# %%
# The figure
# ----------
#
# Means and standard errors of the polynomial order, one panel per component; the last panel shows
# the errors on test pairs, with a ring at the prefactor whose untrained networks come nearest to
# the target.

COLORS = {"relu": "#0072B2", "tanh": "#D55E00"}  # of Okabe and Ito, told apart by everyone
MARKERS = {"relu": "o", "tanh": "s"}
OTHER_COLOR = "#555555"
MILLIMETRE = 1 / 25.4
plt.rcParams.update({"font.size": 7, "axes.spines.top": False, "axes.spines.right": False})
figure, axes = plt.subplots(2, 5, figsize=(180 * MILLIMETRE, 92 * MILLIMETRE), layout="constrained")
panels = axes.ravel()
for panel, (factor, levels) in zip(panels, FACTORS.items(), strict=False):
    part = sweep[sweep["factor"] == factor]
    place = {level: number for number, level in enumerate(levels)}
    for activation, group in part.groupby("activation", sort=False):
        grouped = group.groupby("level", sort=False)["chebyshev"]
        positions = [place[level] for level in grouped.groups]
        panel.errorbar(
            positions,
            grouped.mean(),
            grouped.sem(),
            color=COLORS.get(activation, OTHER_COLOR),
            marker=MARKERS.get(activation, "D"),
            markersize=3,
            linewidth=1 if len(levels) == 2 or not isinstance(levels[0], str) else 0,
        )
    names = {False: "without", True: "with"}
    texts = [f"{names.get(level, level) if isinstance(level, bool) else level}" for level in levels]
    is_wordy = max(map(len, texts)) > 4 and len(texts) > 2
    panel.set_xticks(range(len(levels)), texts, rotation=90 if is_wordy else 0)
    panel.margins(x=0.15)
    panel.set_title(factor.replace("_", " "), fontsize=7)
    panel.set_ylim(0, 26)
for panel in axes[:, 0]:
    panel.set_ylabel("mean Chebyshev order")
for activation, color in COLORS.items():
    panels[1].plot([], [], color=color, marker=MARKERS[activation], markersize=3, label=activation)
panels[1].legend(frameon=False, loc="upper left")

panel = panels[-1]
shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(MODULI)))
for (modulus, (own, errors)), shade in zip(test_errors.items(), shades, strict=True):
    panel.plot(PREFACTORS, errors, color=shade, linewidth=1, marker=".", label=f"M = {modulus}")
    nearest = (preferred - own).abs().argmin()
    panel.plot(PREFACTORS[nearest], errors[nearest], "o", color=shade, fillstyle="none")
panel.set(xscale="log", yscale="log", xlabel="prefactor of the sine", ylabel="relative test error")
panel.set_xticks(PREFACTORS.tolist(), [f"{prefactor:g}" for prefactor in PREFACTORS.tolist()])
panel.minorticks_off()
panel.set_title("after training", fontsize=7)
panel.set_ylim(1e-9, 9)  # room for the legend
panel.legend(
    frameon=False, fontsize=6, ncols=2, loc="lower center", handlelength=0.8, columnspacing=1
)
figure.savefig(options.output, dpi=200)
print(f"\nThe figure is in {options.output}")
