"""Work in fresh processes: the peak memory is the fit's own, and a crash takes nothing else along.

    python -m tabular.processes WHAT ARGUMENTS RESULT

calls a function of `WORK` with the arguments in a JSON file and writes what it returns to another.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from . import measurement

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def call_apart(what, arguments):
    """Call a function of `WORK` in a process of its own, on one thread and without GPU.

    Parameters
    ----------
    what : str
    arguments : list
        Of numbers, texts and lists of them.

    Returns
    -------
    result
        What the function returned, or None if the process ended before it did.
    reason : str
        Why there is no result; "" if there is one.
    """
    with tempfile.TemporaryDirectory() as folder:
        log, given, result = (Path(folder) / name for name in ("log", "given", "result"))
        given.write_text(json.dumps(arguments), encoding="utf-8")
        code = _run([what, str(given), str(result)], log)
        if code == 0:
            return json.loads(result.read_text(encoding="utf-8")), ""
        lines = log.read_text(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return None, f"{ended}: {last}" if last else ended


def _run(arguments, log):
    """Run this module in a new process, its output into a file, and return the exit code."""
    # -P: the current folder is not searched for modules.
    command = [sys.executable, "-P", "-m", "tabular.processes", *arguments]
    # Its standard input stays open for as long as this process lives.
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=_environment()
        ) as process,
    ):
        return process.wait()


def _environment():
    """Return the environment of a new process."""
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(THREADS, "1"),
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }


def count_rows(names, tasks):
    """Return a list (set, task, rows), or the reason instead of the rows if there is one.

    ``names`` are those of the sets, None for all of the tasks. The task of a set with categories
    and missing values is not "mixed" but its own.
    """
    from skibias.datasets import list_tabular

    every = [(name, task) for task in tasks for name in list_tabular(task)]
    unknown = [name for name in names or () if name not in dict(every)]
    counts = [(name, "", f"there are {', '.join(sorted(dict(every)))}") for name in unknown]
    for name, task in every:
        if names is None or name in names:
            counts.append((name, *_count_rows(name, task)))
    return counts


def _count_rows(name, task):
    try:
        table = measurement.load_set(name, task)
    except Exception as error:  # whatever it is, the other sets can be used
        return task, measurement.error_text(error)
    return table.task, len(table.y)


def measure(*job):
    """Return the row of a job."""
    return measurement.measure(measurement.Job(*job), measurement.load_set)


WORK = {"count": count_rows, "measure": measure}


def _end_with_parent():
    """End this process when its standard input is closed: the parent is gone."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main(what, given, result):
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = WORK[what](*json.loads(Path(given).read_text(encoding="utf-8")))
    Path(result).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
