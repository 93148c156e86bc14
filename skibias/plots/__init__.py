"""Displays: objects that keep what is to be seen and draw it with matplotlib."""

from skibias.plots._activation import ActivationDisplay
from skibias.plots._complexity import ComplexityDisplay
from skibias.plots._function_slice import FunctionSliceDisplay
from skibias.plots._landscape import LandscapeDisplay
from skibias.plots._meta_learning import MetaLearningDisplay
from skibias.plots._transfer_matrix import TransferMatrixDisplay

__all__ = [
    "ActivationDisplay",
    "ComplexityDisplay",
    "FunctionSliceDisplay",
    "LandscapeDisplay",
    "MetaLearningDisplay",
    "TransferMatrixDisplay",
]
