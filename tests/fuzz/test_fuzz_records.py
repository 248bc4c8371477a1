"""Texts: evidence, claims, guesses, quizzes, notebooks and their sources, `--source` of tables."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import strategies as st

from medtutor.course import Prediction, builder, inspection
from medtutor.course.kept import guesses_file
from medtutor.course.quiz import parse
from medtutor.review import ANSWERS, verdict
from medtutor.review.claims import claims, parse_claims
from medtutor.review.evidence import FOLDER, Evidence, read_evidence
from medtutor.review.families import SideBySide

from .harness import PLAIN, REFUSED, SHORT, altered, attempt, damaged, finite, fuzzed, some_altered, whole


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


# --- evidence -------------------------------------------------------------------------

CLAIMS = ("cnn-beats-mlp", "skips-sharpen-boundaries", "attention-explains")


@cache
def evidence_of(claim_id):
    return json.loads((FOLDER / f"{claim_id}.json").read_text(encoding="utf-8"))


def signed(record):
    """With the SHA-256 made to fit again, as a careful forger would."""
    if not isinstance(record, dict):
        return record
    values = {key: value for key, value in record.items() if key != "sha256"}
    try:
        text = json.dumps(values, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        return record
    return values | {"sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()}


@fuzzed(4, claim_id=st.sampled_from(CLAIMS), sign=st.booleans(), data=st.data())
def test_evidence_that_is_read_can_be_judged_and_shown(place, claim_id, sign, data):
    original = evidence_of(claim_id)
    record = data.draw(some_altered(original, leaf=PLAIN))
    (place / f"{claim_id}.json").write_text(json.dumps(signed(record) if sign else record), encoding="utf-8")
    evidence = attempt(read_evidence, claim_id, place)
    if evidence is REFUSED:
        return
    assert sign or record == original, "altered, and not noticed"
    assert evidence.claim == claim_id and len(set(evidence.seeds)) == len(evidence.seeds)
    assert all(whole(seed, 0) for seed in evidence.seeds) and evidence.seeds and evidence.contrasts
    names = [contrast.name for contrast in evidence.contrasts]
    assert all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names)
    for contrast in evidence.contrasts:
        assert len(contrast.arms) == 2 and all(isinstance(arm, str) for arm in contrast.arms)
        assert len(contrast.first) == len(contrast.second) == len(evidence.seeds)
        assert all(finite(value) for value in (*contrast.first, *contrast.second))
    assert finite(evidence.seconds, 0) and whole(evidence.threads, 1) and isinstance(evidence.device, str)
    assert all(
        isinstance(entry, dict) and entry["provenance"] in ("medmnist", "decathlon", "phantom", "arrays")
        for entry in evidence.data.values()
    )
    show(next(each for each in claims() if each.id == claim_id), evidence)
    assert Evidence.from_record(evidence.as_record()) == evidence


def show(claim, evidence):
    """The verdict, and every form of the card."""
    found = attempt(verdict, claim, evidence)
    assert found is not REFUSED
    assert found.word in ANSWERS
    assert found.reason and set(found.readings) <= set(claim.rule.contrasts)
    card = claim.card(evidence, found)
    for form in (card.as_text, card.as_markdown, card.as_html):
        assert isinstance(attempt(form), str)
    json.dumps(claim.as_record(evidence, found), allow_nan=False)


@fuzzed(1, claim_id=st.sampled_from(CLAIMS), data=st.data())
def test_damaged_evidence_is_refused(place, claim_id, data):
    content = (FOLDER / f"{claim_id}.json").read_bytes()
    found = data.draw(damaged(content))
    (place / f"{claim_id}.json").write_bytes(found)
    evidence = attempt(read_evidence, claim_id, place)
    assert evidence is REFUSED or json.loads(found) == json.loads(content)


@fuzzed(
    1,
    claim_id=st.one_of(
        st.sampled_from(["", ".", "..", "../cnn-beats-mlp", "/etc/passwd", "a\0b", "x" * 300, "nul", "*"]), SHORT
    ),
)
def test_a_claim_of_another_name_has_no_evidence(place, claim_id):
    for path in place.glob("*.json"):
        path.unlink()
    assert attempt(read_evidence, claim_id, place) in (None, REFUSED)


def test_a_table_of_nothing_is_shown():
    """Where no evidence is there, the families side by side are an empty table, not a traceback."""
    table = SideBySide([])
    assert table.as_text() and table.as_markdown() and table.as_records() == [] and table._repr_html_()


# --- claims ---------------------------------------------------------------------------

_DEEP = st.sampled_from(
    [b"[" * 5000, b"a = " + b"[" * 5000, b"\xff", b"x = 1", b"[a]\nb = 1", b"[a.b.c]", b"a = 1\na = 2"]
)


def as_toml(value):
    """A value as TOML, in one line; what TOML has no word for, as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(str(key))} = {as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, (int, float)):
        return repr(value) if value == value and abs(value) != float("inf") else str(value)
    return json.dumps("" if value is None else str(value).encode("utf-8", "replace").decode(), ensure_ascii=True)


