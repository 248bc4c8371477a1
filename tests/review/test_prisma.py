"""Flows: what is unknown stays so, what is known must be possible; in and out; the picture."""

import html
import re
import xml.etree.ElementTree as ET

import pytest

from medtutor.errors import InputError
from medtutor.review import Flow, checklist, draw_flow, flows, read_flow
from medtutor.review.prisma import BOXES, UNKNOWN, parse_flow
from medtutor.review.prisma_picture import diagram

FULL = {
    "database_results": 1240, "register_results": 50, "duplicates": 210, "excluded_automatic": 0, "excluded_other": 0,
    "records_screened": 1080, "records_excluded": 950, "dbr_sought_reports": 130, "dbr_notretrieved_reports": 10,
    "dbr_assessed": 120, "website_results": 5, "organisation_results": 2, "citations_results": 10,
    "other_sought_reports": 15, "other_notretrieved_reports": 1, "other_assessed": 14, "previous_studies": 12,
    "previous_reports": 15, "new_studies": 60, "new_reports": 64, "total_studies": 72, "total_reports": 79,
}  # fmt: skip
WHY = {"dbr_excluded": {"Wrong population": 30, "Wrong outcome, or none": 26}, "other_excluded": {"Animals": 14}}


def test_a_flow_that_adds_up():
    flow = Flow(FULL, WHY)
    assert flow["dbr_excluded"] == 56 and flow.has_other and flow.has_previous


# Each changes one or two counts of the full flow; the sentence names a box of the identity that breaks.
@pytest.mark.parametrize(
    "changed, words",
    [
        ({"records_screened": 1090}, "records screened"),
        ({"duplicates": 209}, "duplicate records .209."),
        ({"records_excluded": 951}, "records excluded .951."),
        ({"dbr_sought_reports": 131}, "reports sought for retrieval"),
        ({"dbr_notretrieved_reports": 9}, "reports not retrieved .9."),
        ({"dbr_assessed": 121}, "reports assessed for eligibility"),
        ({"new_reports": 65}, "reports of new included studies"),
        ({"new_studies": 65, "total_studies": 77}, "new studies included in review"),
        ({"other_assessed": 15}, "reports assessed for eligibility .other methods."),
        ({"total_studies": 73}, "total studies included in review is 73"),
        ({"previous_reports": 11, "total_reports": 75}, "previous version of review"),
        ({"citations_results": 1}, "records identified by other methods comes to 8"),
    ],
)
def test_counts_that_contradict_each_other_are_told_with_their_boxes(changed, words):
    with pytest.raises(InputError, match=f"the counts contradict each other: .*{words}"):
        Flow({**FULL, **changed}, WHY)


@pytest.mark.parametrize(
    "counts",
    [
        {"records_screened": 50, "records_excluded": 80},
        {"records_identified": 22, "new_studies": 688},  # also through boxes that are not known
        {"database_results": 10, "register_results": 0, "records_screened": 12},
        {"dbr_assessed": 50, "dbr_excluded": 80},
        {"records_identified": 100, "duplicates": 60, "new_studies": 41},
    ],
)
def test_a_contradiction_shows_also_where_most_is_unknown(counts):
    with pytest.raises(InputError, match="contradict each other"):
        Flow(counts)


def test_nothing_is_filled_in():
    flow = Flow({"records_identified": 688, "new_studies": 22})
    assert {key for key in BOXES if flow[key] is not None} == {"records_identified", "new_studies"}


@pytest.mark.parametrize(
    "counts, reasons, words",
    [
        ({"foo": 1}, {}, "unknown box of the flow 'foo'"),
        ({"duplicates": -1}, {}, "duplicate records must be from 0"),
        ({"duplicates": True}, {}, "must be a whole number"),
        ({"duplicates": 1.5}, {}, "must be a whole number"),
        ({"dbr_excluded": 10}, {"dbr_excluded": {"a": 11}}, "its reasons add up to 11"),
        ({}, {"duplicates": {"a": 11}}, "unknown box with reasons"),
    ],
)
def test_what_is_no_count(counts, reasons, words):
    with pytest.raises(InputError, match=words):
        Flow(counts, reasons)


# --- in and out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts, reasons", [(FULL, WHY), ({"records_identified": 688, "new_studies": 22}, {}), ({"dbr_excluded": 7}, {})]
)
def test_the_csv_of_prisma2020_in_and_out(tmp_path, counts, reasons):
    flow = Flow(counts, reasons)
    flow.save(tmp_path / "counts.csv")
    again = read_flow(tmp_path / "counts.csv")
    assert again.counts == flow.counts
    if reasons:
        assert again.reasons == flow.reasons


def test_the_rows_of_the_package_itself_are_read():
    """Its titles, phases and details hold no count; its template says xxx and 0."""
    text = (
        "data,node,box,description,boxtext,tooltips,url,n\nNA,node4,prevstud,Grey title box,x,x,p.html,0\n"
        'database_results,node7,box2,d,Databases,t,u,"1,240"\n'
        'database_specific_results,NA,box2,d,Specific Databases,NA,u,"Database 1, xxx; Database 2, xxx"\n'
        "records_excluded,node10,box5,d,b,t,u,NA\n"
        'dbr_excluded,node14,box9,d,b,t,u,"Reason1, xxx; Reason2, 3"\nidentification,node1,identification,b,b,b,u,0\n'
    )
    flow = parse_flow(text)
    assert flow.counts == {"database_results": 1240} and flow.reasons == {
        "dbr_excluded": {"Reason1": None, "Reason2": 3}
    }


