"""
=====================================
Two measures of complexity that agree
=====================================

Total variation and Fourier analysis look at different things: how far a function moves beside the
straight line, and how fast it oscillates. For tanh(αz) networks that differ in their prefactor α
only, they rank the networks alike (Teney et al., CVPR 2025, Fig. 29).

It takes about a minute; ``--quick`` only checks that everything runs.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from skibias import LearnedActivationMLPClassifier
from skibias.complexity import complexity_report
from skibias.datasets import load_magic_telescope

parser = argparse.ArgumentParser(description="Compare TV and Fourier complexity.")
parser.add_argument("--seed", type=int, default=0, help="of split and models (default: 0)")
parser.add_argument(
    "--output", default="plot_05_two_measures.png", help="file of the figure (default: %(default)s)"
)
parser.add_argument("--quick", action="store_true", help="hardly any training")
options = parser.parse_args()

# %%
# The networks
# ------------

PREFACTORS = [0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 6, 8]

X, y = load_magic_telescope(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, train_size=3000, random_state=options.seed)
models = {
    f"{prefactor:g}": LearnedActivationMLPClassifier(
        (64, 64),
        activation="tanh",
        prefactor=prefactor,
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
# Both are taken from the logits along the same paths between test rows.

report = complexity_report(
    models,
    X_test,
    y_test,
    measures=("tv", "fourier"),
    response_method="decision_function",
    random_state=options.seed,
)
print(report.round(3))
correlation = spearmanr(report["tv"], report["fourier"]).statistic
print(f"\nSpearman's rank correlation of the two measures: {correlation:.3f}")

# %%
# The figure
# ----------

figure, panel = plt.subplots(figsize=(5, 3.6), layout="constrained")
panel.errorbar(
    report["tv"],
    report["fourier"],
    xerr=report["tv_se"],
    yerr=report["fourier_se"],
    color="0.8",
    fmt="none",
)
points = panel.scatter(report["tv"], report["fourier"], c=np.log2(PREFACTORS), zorder=3)
scale = figure.colorbar(points, label="prefactor α")
scale.set_ticks(np.log2([0.125, 0.5, 2, 8]), labels=["⅛", "½", "2", "8"])
panel.set_xscale("log")
panel.set(xlabel="TV complexity", ylabel="Fourier complexity, cycles per path")
panel.set_title(f"rank correlation {correlation:.2f}", fontsize="medium")
panel.spines[["top", "right"]].set_visible(False)
figure.savefig(options.output, dpi=120)
