"""The README keeps its word: its Python runs, its commands have a fixed form, its files exist."""

import re
from pathlib import Path

import pytest
from code_blocks import blocks, run_python

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELLS = {"bash", "sh", "shell", "console", "zsh"}


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
    assert tests.endswith(" && python -m pytest -n 2")


def test_every_file_that_is_named_exists():
    in_code = re.findall(r"[\w./-]+\.(?:py|txt|md)\b", README)
    linked = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    names = set(in_code + linked)
    assert {"constraints.txt", "examples/plot_01_compare_with_trees.py", "LICENSE"} <= names
    folders = [ROOT, ROOT / "examples/benchmarks"]  # the benchmarks are also named alone
    missing = [name for name in names if not any((folder / name).is_file() for folder in folders)]
    assert missing == []


def test_the_python_blocks_run(capsys):
    names = run_python(README, "README.md")
    accuracies = [float(text) for text in re.findall(r"0\.\d{3}$", capsys.readouterr().out, re.M)]
    assert len(accuracies) == len(names["models"]) + 1
    assert min(accuracies) > 0.7


@pytest.mark.parametrize("text", ["```bash\na\n```\n", "x\n```bash title\na\n```  \n```\nb\n```\n"])
def test_fenced_blocks_are_seen(text):
    assert blocks(text)[0] == ("bash", "a\n")
