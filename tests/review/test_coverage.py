"""What the review names has a place in the course; the README's table is that of the code."""

import re
from functools import cache
from pathlib import Path

import pytest

import medtutor
from medtutor.cli import main
from medtutor.review import companion, coverage, works
from medtutor.review.coverage import as_markdown, missing
from medtutor.review.places import LESSONS, lesson_name, link

ROOT = Path(medtutor.__file__).parent.parent
SOURCES = ROOT / "notebooks" / "source"
# What the abstract names, counted once more by hand.
COUNTS = {"family": 9, "modality": 4, "process": 2, "challenge": 4, "concern": 3, "direction": 5, "work": 22}


@cache
def headings(number):
    """The headings of a lesson's source."""
    [path] = SOURCES.glob(f"{number}_*.py")
    return {heading.strip() for heading in re.findall(r"^# #+ (.*)", path.read_text(encoding="utf-8"), re.M)}


def test_all_that_is_named_has_a_row():
    rows = coverage()
    assert {kind: sum(row.kind == kind for row in rows) for kind in COUNTS} == COUNTS
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("row", coverage(), ids=lambda row: row.name[:30])
def test_its_place_exists_or_is_to_come(row):
    if not row.is_there:
        assert not row.cell and int(row.lesson) >= 10
    else:
        assert row.cell in headings(row.lesson) or (not row.cell and row.lesson >= "10")


def test_what_is_to_come_is_said():
    """Complete but for lessons that are not written; which those are follows from the folders of the course."""
    to_come = {row.lesson for row in coverage() if not row.is_there}
    written = {path.name[:2] for path in SOURCES.glob("[0-9][0-9]_*.py")}
    assert to_come == {row.lesson for row in coverage()} - written
    assert [sentence[:9] for sentence in missing(coverage())] == [f"lesson {number}" for number in sorted(to_come)]


def test_lessons_are_known_by_their_numbers():
    assert {lesson_name(number) for number in LESSONS} - {None} == {
        path.stem for path in SOURCES.glob("[0-9][0-9]_*.py") if path.stem[:2] in LESSONS
    }
    assert link("09", 'What is "global"?') == "09_interpretability.ipynb#What-is-%22global%22%3F"


def test_the_table_of_the_readme_follows_from_the_code():
    found = re.search(r"<!-- coverage -->\n(.*?)\n<!-- end of coverage -->", (ROOT / "README.md").read_text(), re.S)
    assert found and found[1] == as_markdown(coverage()), (
        "put what `medtutor review coverage --markdown` prints between the marks in README.md"
    )


def test_the_companion_says_what_was_not_seen_and_attributes_nothing_more():
    page = companion()
    assert "could not be read" in page and "not reported here" in page and "10.3390/diagnostics15091072" in page
    assert not re.search(r"\b(records|studies) (identified|screened|included)\b", page)
    assert all(f"lesson {row.lesson} is to come" in page for row in coverage() if not row.is_there)


# --- the command -----------------------------------------------------------------------------------


def ran(capsys, *arguments):
    code = main(["review", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_the_page_and_the_table(capsys):
    assert ran(capsys) == (0, companion() + "\n", "")
    code, out, err = ran(capsys, "coverage", "--markdown")
    assert code == 0 and out == as_markdown(coverage()) + "\n" and err.splitlines() == missing(coverage())
    code, out, _ = ran(capsys, "coverage", "--json")
    assert code == 0 and out.count('"kind"') == len(coverage())


@pytest.mark.parametrize("form, start", [("bib", "@article{"), ("ris", "TY  - JOUR"), ("csv", "id,listed")])
def test_the_literature(capsys, tmp_path, form, start):
    code, out, _ = ran(capsys, "literature", "--format", form)
    assert code == 0 and out.startswith(start) and all(work.id in out for work in works())
    ran(capsys, "literature", "--format", form, "--out", str(tmp_path / "x"))
    assert (tmp_path / "x").read_text() == out


def test_a_flow_diagram(capsys, tmp_path):
    counts, out = tmp_path / "counts.csv", tmp_path / "flow.svg"
    counts.write_text("data,n\nrecords_screened,30\nrecords_excluded,20\n")
    code, said, _ = ran(capsys, "prisma", str(counts), "--out", str(out), "--title", "knees")
    assert code == 0 and "Records screened: n = 30" in said and "flow diagram: knees" in out.read_text()
    assert ran(capsys, "prisma", "ali-2023", "--out", str(out), "--json")[1].count('"new_studies": 22') == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["prisma", "none.csv", "--out", "x.svg"], "none.csv cannot be read"),
        (["prisma", "ali-2023", "--out", "x.png"], "must end in .svg"),
        (["prisma", "ali-2023"], "required: --out"),
        (["literature", "--format", "xml"], "unknown format 'xml'"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_wrong_input_is_one_line(capsys, arguments, words):
    code, out, err = ran(capsys, *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_counts_that_contradict_each_other_draw_nothing(capsys, tmp_path):
    (tmp_path / "counts.csv").write_text("data,n\nrecords_screened,10\nrecords_excluded,20\n")
    code, _, err = ran(capsys, "prisma", str(tmp_path / "counts.csv"), "--out", str(tmp_path / "flow.svg"))
    assert code == 2 and "counts.csv: the counts contradict each other" in err and not (tmp_path / "flow.svg").exists()
