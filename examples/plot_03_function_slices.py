"""
=========================================
Slices through what models implement
=========================================

What does the function look like that a model has learned? This example fits six classifiers to the
MAGIC telescope data and draws the probability of a gamma ray over a plane: two columns vary, the
others stay as they are in one row of the data.

Boosted trees change abruptly, at the same value of a column wherever the other columns are: the
picture is made of vertical and horizontal edges. Nearest neighbours have edges in all directions. A
ReLU network is smooth. Behind learned functions of the columns, the same network takes on some of
the trees' edges. :func:`~skibias.complexity.axis_sharpness` puts this into a number.

It takes less than a minute; ``--quick`` only checks that everything runs.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias.complexity import axis_sharpness
from skibias.datasets import load_magic_telescope
from skibias.plots import FunctionSliceDisplay

parser = argparse.ArgumentParser(description="Draw slices through six classifiers.")
parser.add_argument("--seed", type=int, default=0, help="of split and models (default: 0)")
parser.add_argument(
    "--output",
    default="plot_03_function_slices.png",
    help="file of the figure, beside a CSV file of the numbers (default: %(default)s)",
)
parser.add_argument("--quick", action="store_true", help="hardly any training")
options = parser.parse_args()

# %%
# The models
# ----------

magic = load_magic_telescope(as_frame=True)
X, X_test, y, y_test = train_test_split(
    magic.data, magic.target, train_size=3000, random_state=options.seed
)
settings = {"n_estimators": 1, "random_state": options.seed}
learner = ActivationLearner(n_restarts=1)
if options.quick:
    settings["max_iter"] = 2
    learner.set_params(n_outer_steps=3, horizon=10)


def network(**parameters):
    return LearnedActivationMLPClassifier((64, 64), **settings | parameters)


models = {
    "ReLU": network(activation="relu"),
    "tanh(4z)": network(activation="tanh", prefactor=4),
    "learned activation": network(activation="learned", learner=learner),
    "learned input functions": network(activation="relu", input_activations="learned"),
    "boosted trees": HistGradientBoostingClassifier(random_state=options.seed),
    "nearest neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
}
for model in models.values():
    model.fit(X, y)

# %%
# The slices
# ----------
#
# The alpha angle is by far the most informative column. All probabilities share one scale of
# greys. Above each slice stand accuracy on the other rows and axis sharpness: how unevenly the
# changes along a column are spread over its values, alike in all rows; 0 is evenly.

N_GRID = 20 if options.quick else 200
COLUMNS = ("fAlpha", "fLength")

numbers = []
figure, axes = plt.subplots(2, 3, figsize=(10, 6.6), layout="constrained")
for panel, (name, model) in zip(axes.ravel(), models.items(), strict=True):
    display = FunctionSliceDisplay.from_estimator(
        model,
        X,
        rows=0,
        features=COLUMNS,
        n_points=N_GRID,
        response_method="predict_proba",
        ax=panel,
    )
    panel.collections[0].set_clim(0, 1)
    accuracy = model.score(X_test, y_test)
    sharpness = axis_sharpness(model, X_test, response_method="predict_proba")
    panel.set_title(
        f"{name}\naccuracy {accuracy:.3f}, sharpness {sharpness:.2f}", fontsize="medium"
    )
    print(f"{name:<24} accuracy {accuracy:.4f}  axis sharpness {sharpness:.3f}")
    numbers.append({"model": name, "accuracy": accuracy, "axis sharpness": sharpness})
figure.savefig(options.output, dpi=120)
pd.DataFrame(numbers).to_csv(Path(options.output).with_suffix(".csv"), index=False)
