"""Records in and out; whatever is broken in a file is told with its line."""

import pytest

from medtutor.errors import InputError
from medtutor.review import Record, read_records, write_records
from medtutor.review.bibliography import as_csv, as_ris, parse_csv, parse_ris, plain_doi

RECORDS = [
    Record(
        "a", "On knees, and 'more'", 'First.\nSecond; "third"', ("Page, M. J.", "Li, T."), 2020, "BMJ", "10.1/a", True
    ),
    Record("b", "Über Mäuse", included=False, notes=("left out: not in people",)),
    Record("c", "", "An abstract alone", year=1999),
]
RIS = """1.
TY  - JOUR
T1  - A long title
   that goes on
A1  - Marx, Karl
Y1  - 2014/05/12/
N2  - An abstract
N1  - <p>ASReview_irrelevant</p>
N1  - seen twice
DO  - https://doi.org/10.1/B
ER  -

TY  - JOUR
TI  - Another
PY  - in press
ER  -
"""


def plain(record):
    """A record without its place, on one line."""
    return (record.key, " ".join(record.title.split()), " ".join(record.abstract.split()), record.authors, record.year,
            record.journal, record.doi, record.included)  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "ris"])
def test_what_is_written_is_read_again(tmp_path, kind):
    path = tmp_path / f"records.{kind}"
    write_records(path, RECORDS)
    found = read_records(path)
    assert [plain(record) for record in found] == [plain(record) for record in RECORDS]
    assert all(record.place.endswith(f"of records.{kind}") for record in found)
    if kind == "ris":
        assert found[1].notes == ("left out: not in people",)
        assert "N1  - ASReview_relevant" in path.read_text() and "ASReview_not_seen" not in path.read_text()


def test_the_tags_of_other_programs_are_read():
    first, second = parse_ris(RIS)
    assert first.title == "A long title that goes on" and first.authors == ("Marx, Karl",) and first.year == 2014
    assert first.doi == "10.1/b" and first.included is False and first.notes == ("seen twice",)
    assert second.year is None and second.included is None and second.key == "2"


@pytest.mark.parametrize(
    "text, words",
    [
        ("TI  - x|ER  - ", "line 1 of refs.ris: TI stands outside a record"),
        ("TY  - JOUR|TI  - x|TY  - JOUR|TI  - y|ER  - ", "line 3 .*: a record begins .TY. before the one of line 1"),
        ("TY  - JOUR|TI  - x|ER  - ||TY  - JOUR|TI  - y", "line 5 of refs.ris: the record that begins here never ends"),
        ("TY  - JOUR|TI  - x|ER  - |TY  - JOUR|DO  - 10.1/a|ER  - ", "line 4 of refs.ris: .* neither a title nor"),
        ("TY  - JOUR|lost words|ER  - ", "line 2 of refs.ris: 'lost words' follows no tag"),
        ("TY  - JOUR|TI  - x|N1  - ASReview_relevant|N1  - ASReview_irrelevant|ER  - ", "line 1 .* two decisions"),
        (
            "TY  - JOUR|ID  - 1|TI  - x|ER  - |TY  - JOUR|ID  - 1|TI  - y|ER  - ",
            "line 5 .*: the key '1' stands in line 1",
        ),
        ("no record here", "line 1 of refs.ris: there is no record"),
        ("", "refs.ris holds no record"),
    ],
)
def test_a_broken_ris_is_told_with_its_line(tmp_path, text, words):
    (tmp_path / "refs.ris").write_text(text.replace("|", "\n"))
    with pytest.raises(InputError, match=words):
        read_records(tmp_path / "refs.ris")


