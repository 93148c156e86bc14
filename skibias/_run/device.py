"""The device that a parameter names."""

from __future__ import annotations

from typing import Any

import torch

from skibias._errors import parameter_error


def resolve_device(device: Any, owner: str) -> torch.device:
    """Return the torch device that ``device`` names; "auto" is CUDA where there is one.

    Raises ValueError if the name is unknown or the device is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rule = 'be "auto", "cpu" or a CUDA device of this machine such as "cuda:0"'
    refusal = parameter_error("device", owner, rule, device)
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise refusal from error
    available = torch.cuda.device_count() if resolved.type == "cuda" else 0
    if resolved.type != "cpu" and (resolved.index or 0) >= available:
        raise refusal
    return resolved
