"""Multi-layer perceptrons behind numerical embeddings, a peer of learned input functions.

Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning"
(NeurIPS 2022), with the authors' package rtdl_num_embeddings. Piecewise-linear ("ple") and
periodic ("plr") embeddings have the settings that its README starts from; the rest is as in the
estimators of skibias, but for the optimiser, AdamW.

Notation
--------
n : samples, d : features, e : numbers per feature, o : outputs
"""

from copy import deepcopy

import numpy as np
import rtdl_num_embeddings
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

N_BINS = 48
EMBEDDING_WIDTHS = {"ple": 12, "plr": 24}  # e
PREDICTION_ROWS = 1024  # at a time: an embedding takes much more room than its columns


class _EmbeddingMLP(BaseEstimator):
    """What both estimators share.

    Parameters
    ----------
    embedding : {"ple", "plr"}, default="ple"
    hidden_layer_sizes : tuple of int, default=(256, 256)
    learning_rate : float, default=0.001
    max_iter : int, default=100
        Epochs, at most.
    n_iter_no_change : int, default=10
        Epochs without a better held-out loss after which training stops.
    validation_fraction : float, default=0.15
        Training rows held out to stop early.
    random_state : int, default=0
    """

    def __init__(
        self,
        embedding="ple",
        *,
        hidden_layer_sizes=(256, 256),
        learning_rate=0.001,
        max_iter=100,
        n_iter_no_change=10,
        validation_fraction=0.15,
        random_state=0,
    ):
        self.embedding = embedding
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _fit(self, X, targets, n_outputs, loss, labels=None):
        """Train on X (n, d) and targets; stop early on rows held out, stratified by labels."""
        X = torch.as_tensor(np.asarray(X), dtype=torch.float32)
        train, held_out = train_test_split(
            np.arange(len(X)),
            test_size=self.validation_fraction,
            stratify=labels,
            random_state=self.random_state,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = build_network(X, self.embedding, self.hidden_layer_sizes, n_outputs)
            self._train((X[train], targets[train]), (X[held_out], targets[held_out]), loss)

    def _train(self, train, held_out, loss):
        """Train until the held-out loss no longer falls, and return to its best epoch."""
        best, best_weights, waited = np.inf, None, 0
        optimizer = torch.optim.AdamW(self.network_.parameters(), lr=self.learning_rate)
        for _ in range(self.max_iter):
            train_epoch(self.network_, *train, loss, optimizer)
            score = float(loss(predict(self.network_, held_out[0]), held_out[1]))
            waited += 1
            if score < best:
                best, best_weights, waited = score, deepcopy(self.network_.state_dict()), 0
            if waited == self.n_iter_no_change:
                break
        if best_weights is None:
            raise ValueError("The training diverged: no held-out loss was finite.")
        self.network_.load_state_dict(best_weights)

    def _outputs(self, X):
        """Return the outputs (n, o)."""
        return predict(self.network_, torch.as_tensor(np.asarray(X), dtype=torch.float32))


class EmbeddingMLPClassifier(ClassifierMixin, _EmbeddingMLP):
    __doc__ = _EmbeddingMLP.__doc__

    def fit(self, X, y):
        """Fit to X (n, d) and labels y (n,)."""
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self._fit(X, torch.as_tensor(numbers), len(self.classes_), cross_entropy, numbers)
        return self

    def predict_proba(self, X):
        """Return probabilities (n, n_classes)."""
        return torch.softmax(self._outputs(X), dim=1).numpy()

    def predict(self, X):
        """Return the most probable class (n,)."""
        return self.classes_[self._outputs(X).argmax(1).numpy()]


class EmbeddingMLPRegressor(RegressorMixin, _EmbeddingMLP):
    __doc__ = _EmbeddingMLP.__doc__

    def fit(self, X, y):
        """Fit to X (n, d) and standardised values y (n,)."""
        self._fit(X, torch.as_tensor(y, dtype=torch.float32)[:, None], 1, mse_loss)
        return self

    def predict(self, X):
        """Return the values (n,)."""
        return self._outputs(X)[:, 0].numpy()


def build_network(X, embedding, hidden_layer_sizes, n_outputs):
    """Return an untrained network for columns X (n, d)."""
    width = EMBEDDING_WIDTHS[embedding]
    if embedding == "ple":
        bins = rtdl_num_embeddings.compute_bins(X, min(N_BINS, len(X) - 1))
        embeddings = rtdl_num_embeddings.PiecewiseLinearEmbeddings(
            bins, width, activation=False, version="B"
        )
    else:
        embeddings = rtdl_num_embeddings.PeriodicEmbeddings(X.shape[1], width, lite=False)
    layers = [embeddings, nn.Flatten()]  # (n, d, e), (n, d e)
    n_inputs = X.shape[1] * width
    for size in hidden_layer_sizes:
        layers += [nn.Linear(n_inputs, size), nn.ReLU()]
        n_inputs = size
    return nn.Sequential(*layers, nn.Linear(n_inputs, n_outputs))


def train_epoch(network, X, targets, loss, optimizer):
    """Take a step on each batch: a tenth of the rows, at least 32 and at most 256."""
    batch_size = max(32, min(256, len(X) // 10))
    for batch in torch.randperm(len(X)).split(batch_size):
        optimizer.zero_grad()
        loss(network(X[batch]), targets[batch]).backward()
        optimizer.step()


def predict(network, X):
    """Return the outputs (n, o) for columns X (n, d)."""
    with torch.no_grad():
        return torch.cat([network(rows) for rows in X.split(PREDICTION_ROWS)])
