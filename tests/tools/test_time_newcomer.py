"""A newcomer's commands are those of the README: without one of them nothing is measured."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = spec_from_file_location("time_newcomer", ROOT / "tools" / "time_newcomer.py")
time_newcomer = module_from_spec(spec)
spec.loader.exec_module(time_newcomer)
README = (ROOT / "README.md").read_text(encoding="utf-8")
WANTED = [
    ("Start", "make lab"),
    ("The main job", "medtutor train"),
    ("For instructors", "medtutor course build"),
    ("For instructors", "medtutor course grade"),
]


@pytest.mark.parametrize(("heading", "beginning"), WANTED)
def test_the_readme_has_what_a_newcomer_runs(heading, beginning):
    assert time_newcomer.command(README, heading, beginning).startswith(beginning)
    gone = README.replace(beginning, "something else")
    with pytest.raises(SystemExit, match=f"no '{beginning}' under '{heading}'"):
        time_newcomer.command(gone, heading, beginning)


def test_commands_are_those_of_the_section_without_comments():
    text = "## One\n```\na b  # why\n\n# all of it\n```\nwords\n```python\nc\n```\n## Two\n```\nd\n```\n"
    assert time_newcomer.commands(text, "One") == ["a b", "c"]
    assert time_newcomer.commands(text, "Two") == ["d"] and time_newcomer.commands(text, "Three") == []
