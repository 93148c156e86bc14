"""
==========================================
Measures of complexity, and do they agree?
==========================================

Total variation looks at how far a function moves beside the straight line, mean frequency and mean
polynomial order at its shape. This example trains tanh(αz) networks that differ in their prefactor
α only, and compares the three measures along the same paths.

Total variation and polynomial order rank the networks alike. The mean frequency does not, although
it ranks *oscillating* functions as the others do: a network with a small prefactor is nearly linear
along a path, and what it leaves beside the straight line is a small smooth bend. Repeated
periodically, as a Fourier transform sees it, a bend has kinks where the path ends, and kinks have
high frequencies; a large step in the middle of the path has lower ones.

It takes about a minute; ``--quick`` only checks that everything runs.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from skibias import LearnedActivationMLPClassifier
from skibias.complexity import complexity_report
from skibias.datasets import load_magic_telescope

parser = argparse.ArgumentParser(description="Compare three measures of complexity.")
parser.add_argument("--seed", type=int, default=0, help="of split and models (default: 0)")
parser.add_argument(
    "--output",
    default="plot_05_measures_that_agree.png",
    help="file of the figure, beside a CSV file of the numbers (default: %(default)s)",
)
parser.add_argument("--quick", action="store_true", help="hardly any training")
options = parser.parse_args()

# %%
# The networks
# ------------
#
# Columns are scaled linearly: ranks would add bends of their own to every path.

PREFACTORS = [0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 6, 8]

X, y = load_magic_telescope(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, train_size=3000, random_state=options.seed)
models = {
    f"α = {prefactor:g}": LearnedActivationMLPClassifier(
        (64, 64),
        activation="tanh",
        prefactor=prefactor,
        scaling="minmax",
        n_estimators=1,
        early_stopping=False,
        max_iter=2 if options.quick else 50,
        random_state=options.seed,
    ).fit(X, y)
    for prefactor in PREFACTORS
}

# %%
# The measures
# ------------
#
# All are taken from the logits along the same paths between test rows.

report = complexity_report(
    models,
    X_test,
    y_test,
    measures=("tv", "polynomial", "fourier"),
    response_method="decision_function",
    random_state=options.seed,
)
print(report.round(3))
report.to_csv(Path(options.output).with_suffix(".csv"))
names = {"polynomial": "mean polynomial order", "fourier": "mean frequency, cycles per path"}
correlations = {name: spearmanr(report["tv"], report[name]).statistic for name in names}
print("\nSpearman's rank correlation with TV complexity")
for name, correlation in correlations.items():
    print(f"{name:<10} {correlation:6.3f}")

# %%
# The figure
# ----------

figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for panel, (name, label) in zip(panels, names.items(), strict=True):
    panel.errorbar(
        report["tv"],
        report[name],
        xerr=report["tv_se"],
        yerr=report[f"{name}_se"],
        color="0.8",
        fmt="none",
    )
    points = panel.scatter(report["tv"], report[name], c=np.log2(PREFACTORS), zorder=3)
    panel.set_xscale("log")
    panel.set(xlabel="TV complexity", ylabel=label)
    panel.set_title(f"rank correlation {correlations[name]:.2f}", fontsize="medium")
    panel.spines[["top", "right"]].set_visible(False)
scale = figure.colorbar(points, ax=panels, label="prefactor α")
scale.set_ticks(np.log2([0.125, 0.5, 2, 8]), labels=["⅛", "½", "2", "8"])
figure.savefig(options.output, dpi=120)
