"""Files from which a fit that was interrupted goes on.

A fit owns one folder, named after everything that its result depends on. In it lie the result of
every stage that is done, and the latest state of one that is not. Files hold pickles, so they are
to be trusted like pickles; their checksum finds damage, not malice.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import torch

from skibias._errors import parameter_error
from skibias._version import __version__

SECONDS_BETWEEN_WRITES = 10.0  # of the states of a stage
# Parameters that may be others when a fit goes on: hooks and bars of what is still to do.
FREE_PARAMETERS = ("callbacks", "checkpoint", "verbose")
MAGIC = b"skibias checkpoint 1\n"
DIGEST_BYTES = 16
Data = Iterable[np.ndarray | None]  # the arrays of a table


class StageFiles(NamedTuple):
    """The files of one stage of a fit; without a folder nothing is kept or found."""

    folder: Path | None = None
    name: str = ""
    later: tuple[str, ...] = ()  # stages whose results are worthless once this one is done anew

    def result(self, compute: Callable[[], Any]) -> Any:
        """Return the stage's result: that of an earlier fit, or a new one, which is then kept.

        A result whose ``cut`` is not None was ended early and is not kept.
        """
        if self.folder is None:
            return compute()
        found = _read(self.folder / self.name)
        if found is not None:
            return found
        for name in self.later:
            (self.folder / name).unlink(missing_ok=True)
            _forget_states(self.folder, name)
        result = compute()
        if getattr(result, "cut", None) is None:
            _write(self.folder / self.name, result)
            _forget_states(self.folder, self.name)
        return result

    def state(self) -> Any:
        """Return the latest state that was kept of this stage, or None."""
        return None if self.folder is None else _read(_state_file(self.folder, self.name))

    def part(self, name: str) -> StageFiles:
        """Return the files of states of one part of this stage."""
        return StageFiles(self.folder, f"{self.name}.{name}")

    def keeper(self) -> StateKeeper:
        """Return what keeps the states of this stage from now on."""
        path = None if self.folder is None else _state_file(self.folder, self.name)
        return StateKeeper(path)


class StateKeeper:
    """Writes the latest state of a long loop, at most every `SECONDS_BETWEEN_WRITES`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time to keep a state."""
        waited = time.monotonic() - self._written
        return self._path is not None and waited >= SECONDS_BETWEEN_WRITES

    def keep(self, state: Any) -> None:
        """Write a state in place of the last one."""
        if self._path is not None:
            _write(self._path, state)
            self._written = time.monotonic()


def check_checkpoint(estimator: Any) -> None:
    """Raise ValueError unless the estimator's ``checkpoint`` is None or a usable folder."""
    if estimator.checkpoint is None:
        return
    try:
        folder = Path(estimator.checkpoint)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, TypeError) as error:
        rule = "be None or the path of a folder that can be written to"
        raise _refusal(estimator, rule) from error


def _refusal(estimator: Any, rule: str) -> ValueError:
    return parameter_error("checkpoint", type(estimator).__name__, rule, estimator.checkpoint)


def fit_folder(estimator: Any, data: Data, device: torch.device, levels: Any = None) -> Path | None:
    """Return the folder of a fit of this estimator to these data; None keeps nothing.

    ``levels`` are the labels of the columns of which the data have the codes.

    Raises ValueError if a parameter cannot be pickled, so that fits cannot be told apart.
    """
    if estimator.checkpoint is None:
        return None
    folder = Path(estimator.checkpoint) / fit_digest(estimator, data, device, levels)
    folder.mkdir(exist_ok=True)
    return folder


def fit_digest(estimator: Any, data: Data, device: torch.device | str, levels: Any = None) -> str:
    """Return a name for everything that the result of a fit depends on."""
    parts: dict[str, Any] = {
        "estimator": type(estimator).__name__,
        "versions": (__version__, torch.__version__.split("+")[0]),
        "device": str(device),
        "data": [
            None if part is None else joblib.hash(np.ascontiguousarray(part)) for part in data
        ],
        "levels": repr(levels or None),
    }
    for name, value in estimator.get_params(deep=False).items():
        if name not in FREE_PARAMETERS:
            parts[f"parameter {name}"] = _parameter_hash(estimator, name, value)
    return joblib.hash(sorted(parts.items()))


def _parameter_hash(estimator: Any, name: str, value: Any) -> str:
    """Hash a parameter on its own: joblib tells shared objects from equal ones."""
    try:
        return joblib.hash(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        rule = f"be None where the parameter {name!r} cannot be pickled"
        raise _refusal(estimator, rule) from error


def _forget_states(folder: Path, name: str) -> None:
    """Delete the states of a stage and of its parts."""
    for path in [_state_file(folder, name), *folder.glob(f"{name}.*.state")]:
        path.unlink(missing_ok=True)


def _state_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.state"


def _write(path: Path, content: Any) -> None:
    """Write a file whole or not at all; one that cannot be written does not end a fit."""
    try:
        buffer = io.BytesIO()
        _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(content)
        payload = buffer.getvalue()
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines([MAGIC, _checksum(path, payload), payload])
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except (OSError, pickle.PicklingError, AttributeError, TypeError) as error:
        warnings.warn(f"A checkpoint could not be written: {error}.", stacklevel=2)


def _read(path: Path) -> Any:
    """Return the content of a file; None, with a warning, if it is not one that was written so."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    header = len(MAGIC) + DIGEST_BYTES
    payload = data[header:]
    if data[:header] == MAGIC + _checksum(path, payload):
        try:
            return pickle.loads(payload)
        except Exception as error:  # a pickle may raise anything, say where a class has moved
            reason = f"it cannot be read ({error})"
    else:
        reason = "it is damaged, or from somewhere else"
    warnings.warn(
        f"The checkpoint {path} is ignored, and its work done anew: {reason}.", stacklevel=2
    )
    return None


def _checksum(path: Path, payload: bytes) -> bytes:
    """Return a checksum that also tells files of other fits and stages."""
    key = hashlib.blake2b(f"{path.parent.name}/{path.name}".encode()).digest()
    return hashlib.blake2b(payload, digest_size=DIGEST_BYTES, key=key).digest()


class _Pickler(pickle.Pickler):
    """Pickles generators of torch, which not all its versions can."""

    def reducer_override(self, obj: Any) -> Any:
        """Replace a generator by its state."""
        if isinstance(obj, torch.Generator):
            return _generator, (obj.get_state(),)
        return NotImplemented


def _generator(state: torch.Tensor) -> torch.Generator:
    return torch.Generator().set_state(state)
