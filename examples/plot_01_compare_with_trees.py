"""
=======================================================
Learned activations beside trees, neighbours and an MLP
=======================================================

Boosted trees usually beat a multi-layer perceptron on tables. One reason is that a ReLU network
prefers smooth functions, while the targets of many tables change abruptly from one value of a
column to the next. The activation function sets this preference, and it can be learned.

This example compares eight classifiers on the MAGIC telescope data: three references, a plain ReLU
network, tanh networks whose prefactor is searched for, and networks with a learned activation, with
learned functions of the input columns, and with what held-out rows choose among all of these, which
is the default of :class:`~skibias.LearnedActivationMLPClassifier`.

It takes a few minutes on two cores. ``--quick`` only checks that everything runs: its numbers
mean nothing.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skibias import ActivationLearner, LearnedActivationMLPClassifier, tv_complexity
from skibias.datasets import load_magic_telescope
from skibias.plots import ActivationDisplay

parser = argparse.ArgumentParser(description="Compare eight classifiers on the MAGIC data.")
parser.add_argument("--splits", type=int, default=3, help="random train/test splits (default: 3)")
parser.add_argument("--rows", type=int, default=3000, help="for training (default: 3000)")
parser.add_argument("--seed", type=int, default=0, help="of splits and models (default: 0)")
parser.add_argument(
    "--output",
    default="plot_01_learned_functions.png",
    help="file of the figure, beside a CSV file of the fits (default: %(default)s)",
)
parser.add_argument(
    "--quick", action="store_true", help="one split of 1,000 rows, hardly any learning"
)
options = parser.parse_args()

# %%
# The data
# --------
#
# Ten numbers describe each image of the telescope's camera; gamma rays are to be told from
# hadrons. The data set comes with the package.

magic = load_magic_telescope()
X, y = magic.data, magic.target
if options.quick:
    drawn = np.random.RandomState(options.seed).permutation(len(X))[:1000]
    X, y = X[drawn], y[drawn]
    options.splits, options.rows = 1, 500
print(f"{len(X)} rows, {X.shape[1]} columns, {y.mean():.1%} {magic.target_names[1]}")

# %%
# The models
# ----------
#
# All of them have their default settings, but for what the name says. A network's columns are
# scaled by ranks inside the estimator, which averages four networks. The prefactor :math:`\alpha`
# of :math:`\tanh(\alpha z)` is chosen by a grid search over a smaller inner split; a larger one
# makes rougher functions. The learned activation is learned once, from ReLU. The default compares
# all of these itself.

RELU, TANH = "ReLU network", "tanh network, prefactor searched"
ACTIVATION, INPUTS = "learned activation", "learned input functions"
DEFAULT = "all of these as candidates (default)"


def make_models(seed):
    """Return the unfitted models by name."""
    settings = {"random_state": seed}
    if options.quick:
        settings["learner"] = ActivationLearner(n_outer_steps=5, n_restarts=1, horizon=25)
        settings["max_iter"] = 5

    def network(**parameters):
        return LearnedActivationMLPClassifier(**settings | parameters)

    one_restart = settings.get("learner", ActivationLearner(n_restarts=1))
    inner = StratifiedShuffleSplit(1, train_size=0.3, test_size=0.2, random_state=seed)
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "k nearest neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier()),
        "histogram gradient boosting": HistGradientBoostingClassifier(random_state=seed),
        RELU: network(activation="relu"),
        TANH: GridSearchCV(network(activation="tanh"), {"prefactor": [1, 2, 4]}, cv=inner),
        ACTIVATION: network(activation="learned", learner=one_restart),
        INPUTS: network(activation="relu", input_activations="learned"),
        DEFAULT: network(),
    }


# %%
# Fit and score
# -------------
#
# Every model is fitted to 3,000 rows (to as many as ``--rows`` says, in the gallery fewer) and
# scored on the others. Beside accuracy stands the complexity of the function that the model
# implements: the total variation along straight paths between test rows of different classes. It
# scales with the response, so it is taken from the probabilities of every model: values on logits
# and on probabilities cannot be compared.


def evaluate(model, train, test):
    """Fit on some rows; return accuracy and complexity on others, and the seconds of the fit."""
    start = time.perf_counter()
    model.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    complexity = tv_complexity(model, X[test], y[test], response_method="predict_proba")
    return model.score(X[test], y[test]), complexity, seconds


results = {name: [] for name in make_models(options.seed)}
splitter = StratifiedShuffleSplit(
    options.splits, train_size=options.rows, random_state=options.seed
)
for number, (train, test) in enumerate(splitter.split(X, y)):
    models = make_models(options.seed + number)
    for name, model in models.items():
        results[name].append(evaluate(model, train, test))
        accuracy, _, seconds = results[name][-1]
        print(
            f"split {number + 1}/{options.splits}: {name}: {accuracy:.4f} in {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )

# %%
# The table
# ---------
#
# Means over the splits, with their standard errors. The splits share rows, so the errors are a
# little too small. The seconds of the ReLU network, the first of its kind to be fitted, include
# loading the library that trains it. Every fit is kept in a CSV file beside the figure.


def mean_and_error(numbers, digits):
    """Return "mean ± standard error"; of one number, only itself."""
    text = f"{np.mean(numbers):.{digits}f}"
    if len(numbers) > 1:
        error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))
        text += f" ± {error:.{digits}f}"
    return text


width = max(map(len, results))
line = f"{{:<{width}}}  {{:>17}}  {{:>17}}  {{:>13}}".format
print()
print(line("model", "accuracy", "TV complexity", "fit, seconds"))
for name, records in results.items():
    accuracy, complexity, seconds = np.transpose(records)
    print(
        line(
            name,
            mean_and_error(accuracy, 4),
            mean_and_error(complexity, 3),
            mean_and_error(seconds, 1),
        )
    )
with Path(options.output).with_suffix(".csv").open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["model", "split", "accuracy", "TV complexity", "seconds"])
    for name, records in results.items():
        writer.writerows([name, number, *record] for number, record in enumerate(records))

# %%
# What was tried
# --------------
#
# The default model records its candidates. All are screened in narrow networks; the best of them
# and ReLU, with and without functions of the columns, then meet at full width. The scores are from
# held-out rows: negative losses in the screening, negative shares of errors at full width.

candidates = models[DEFAULT].candidates_
print("\nCandidates of the default model, last split:")
print("screening  full width  status    activation, inputs")
for row in np.argsort(candidates["rank"]):
    keys = ("screening_score", "validation_score", "status", "name", "inputs")
    screening, final, status, name, inputs = (candidates[key][row] for key in keys)
    final = "" if np.isnan(final) else f"{final:.4f}"
    print(f"{screening:9.4f}  {final:>10}  {status:<8}  {name}, {inputs}")

# %%
# The learned functions
# ---------------------
#
# The activation of one model, and another's functions of the columns, over the columns' range.
# Every column has sixteen of them, dark to bright. They start as ramps that rise one after the
# other; learning moves and bends them, and every network goes on with a copy of its own. Those of
# the first network are shown, below an activation that was learned for the hidden layers.

figure, axes = plt.subplots(3, 4, figsize=(10.4, 5.7), layout="constrained")
panels = axes.ravel()
ActivationDisplay.from_estimator(models[ACTIVATION], ax=panels[:1])
ActivationDisplay.from_estimator(models[INPUTS], feature_names=magic.feature_names, ax=panels[1:])
panels[0].set_title("learned activation", fontsize="medium")
panels[1].set_title("ReLU, behind these inputs", fontsize="medium")
figure.savefig(options.output, dpi=120)
print(f"\nThe learned functions are drawn in {options.output}")