@pytest.mark.parametrize(
    "text, words",
    [
        ("name,year\nx,2020\n", "line 1 of refs.csv: there is no column title or abstract"),
        ("title,included\nx,1\ny,maybe\n", "line 3 of refs.csv: 'maybe' is no decision"),
        ("title,year\nx,2020\ny\n", "line 3 of refs.csv: it has not 2 values"),
        ("title,year\nx,2020,more\n", "line 2 of refs.csv: it has not 2 values"),
        ('title,year\n"x,2020\n', "of refs.csv: it is no CSV"),
        ("title,abstract\n,\n", "line 2 of refs.csv: .* neither a title nor an abstract"),
        ('title,id\n"two\nlines",7\ny,7\n', "line 4 of refs.csv: the key '7' stands in line 2 of refs.csv already"),
        ("title\n", "refs.csv holds no record"),
    ],
)
def test_a_broken_csv_is_told_with_its_line(tmp_path, text, words):
    (tmp_path / "refs.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_records(tmp_path / "refs.csv")


@pytest.mark.parametrize(
    "word, decision", [("1", True), ("1.0", True), ("Yes", True), ("0", False), ("FALSE", False), ("", None)]
)
def test_decisions_as_others_write_them(word, decision):
    assert parse_csv(f"title,label_included\nx,{word}\n")[0].included is decision


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="neither .csv nor .ris"):
        read_records(tmp_path / "x.xml")
    with pytest.raises(InputError, match="cannot be read"):
        read_records(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("title\nM\xe4use\n".encode("latin-1"))
    with pytest.raises(InputError, match="no UTF-8"):
        read_records(tmp_path / "latin.csv")
    with pytest.raises(InputError, match="must end in"):
        write_records(tmp_path / "x.txt", RECORDS)
    with pytest.raises(InputError, match="cannot be written"):
        write_records(tmp_path / "no folder" / "x.csv", RECORDS)


def test_a_byte_order_mark_and_a_long_abstract(tmp_path):
    (tmp_path / "excel.csv").write_text("\ufefftitle,abstract\nx," + "word " * 40_000 + "\n", encoding="utf-8")
    assert len(read_records(tmp_path / "excel.csv")[0].abstract) > 150_000


def test_spellings_of_one_doi():
    assert {
        plain_doi(doi) for doi in ("10.1/A", "https://doi.org/10.1/a", "http://dx.doi.org/10.1/a", "doi: 10.1/a ")
    } == {"10.1/a"}


def test_text_never_breaks_the_lines_of_ris():
    text = as_ris([Record("a", "one\nER  - \ntwo")])
    assert len(parse_ris(text)) == 1 and parse_ris(text)[0].title == "one ER - two"
    assert parse_csv(as_csv([Record("a", "one\ntwo")]))[0].title == "one\ntwo"


def test_the_line_is_that_of_an_editor_and_a_title_is_not_broken():
    """`str.splitlines` ends a line at U+2028, too, which publishers leave in titles."""
    text = "TY  - JOUR\nTI  - On\u2028knees\nER  - \n"
    assert parse_ris(text)[0].title == "On knees"
    with pytest.raises(InputError, match="line 4 of"):
        parse_ris(f"{text}TI  - On mice\n")


def test_a_record_without_a_key_gets_one_that_no_other_has():
    records = parse_ris(
        "TY  - JOUR\nID  - 2\nTI  - a\nER  - \nTY  - JOUR\nTI  - b\nER  - \nTY  - JOUR\nTI  - c\nER  - \n"
    )
    assert [record.key for record in records] == ["2", "4", "3"]  # the second would be 2
    assert [record.key for record in parse_csv("key,title\n1,a\n,b\n,c\n")] == ["1", "2", "3"]


def test_a_column_that_stands_twice_is_told_where_it_is_read():
    with pytest.raises(InputError, match="line 1 of the text: the column 'title' stands twice"):
        parse_csv("title,title\na,b\n")
    assert parse_csv("title,note,note\na,b,c\n")[0].title == "a"


@pytest.mark.parametrize("records", [["a"], None, 3, Record("k", "a"), "abc"])
def test_only_records_are_written(tmp_path, records):
    with pytest.raises(InputError, match="records must be a list of Record"):
        write_records(tmp_path / "out.ris", records)
    assert not (tmp_path / "out.ris").exists()
