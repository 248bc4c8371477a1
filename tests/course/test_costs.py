"""What lessons take: kept with a hash of their code, and the guide's table is made from it."""

import json
import re
from pathlib import Path

import pytest

from medtutor.cli import main
from medtutor.course import costs
from medtutor.course.builder import sources
from medtutor.course.counting import count
from medtutor.course.execution import Cost
from medtutor.course.inspection import LESSON_BYTES
from medtutor.errors import MedtutorError

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / costs.GUIDE
SOURCE = "# %% [markdown]\n# # A lesson\n# Of a few words.\n\n# %%\n1 + 1\n"


def test_the_guide_s_table_is_in_step():
    """Else: medtutor notebooks table --write"""
    guide = GUIDE.read_text(encoding="utf-8")
    in_step = costs.BEGIN + costs.table(ROOT / "notebooks") + costs.END in guide
    assert in_step, "write it anew: medtutor notebooks table --write"
    told = {number: int(minutes) for number, minutes in re.findall(r"^(\d\d)  +(\d+)", guide, re.M)}
    assert told == {source.name[:2]: count(source).minutes for source in sources(ROOT / "notebooks")}


def test_every_lesson_that_was_measured_held_less_than_its_limit():
    kept = costs.recorded(ROOT / "notebooks")
    assert kept and set(kept) <= {source.stem for source in sources(ROOT / "notebooks")}
    assert all(0 < each["own"] * 1e6 <= LESSON_BYTES for each in kept.values())


@pytest.fixture
def notebooks(tmp_path):
    """Two lessons, and a guide with a place for the table."""
    (tmp_path / "notebooks" / "source").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for name in ("00_one", "01_two"):
        (tmp_path / "notebooks" / "source" / f"{name}.py").write_text(SOURCE)
    (tmp_path / costs.GUIDE).write_text(f"Before.\n\n{costs.BEGIN}old\n\n{costs.END}\nAfter.\n")
    return tmp_path / "notebooks"


def test_what_was_measured_is_kept_and_marked_once_the_code_has_changed(notebooks):
    source, other = sources(notebooks)
    costs.record(notebooks, source, Cost(99.0, 812_000_000, 240_000_000, 61.4), "two cores")
    guide = (notebooks.parent / costs.GUIDE).read_text()
    assert guide.startswith("Before.") and guide.endswith("After.\n") and "old" not in guide
    assert re.search(r"^00 +0 +61 +812 +240$", guide, re.M) and re.search(r"^01 +0 +– +– +–$", guide, re.M)
    assert "Measured on:\n\n- two cores\n" in guide and "star" not in guide

    source.write_text(SOURCE.replace("few", "good many"))  # text alone
    assert "*" not in costs.table(notebooks)
    source.write_text(SOURCE.replace("1 + 1", "1 + 2"))
    assert re.search(r"^00 +0 +61\* +812\* +240\*$", costs.table(notebooks), re.M)
    assert "A star: measured before the lesson's code last changed." in costs.table(notebooks)

    costs.record(notebooks, other, Cost(5.0, 1, 1, 5.0), "one core")  # of the other what was kept stays
    assert list(json.loads((notebooks / costs.KEPT).read_text())) == ["00_one", "01_two"]
    assert "- one core\n- two cores\n\nA star" in costs.table(notebooks)


def test_a_guide_without_a_place_stays_as_it_is(notebooks):
    path = notebooks.parent / costs.GUIDE
    path.write_text("A guide.\n")
    with pytest.raises(MedtutorError, match="has no place for the table"):
        costs.write_guide(notebooks)
    assert path.read_text() == "A guide.\n"


def test_nothing_can_be_recorded_where_nothing_is_executed(capsys):
    assert main(["notebooks", "check", "--fast", "--record", "00"]) == 2
    assert "--fast executes nothing" in capsys.readouterr().err
