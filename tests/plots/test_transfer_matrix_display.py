"""The matrix of scores is drawn with its names and numbers."""

import numpy as np
import pandas as pd
import pytest

from skibias.plots import TransferMatrixDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

SCORES = np.array([[0.9, 0.4, np.nan], [0.25, 0.8, 0.5]])


def test_scores_names_and_numbers_are_drawn():
    frame = pd.DataFrame(SCORES, index=["mnist", "svhn"], columns=["ReLU", "from mnist", "all"])
    display = TransferMatrixDisplay.from_scores(frame, score_name="accuracy")
    (image,) = display.ax_.get_images()
    np.testing.assert_array_equal(image.get_array().filled(np.nan), SCORES)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == list(frame.columns)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == list(frame.index)
    assert [text.get_text() for text in display.ax_.texts] == ["0.9", "0.4", "0.25", "0.8", "0.5"]
    assert image.colorbar.ax.get_ylabel() == "accuracy"


def test_wide_matrices_carry_no_numbers():
    display = TransferMatrixDisplay.from_scores(np.eye(24))
    assert not display.ax_.texts
    assert display.tasks[-1] == "23"


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="two dimensions. Got 1 instead"):
        TransferMatrixDisplay([1.0, 2.0])
    with pytest.raises(ValueError, match=r"'tasks' .* \(2\)\. Got 1 instead"):
        TransferMatrixDisplay(SCORES, tasks=["a"])
    with pytest.raises(ValueError, match=r"'activations' .* \(3\)\. Got 2 instead"):
        TransferMatrixDisplay(SCORES, activations=["a", "b"])