@cache
def claim_tables():
    import tomllib

    text = (FOLDER.parent / "claims.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@fuzzed(4, claim_id=st.sampled_from(CLAIMS), data=st.data())
def test_a_claim_that_is_read_can_be_tried(claim_id, data):
    table = data.draw(some_altered(claim_tables()[claim_id], leaf=PLAIN))
    text = (
        f"[{claim_id}]\n" + "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in table.items())
        if isinstance(table, dict)
        else f"{claim_id} = {as_toml(table)}"
    )
    found = attempt(parse_claims, text)
    if found is REFUSED:
        return
    (claim,) = found
    assert claim.id == claim_id
    for name in ("names", "place", "asked", "protocol", "metric", "lesson", "cell", "trial"):
        assert isinstance(getattr(claim, name), str) and getattr(claim, name).strip(), name
    assert claim.rule.direction in ("above", "below") and finite(claim.rule.margin)
    assert claim.rule.contrasts and all(isinstance(name, str) and name for name in claim.rule.contrasts)
    assert len(set(claim.seeds)) == len(claim.seeds) >= 2 and all(whole(seed, 0, 2**63) for seed in claim.seeds)
    assert isinstance(claim.settings, dict) and len(claim.registered) == 64
    for evidence in (None, read_evidence(claim_id)):
        show(claim, evidence)
        show(claim, evidence and replace(evidence, registered=claim.registered))


@fuzzed(1, data=st.data())
def test_damaged_claims_are_refused_or_still_claims(data):
    whole_text = (FOLDER.parent / "claims.toml").read_bytes()
    text = data.draw(st.one_of(damaged(whole_text[:4000]), _DEEP)).decode("utf-8", "replace")
    found = attempt(parse_claims, text)
    assert found is REFUSED or all(claim.rule.contrasts and len(claim.seeds) >= 2 for claim in found)


# --- guesses --------------------------------------------------------------------------

_GUESSES = {"01/auc": 0.9, "01/choice": "yes", "of another lesson": [1, 2]}


@fuzzed(
    2,
    choices=st.booleans(),
    content=st.one_of(
        some_altered(_GUESSES, leaf=PLAIN).map(lambda value: json.dumps(value).encode()),
        damaged(json.dumps(_GUESSES).encode()),
    ),
)
def test_guesses_are_read_kept_and_never_lost(choices, content):
    path = guesses_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    question = (
        {"key": "01/choice", "question": "Does it?", "choices": ("yes", "no")}
        if choices
        else {"key": "01/auc", "question": "How much?", "low": 0.5, "high": 1.0}
    )
    prediction = attempt(lambda: Prediction(**question))
    guess = prediction.guess
    assert guess is None or (guess in ("yes", "no") if choices else finite(guess, 0.5, 1.0))
    assert prediction.still()
    prediction.answer.value = "no" if choices else 0.75
    attempt(prediction.button.click)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept[prediction.key] == prediction.guess == ("no" if choices else 0.75)
    try:
        before = json.loads(content)
    except ValueError:
        before = None
    if isinstance(before, dict):
        assert (
            kept == json.loads(json.dumps({**before, prediction.key: prediction.guess}))
            or before != before
            or "NaN" in json.dumps(before)
        )
    elif content.strip():
        others = [each.read_bytes() for each in path.parent.iterdir() if each != path and each.suffix != ".lock"]
        assert content in others, "what could not be read was thrown away"
    for each in path.parent.iterdir():
        each.unlink()


@fuzzed(1, data=st.data())
def test_a_question_is_asked_and_answered_or_refused(data):
    valid = data.draw(
        st.sampled_from(
            [
                {"key": "01/x", "question": "How much?", "choices": None, "low": 0.5, "high": 1.0, "step": 0.01},
                {
                    "key": "01/y",
                    "question": "Does it?",
                    "choices": ("yes", "no"),
                    "low": None,
                    "high": None,
                    "step": None,
                },
            ]
        )
    )
    options = data.draw(some_altered(valid, keep=("",)))
    prediction = attempt(lambda: Prediction(**options))
    if prediction is REFUSED:
        return
    result = data.draw(st.one_of(st.sampled_from(["yes", 0.7, 1]), altered(0.7)))
    box = attempt(prediction.reconcile, result)
    assert prediction.still() and (box is REFUSED or box._repr_html_())


# --- quizzes --------------------------------------------------------------------------

QUIZZES = sorted((Path(builder.__file__).parent / "lessons").glob("*/quiz.txt"))
LINES = st.lists(
    st.sampled_from(
        ["? q", "?", "- no", "+ yes", "+", "-", "  why", " ", "", "# x", "x", "\t", "?\0", "+ <b>", "\x0c"]
    ),
    max_size=12,
).map("\n".join)


@fuzzed(
    2,
    text=st.one_of(
        st.sampled_from(QUIZZES).map(Path.read_bytes).flatmap(damaged).map(lambda raw: raw.decode("utf-8", "replace")),
        LINES,
        st.text(max_size=40),
    ),
)
def test_a_quiz_has_questions_with_one_right_answer_each(text):
    questions = attempt(parse, text)
    if questions is REFUSED:
        return
    assert questions
    for question in questions:
        assert (
            question.text.strip()
            and len(question.answers) >= 2
            and sum(answer.right for answer in question.answers) == 1
        )
        assert all(answer.text.strip() and answer.feedback.strip() for answer in question.answers)


# --- notebooks and their sources ------------------------------------------------------

SOURCE = """# %% [markdown]
# # A lesson
# Not for clinical use. See [the end](#Key-points) and ![a heart](x.png).
# ## Key points
# ## References

# %%
import numpy as np

# %%
### BEGIN SOLUTION
def answer(x):
    return x
### END SOLUTION
check.double(answer)
"""


@cache
def notebook():
    return {
        "cells": [
            {
                "cell_type": "markdown",
                "id": "a",
                "metadata": {},
                "source": ["# A lesson\n", "[there](#A-lesson) ![alt](x.png)"],
            },
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {},
                "execution_count": 1,
                "source": "1 + 1",
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": ["2\n"]},
                    {
                        "output_type": "display_data",
                        "metadata": {},
                        "data": {"text/html": ["<img alt='a' src='x'>"], "text/plain": "x"},
                    },
                    {
                        "output_type": "execute_result",
                        "execution_count": 1,
                        "metadata": {},
                        "data": {"text/plain": ["2"]},
                    },
                ],
            },
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def lesson(place, source, built):
    folder = place / "notebooks"
    for name, content in (("source/01_x.py", source), ("01_x.ipynb", built), ("solutions/01_x.ipynb", built)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / "source" / "01_x.py"


@fuzzed(
    2,
    built=st.one_of(
        some_altered(notebook(), leaf=PLAIN).map(lambda value: json.dumps(value).encode()),
        damaged(json.dumps(notebook()).encode()),
    ),
)
def test_a_notebook_is_inspected_whatever_it_holds(place, built):
    problems = attempt(inspection.inspect_lesson, lesson(place, SOURCE.encode(), built))
    assert problems is REFUSED or (problems and all(isinstance(problem, str) for problem in problems)), (
        "this notebook was never executed from that source"
    )


@fuzzed(
    2,
    source=st.one_of(
        damaged(SOURCE.encode()),
        st.lists(st.sampled_from(SOURCE.splitlines()), max_size=20).map(lambda lines: "\n".join(lines).encode()),
    ),
)
def test_a_source_is_read_and_blanked_or_refused(place, source):
    path = lesson(place, source, json.dumps(notebook()).encode())
    attempt(inspection.inspect_lesson, path)
    blank = attempt(builder.read, path, False)
    if blank is REFUSED:
        return
    whole_again = attempt(builder.read, path, True)
    if whole_again is REFUSED:  # the solution is no Python
        return
    assert len(blank.cells) == len(whole_again.cells) and len({cell["id"] for cell in blank.cells}) == len(blank.cells)
    for cell in blank.cells:
        assert cell.cell_type != "code" or "SOLUTION" not in cell.source, "a solution was left in"
