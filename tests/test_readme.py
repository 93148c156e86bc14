"""The README keeps its word: its Python runs, its commands have a fixed form, its files exist."""

import re
from pathlib import Path

import pytest
import sklearn.ensemble  # noqa: F401  (its threads can be limited only once it is loaded)
from threadpoolctl import threadpool_limits

import skibias  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELLS = {"bash", "sh", "shell", "console", "zsh"}


def blocks(text):
    """List the fenced blocks of a Markdown text as pairs (language, body)."""
    pattern = r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$"
    return re.findall(pattern, text, re.MULTILINE | re.DOTALL)


def commands():
    return [body for language, body in blocks(README) if language in SHELLS]


def test_there_are_two_bash_blocks_of_one_command_line():
    assert [language for language, _ in blocks(README)][:2] == ["bash", "bash"]
    assert len(commands()) == 2
    for body in commands():
        assert len(body.splitlines()) == 1
        assert "\\" not in body


def test_the_first_command_installs_and_compares_and_the_second_tests():
    example, tests = (body.strip() for body in commands())
    assert example.startswith("python -m pip install ")
    assert example.endswith(" && python examples/plot_01_compare_with_trees.py")
    assert tests.startswith("python -m pip install ")
    assert tests.endswith(" && python -m pytest")


def test_every_file_that_is_named_exists():
    in_code = re.findall(r"[\w./-]+\.(?:py|txt|md)\b", README)
    linked = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    names = set(in_code + linked)
    assert {"constraints.txt", "examples/plot_01_compare_with_trees.py", "LICENSE"} <= names
    folders = [ROOT, ROOT / "examples/benchmarks"]  # the benchmarks are also named alone
    missing = [name for name in names if not any((folder / name).is_file() for folder in folders)]
    assert missing == []


def test_the_python_blocks_run(capsys):
    sources = [body for language, body in blocks(README) if language == "python"]
    assert sources
    names = {}
    # One thread: on a busy machine, the trees' threads otherwise wait for each other far longer
    # than they work.
    with threadpool_limits(1):
        for number, source in enumerate(sources):
            exec(compile(source, f"README.md, block {number}", "exec"), names)
    accuracies = [float(text) for text in re.findall(r"0\.\d{3}$", capsys.readouterr().out, re.M)]
    assert len(accuracies) == len(names["models"]) + 1
    assert min(accuracies) > 0.7


@pytest.mark.parametrize("text", ["```bash\na\n```\n", "x\n```bash title\na\n```  \n```\nb\n```\n"])
def test_fenced_blocks_are_seen(text):
    assert blocks(text)[0] == ("bash", "a\n")
