"""A script run in a process of its own, ended after a limit of seconds.

Imports nothing heavy: on Linux, a child's peak memory starts from its parent's.
"""

import os
import signal
import subprocess
import sys
from typing import NamedTuple

OK = "ok"


class Outcome(NamedTuple):
    """What a process printed, and how it ended."""

    output: str
    status: str  # "ok", or what went wrong


def run_apart(script, *arguments, limit=None, gpu=False):
    """Run a Python script and return its `Outcome`.

    Parameters
    ----------
    script : str
    *arguments : str
    limit : float or None
        Seconds after which it is killed, with all that it has started.
    gpu : bool
        Whether it sees the GPUs of this machine.
    """
    environment = dict(os.environ) if gpu else {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return Outcome("", f"> {limit:g}")
    finally:  # also after Ctrl-C
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Outcome(output, _status(process.returncode))


def _status(code):
    if code < 0:
        return f"killed by signal {-code}"
    return OK if code == 0 else f"exit code {code}"