@pytest.mark.parametrize(
    "rows, words",
    [
        ("data,count\nduplicates,1\n", "line 1 of c.csv: there are no columns data and n"),
        ("data,n\nduplicates,many\n", "line 2 of c.csv: 'many' is no count"),
        ("data,n\nduplicates,-3\n", "line 2 of c.csv: '-3' is no count"),
        (
            "data,n\nduplicates,1\nduplicats,1\n",
            "line 3 of c.csv: unknown box of the flow 'duplicats'; did you mean duplicates",
        ),
        ("data,n\nduplicates,1\nduplicates,2\n", "line 3 of c.csv: duplicates stands in the file twice"),
        ('data,n\ndbr_excluded,"a, 1; a, 2"\n', "line 2 of c.csv: the reason 'a' stands twice"),
        ('data,n\ndbr_excluded,"30; 12"\n', "line 2 of c.csv: '30' is no reason with a count"),
        ("data,n\nrecords_screened,10\nrecords_excluded,20\n", "c.csv: the counts contradict each other"),
        ("data,n\n", "c.csv holds no count"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path, rows, words):
    (tmp_path / "c.csv").write_text(rows)
    with pytest.raises(InputError, match=words):
        read_flow(tmp_path / "c.csv")


# --- the picture ---------------------------------------------------------------------------------


def parsed(flow):
    root = ET.fromstring(draw_flow(flow).svg)
    return root, ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_count_stands_in_the_picture_and_in_its_words():
    flow = Flow(FULL, WHY, title="knees & <mice>")
    root, texts = parsed(flow)
    shown = " ".join(texts).replace("\u00a0", " ")
    for count in {*FULL.values(), 56, 30, 26, 14}:
        assert f"n = {count:,}" in shown and f"n = {count:,}" in draw_flow(flow).alt
    named = {each.tag.rpartition("}")[2]: each.text for each in root if each.text}
    assert root.get("role") == "img"
    assert named["title"] == "PRISMA 2020 flow diagram: knees & <mice>" and named["desc"] == draw_flow(flow).alt


def test_what_is_not_known_says_so():
    flow = flows()["ali-2023"]
    _, texts = parsed(flow)
    shown = " ".join(texts).replace("\u00a0", " ")
    assert "n = 688" in shown and "n = 22" in shown and shown.count("n = ") == 2
    assert shown.count(UNKNOWN) == draw_flow(flow).alt.count(UNKNOWN) == 10


@pytest.mark.parametrize(
    "flow", [Flow(FULL, WHY), Flow({}), Flow(FULL, {"dbr_excluded": {"a very long reason " * 6: 56}})]
)
def test_boxes_do_not_overlap_and_hold_their_lines(flow):
    shape = diagram(flow)
    boxes = [(b.left, b.top, b.left + b.width, b.top + b.height) for b in shape.boxes]
    for number, one in enumerate(boxes):
        assert 0 <= one[0] < one[2] <= shape.width and 0 <= one[1] < one[3] <= shape.height
        for other in boxes[number + 1 :]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert all(len(line) <= 38 for box in shape.boxes if box.kind == "box" for line in box.lines)
    assert all(16 * len(box.lines) <= box.height for box in shape.boxes if box.kind == "box")


def test_in_a_notebook_it_is_an_image_with_alt_text(tmp_path):
    picture = draw_flow(Flow({"records_screened": 30}))
    tag = picture._repr_mimebundle_()["text/html"]
    assert html.unescape(re.search('alt="([^"]*)"', tag)[1]) == picture.alt and "data:image/svg+xml" in tag
    picture.save(tmp_path / "flow.svg")
    assert (tmp_path / "flow.svg").read_text() == picture.svg
    with pytest.raises(InputError, match="cannot be written"):
        picture.save(tmp_path / "no folder" / "flow.svg")
    with pytest.raises(InputError, match="flow must be a Flow"):
        draw_flow({"records_screened": 30})


# --- what was published --------------------------------------------------------------------------


def test_published_flows_are_those_that_were_seen():
    known = {name: dict(flow.counts) for name, flow in flows().items()}
    assert known == {
        "shobayo-2025": {},
        "ali-2023": {"records_identified": 688, "new_studies": 22},
        "piffer-2024": {"records_identified": 147, "new_studies": 77},
        "ali-2022": {"new_studies": 57},
    }
    assert all(flow.source and flow.note for flow in flows().values())


def test_the_checklist_has_27_items_and_says_what_was_not_seen():
    view = checklist()
    assert [row[0] for row in view.rows] == [str(number) for number in range(1, 28)]
    assert [row[3] for row in view.rows].count(UNKNOWN) == 26 and "PubMed" in view.rows[5][3]
    assert view._repr_html_().count("<tr>") == 28
    with pytest.raises(InputError, match="the number of an item"):
        checklist({28: "x"})


@pytest.mark.parametrize("digits", [11, 400, 5000])
def test_a_count_that_no_database_has_is_told_with_its_line(digits):
    with pytest.raises(InputError, match="line 2 of c.csv: '9+… is no count|line 2 of c.csv: '9+' is no count"):
        parse_flow(f"data,n\nrecords_screened,{'9' * digits}\n", "c.csv")


def test_counts_are_told_what_they_must_be():
    with pytest.raises(InputError, match="counts must be"):
        Flow([("records_screened", 5)])
    with pytest.raises(InputError, match="records screened must be from 0 to 1000000000, not 10000000000"):
        Flow({"records_screened": 10**10})
