"""The trained networks of an estimator, and what they compute.

Notation
--------
E : networks
P : numbers of one network: weights and biases of its layers, then changes of input functions
n, d' : rows, inputs of the first layer
h, o : units of a hidden layer, outputs
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skibias._prepare.columns import ColumnEncoder
from skibias._prepare.target_means import TargetMeans
from skibias._prepare.targets import TargetEncoding
from skibias._run.tensors import as_tensor
from skibias.engine.activations import Activation
from skibias.engine.networks import (
    INPUT_RATE,
    Architecture,
    Functions,
    Model,
    representations,
)
from skibias.engine.training import PREDICTED_VALUES, predict
from skibias.functions.fixed import LayerActivations, network_activation
from skibias.functions.supports import ColumnFunction


class OneNetwork(NamedTuple):
    """One network as its training saw it, in the engine's terms."""

    model: Model
    weights: Tensor  # (P,)
    functions: Functions
    encoder: ColumnEncoder
    target_means: TargetMeans

    def encode(self, X: np.ndarray) -> Tensor:
        """Return rows as the network reads them, (n, d')."""
        return as_tensor(self.encoder.encode(self.target_means.extend(X)), torch.float32)


class FittedNetworks(NamedTuple):
    """The networks that an estimator has trained.

    Rows are float64 arrays (n, n_features) that the estimator has checked.
    """

    architecture: Architecture
    activations: LayerActivations  # one shared, or one per hidden layer
    weights: np.ndarray  # (E, P) float32
    encoder: ColumnEncoder  # of the training
    reader: ColumnEncoder  # of the trained networks: input functions are as training left them
    encoding: TargetEncoding
    target_means: TargetMeans

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        activations: LayerActivations,
        weights: np.ndarray,
        encoder: ColumnEncoder,
        encoding: TargetEncoding,
        target_means: TargetMeans,
    ) -> FittedNetworks:
        """Take the weights (E, P) that training has come to."""
        reader = encoder
        if architecture.trained_inputs is not None:
            changes = weights[:, architecture.n_layer_weights :]
            changes = changes.reshape(-1, *architecture.trained_inputs)
            reader = encoder.after_training(INPUT_RATE * changes)
        return cls(architecture, activations, weights, encoder, reader, encoding, target_means)

    @property
    def layer_weights(self) -> np.ndarray:
        """Weights and biases of the layers, without changes of input functions."""
        return self.weights[:, : self.architecture.n_layer_weights]

    @property
    def n_layers(self) -> int:
        """Hidden layers."""
        return len(self.architecture.hidden_layer_sizes)

    def with_weights(self, weights: np.ndarray) -> FittedNetworks:
        """Return the same networks with other weights (E, P).

        Raises
        ------
        ValueError
            If they are of other networks.
        """
        if weights.shape != self.weights.shape:
            raise ValueError(
                "The weights must be those of this estimator's networks, of shape "
                f"{self.weights.shape}. Got {weights.shape} instead."
            )
        return self.of(
            self.architecture,
            self.activations,
            weights,
            self.encoder,
            self.encoding,
            self.target_means,
        )

    def one(self, number: int) -> OneNetwork:
        """Return one network."""
        return OneNetwork(
            Model(self.architecture, self._activation()),
            as_tensor(self.weights[number]),
            self.encoder.engine_functions(),
            self.encoder,
            self.target_means,
        )

    def input_functions(self, network: int | None = None) -> list[ColumnFunction] | None:
        """Return the functions of columns, of all networks or of one; None if there are none."""
        return self.reader.functions(network)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the networks' mean outputs (n, o)."""
        model = self._model()
        weights = self._layer_weights()
        block = max(1, PREDICTED_VALUES["cpu"] // (self.architecture.n_inputs * len(weights)))
        parts = [
            predict(model, weights, Functions(), self._read(X[start : start + block]))
            for start in range(0, len(X), block)
        ]
        return torch.cat([part.mean(0) for part in parts]).numpy()

    def hidden(self, X: np.ndarray, layer: int) -> np.ndarray:
        """Return what a hidden layer computes, the networks' units (n, E * h) side by side."""
        found = self._representations(X, self._activation())
        return torch.cat(list(found[1:][layer]), dim=1).numpy()

    def pre_activations(self, X: np.ndarray, network: int = 0) -> list[np.ndarray]:
        """Return what reaches the activation of every hidden layer (n, h) of one network."""
        activation, reached = self._activation(), []

        def record(z: Tensor, layer: int) -> Tensor:
            reached.append(z[network].numpy())
            return activation(z, layer)

        self._representations(X, record)
        return reached

    @torch.no_grad()
    def _representations(self, X: np.ndarray, activation: Activation) -> list[Tensor]:
        weights = self._layer_weights()
        columns = self._read(X)
        columns = columns.expand(len(weights), *columns.shape[-2:])
        return representations(weights, columns, self._model().architecture, activation)

    def _read(self, X: np.ndarray) -> Tensor:
        """Return what reaches the first layer: the same (n, d') for all networks, or (E, n, d').

        In float64, what a row predicts depends on its batch in the last digits only.
        """
        return as_tensor(self.reader.encode(self.target_means.extend(X)), torch.float64)

    def _layer_weights(self) -> Tensor:
        return as_tensor(self.layer_weights, torch.float64)

    def _model(self) -> Model:
        # The functions of columns are the reader's, and no longer among the weights.
        return Model(self.architecture._replace(trained_inputs=None), self._activation())

    def _activation(self) -> Activation:
        return network_activation(self.activations)
