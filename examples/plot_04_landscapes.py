"""
==============================================
Loss and complexity around a trained network
==============================================

Where does training take a network, and what lies around the place where it ends? This example
records the weights after every epoch, takes the plane of their first two principal components, and
evaluates 50 x 50 networks of that plane: their loss on training rows, and the TV complexity of the
function they implement. A second plane in two random directions shows the surroundings of the
trained network, and how complex the functions are on the average there: the ambient complexity.

It takes about a minute; ``--quick`` only checks that everything runs.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias.callbacks import WeightTrajectory
from skibias.complexity import sample_paths, tv_complexity
from skibias.datasets import load_magic_telescope
from skibias.plots import LandscapeDisplay

parser = argparse.ArgumentParser(description="Draw the landscapes of four networks.")
parser.add_argument("--seed", type=int, default=0, help="of split and models (default: 0)")
parser.add_argument(
    "--output",
    default="plot_04_landscapes.png",
    help="file of the figure, beside a CSV file of the numbers (default: %(default)s)",
)
parser.add_argument("--quick", action="store_true", help="hardly any training, a coarse grid")
options = parser.parse_args()

# %%
# Four networks
# -------------
#
# Single networks of 2 x 64 units, trained for 40 epochs on 3,000 rows.

X, y = load_magic_telescope(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, train_size=3000, random_state=options.seed)
N_EPOCHS = 3 if options.quick else 40
N_STEPS = 5 if options.quick else 50
learner = ActivationLearner(n_restarts=1, init="zeros")
if options.quick:
    learner.set_params(n_outer_steps=3, horizon=10)
KINDS = {
    "ReLU": {"activation": "relu"},
    "tanh(4z)": {"activation": "tanh", "prefactor": 4},
    "learned activation": {"activation": "learned", "learner": learner},
    "learned input functions": {"activation": "relu", "input_activations": "learned"},
}


def fit(parameters):
    """Return a fitted network and the trajectory of its weights."""
    trajectory = WeightTrajectory()
    model = LearnedActivationMLPClassifier(
        (64, 64),
        n_estimators=1,
        max_iter=N_EPOCHS,
        early_stopping=False,
        callbacks=[trajectory],
        random_state=options.seed,
        **parameters,
    )
    return model.fit(X, y), trajectory


fitted = {name: fit(parameters) for name, parameters in KINDS.items()}

# %%
# Complexity during training
# --------------------------
#
# All networks are measured on the same paths between test rows, on logits.

paths = sample_paths(X_test, y_test, n_paths=100, random_state=options.seed)
epochs = np.unique(np.geomspace(1, N_EPOCHS, 12).astype(int))
during = {
    name: [
        tv_complexity(trajectory.estimator_at(model, epoch), paths, n_points=50)
        for epoch in [0, *epochs]
    ]
    for name, (model, trajectory) in fitted.items()
}

# %%
# The landscapes
# --------------
#
# The white line is the way of the training, the cross its end.

figure = plt.figure(figsize=(10, 12), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(1, 4))
left, right = upper.subplots(1, 2)
grids = lower.subplots(4, 2)
ambient, seconds = {}, {}
for (name, (model, trajectory)), axes in zip(fitted.items(), grids, strict=True):
    start = time.perf_counter()
    LandscapeDisplay.from_estimator(
        model, X, y, trajectory=trajectory, n_steps=N_STEPS, random_state=options.seed, ax=axes
    )
    seconds[name] = time.perf_counter() - start
    for panel in axes:
        panel.set_title(f"{name}: {panel.get_title()}", fontsize="medium")
    around = LandscapeDisplay.from_estimator(
        model, X, y, n_steps=max(5, N_STEPS // 4), random_state=options.seed
    )
    plt.close(around.figure_)
    ambient[name] = around.complexity

for name, complexities in during.items():
    left.plot([0, *epochs], complexities, label=name)
left.set(title="during training", xlabel="epoch", ylabel="TV complexity")
left.set_xscale("symlog", linthresh=1)
left.legend(frameon=False, fontsize="small")
right.boxplot([values.ravel() for values in ambient.values()])
right.set_xticks(range(1, 5), [name.replace(" ", "\n") for name in ambient])
right.set(title="in a random plane around the end", ylabel="TV complexity")
for panel in (left, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(options.output, dpi=100)

# %%
# The numbers
# -----------

numbers = pd.DataFrame(
    {
        "accuracy": [model.score(X_test, y_test) for model, _ in fitted.values()],
        "start": [during[name][0] for name in fitted],
        "end": [during[name][-1] for name in fitted],
        "ambient": [ambient[name].mean() for name in fitted],
        "seconds of the plane": [seconds[name] for name in fitted],
    },
    index=pd.Index(fitted, name="network"),
)
print(numbers.round(4))
numbers.to_csv(Path(options.output).with_suffix(".csv"))
