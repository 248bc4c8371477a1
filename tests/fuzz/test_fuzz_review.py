"""Files around the review: RIS, CSV, PRISMA2020's counts, decisions: taken whole and right, or refused in words."""

import json

import pytest
from hypothesis import strategies as st

from medtutor.review import Collection, Flow, Record, Screening, draw_flow
from medtutor.review.bibliography import as_csv, as_ris, parse_csv, parse_ris
from medtutor.review.literature import parse_works
from medtutor.review.prisma import BOXES, parse_flow

from .harness import PLAIN, REFUSED, SHORT, attempt, damaged, fuzzed, some_altered

RECORDS = [Record("1", "On knees", "An abstract", ("A, B.",), 2020, "BMJ", "10.1/a", True), Record("2", "On mice")]
COUNTS = {
    "database_results": 90,
    "register_results": 10,
    "duplicates": 20,
    "records_screened": 80,
    "records_excluded": 60,
}
FLOW = Flow(COUNTS, {"dbr_excluded": {"a": 3, "b": 4}})
WORKS = (
    '[a]\nlisted = "cited"\nauthors = ["A"]\nabout = "x"\nyear = 2020\nfamily = "U-Net"\nmodality = ["MRI"]\n'
    'method = "One."\nseen = "source"\nseen_in = "there"\nlesson = "03"\n'
)


def broken(text):
    """Text with something wrong in it."""
    return damaged(text.encode()).map(lambda content: content.decode("utf-8", "replace"))


def plain(records):
    return [(r.key, " ".join(r.title.split()), r.year, r.doi, r.included) for r in records]


@fuzzed(6, text=broken(as_ris(RECORDS)))
def test_ris_that_is_read_is_written_as_it_was(text):
    records = attempt(parse_ris, text)
    if records is not REFUSED:
        assert plain(parse_ris(as_ris(records))) == plain(records) and len({r.key for r in records}) == len(records)


@fuzzed(6, text=broken(as_csv(RECORDS)))
def test_csv_that_is_read_is_written_as_it_was(text):
    records = attempt(parse_csv, text)
    if records is not REFUSED:
        assert plain(parse_csv(as_csv(records))) == plain(records)


@fuzzed(6, text=broken(FLOW.as_csv()))
def test_counts_that_are_read_are_drawn(text):
    flow = attempt(parse_flow, text)
    if flow is not REFUSED:
        assert all(count >= 0 for count in flow.counts.values()) and parse_flow(flow.as_csv()).counts == flow.counts
        assert draw_flow(flow).svg.endswith("</svg>\n")


@fuzzed(6, counts=st.dictionaries(st.sampled_from(list(BOXES)), st.integers(0, 40), max_size=8))
def test_counts_that_are_taken_keep_what_goes_in_above_what_comes_out(counts):
    flow = attempt(Flow, counts)
    if flow is not REFUSED:
        way = ("records_identified", "records_screened", "dbr_sought_reports", "dbr_assessed")
        known = [flow[key] for key in way if flow[key] is not None]
        assert known == sorted(known, reverse=True)


@st.composite
def flows_that_add_up(draw):
    """All counts of a flow, drawn from its boxes at the end upwards."""
    n = lambda: draw(st.integers(0, 30))  # noqa: E731
    full = {key: n() for key in ("dbr_excluded", "other_excluded", "dbr_notretrieved_reports", "records_excluded")}
    full |= {key: n() for key in ("duplicates", "excluded_automatic", "excluded_other", "other_notretrieved_reports")}
    own, others = n(), n()
    full |= {"new_reports": own + others, "new_studies": draw(st.integers(0, own + others)), "previous_reports": n()}
    full["previous_studies"] = draw(st.integers(0, full["previous_reports"]))
    full |= {f"total_{of}": full[f"previous_{of}"] + full[f"new_{of}"] for of in ("studies", "reports")}
    full["dbr_assessed"] = own + full["dbr_excluded"]
    full["other_assessed"] = others + full["other_excluded"]
    full["dbr_sought_reports"] = full["dbr_assessed"] + full["dbr_notretrieved_reports"]
    full["other_sought_reports"] = full["other_assessed"] + full["other_notretrieved_reports"]
    full |= {
        "website_results": full["other_sought_reports"] + n(),
        "organisation_results": n(),
        "citations_results": n(),
    }
    full["records_screened"] = full["dbr_sought_reports"] + full["records_excluded"]
    removed = full["duplicates"] + full["excluded_automatic"] + full["excluded_other"]
    full["records_identified"] = full["records_screened"] + removed
    full["database_results"] = draw(st.integers(0, full["records_identified"]))
    full["register_results"] = full["records_identified"] - full["database_results"]
    return full


@fuzzed(6, full=flows_that_add_up(), data=st.data())
def test_what_adds_up_is_taken_whichever_of_its_counts_are_known(full, data):
    hidden = data.draw(st.sets(st.sampled_from(sorted(full))))
    # A flow without any count of other methods, or of an earlier version, is taken to have none: one of each stays.
    known = {key: count for key, count in full.items() if key not in hidden - {"citations_results", "previous_studies"}}
    assert Flow(known).counts == known
    assert set(full) == set(BOXES)


@fuzzed(4, text=broken(WORKS))
def test_works(text):
    attempt(parse_works, text)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("screening")


@fuzzed(4, data=st.data(), words=SHORT)
def test_decisions_that_were_altered_are_refused(place, data, words):
    path, collection = place / "mine.json", Collection("mine", RECORDS, reasons=("other",))
    path.unlink(missing_ok=True)
    screening = Screening(collection, path)
    screening.decide("1", True)
    attempt(screening.decide, words, False, words)
    original = json.loads(path.read_text())
    record = data.draw(some_altered(original, leaf=PLAIN))
    path.write_text(json.dumps(record))
    assert (attempt(Screening, collection, path) is REFUSED) == (json.dumps(record) != json.dumps(original))
