"""A question of one's own, locked before it is measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from medtutor.errors import InputError
from medtutor.records import signed, unsigned
from medtutor.review import Rule, lock_claim, read_claim, read_own, run_claim
from medtutor.review.cases import PerCase
from medtutor.review.own import evidence_path

RULE = Rule("above", "AUC", 0.02, "wide against narrow")


def apart(seed):
    return 0.90 + 0.001 * seed, 0.80


def apart_by_more(seed):
    return 0.95 + 0.001 * seed, 0.80


def of_cases(seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(200) % 2
    return tuple(PerCase.of("AUC", generator.normal(labels * shift, 1), labels) for shift in (3.0, 0.2))


def locked(path, measure=apart, **changes):
    given = {"asked": "Is wide better than narrow?", "rule": RULE, "arms": ("wide", "narrow")} | changes
    return lock_claim(path, measure=measure, **given)


@pytest.fixture
def lock(tmp_path):
    locked(tmp_path / "mine.json")
    return tmp_path / "mine.json"


def test_a_question_is_locked_then_measured_then_judged(lock):
    found = run_claim(lock, apart, progress=False)
    assert found.word == "supported" and "over seeds only" in found.reason
    assert str(read_own(lock)) == str(found)


def test_the_interval_is_over_cases_where_the_measure_keeps_them(tmp_path):
    locked(tmp_path / "mine.json", of_cases)
    found = run_claim(tmp_path / "mine.json", of_cases, progress=False)
    assert found.word == "supported" and found.over == "seeds and cases"
    assert str(read_own(tmp_path / "mine.json")) == str(found)


def test_the_same_lock_again_is_the_same(lock):
    assert locked(lock) == read_claim(lock)


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": Rule("above", "AUC", 0.05, "wide against narrow")},
        {"asked": "Is it worse?"},
        {"measure": apart_by_more},
    ],
)
def test_another_question_needs_another_file(lock, changes):
    before = lock.read_text()
    with pytest.raises(InputError, match="holds another lock"):
        locked(lock, **changes)
    assert lock.read_text() == before


def test_another_function_is_refused_before_it_runs(lock):
    with pytest.raises(InputError, match="not the one that was locked"):
        run_claim(lock, apart_by_more, progress=False)
    assert not evidence_path(lock).exists()


def test_nobody_measures_twice(lock):
    run_claim(lock, apart, progress=False)
    with pytest.raises(InputError, match="is there already"):
        run_claim(lock, apart, progress=False)


def test_an_altered_lock_is_refused(lock):
    record = json.loads(lock.read_text())
    record["claim"]["rule"]["margin"] = 0.015
    lock.write_text(json.dumps(record))
    with pytest.raises(InputError, match="was altered"):
        run_claim(lock, apart, progress=False)


def test_evidence_of_another_lock_is_refused(lock, tmp_path):
    run_claim(lock, apart, progress=False)
    locked(tmp_path / "other.json", rule=Rule("above", "AUC", 0.05, "wide against narrow"))
    evidence_path(tmp_path / "other.json").write_bytes(evidence_path(lock).read_bytes())
    with pytest.raises(InputError, match="of another lock"):
        read_own(tmp_path / "other.json")


def test_a_measure_that_fails_leaves_no_evidence(tmp_path):
    def fails(seed):
        if seed:
            raise RuntimeError("no memory")
        return 0.9, 0.8

    locked(tmp_path / "mine.json", fails)
    with pytest.raises(RuntimeError):
        run_claim(tmp_path / "mine.json", fails, progress=False)
    assert not evidence_path(tmp_path / "mine.json").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": (0,)}, "at least two"),
        ({"seeds": (0, 0)}, "each once"),
        ({"asked": ""}, "asked"),
        ({"measure": 3}, "must be a function"),
        ({"measure": eval("lambda seed: (1, 0)")}, "cannot be read"),
        ({"rule": Rule("above", "AUC", 0.02, "a", secondary=("b",))}, "one contrast"),
    ],
)
def test_what_can_be_no_lock_is_said_and_nothing_is_written(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        locked(tmp_path / "mine.json", **changes)
    assert list(Path(tmp_path).iterdir()) == []


def test_a_missing_lock_is_said(tmp_path):
    with pytest.raises(InputError, match="lock a question first"):
        read_claim(tmp_path / "none.json")


def one_number(seed):
    return 0.9


def three_numbers(seed):
    return 0.9, 0.8, 0.7


def not_a_number(seed):
    return float("nan"), 0.8


def words(seed):
    return "high", "low"


def above_one(seed):
    return 1.2 + seed / 10, 0.1


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (one_number, r"measure\(0\) must give two numbers, of wide and of narrow, not 0.9"),
        (three_numbers, "must give two numbers"),
        (not_a_number, "wide with seed 0, in AUC, must be a finite number"),
        (words, "wide with seed 0, in AUC, must be a finite number"),
        (above_one, "wide with seed 0, in AUC, must be from -1.0 to 1.0, not 1.2"),
    ],
)
def test_what_cannot_be_measured_is_said_with_its_seed_and_leaves_no_evidence(tmp_path, measure, said):
    locked(tmp_path / "mine.json", measure)
    with pytest.raises(InputError, match=said):
        run_claim(tmp_path / "mine.json", measure, progress=False)
    assert not evidence_path(tmp_path / "mine.json").exists()


def forge(path, change):
    """What a careful forger does: a fresh SHA-256."""
    record = unsigned(json.loads(path.read_text()))
    change(record)
    path.write_text(json.dumps(signed(record)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.pop("contrast"), "contrast must be an object"),
        (lambda record: record["contrast"].update(name="x"), "it must be 'wide against narrow'"),
        (lambda record: record["contrast"].update(first=[0.9, 0.9]), "each of 3 seeds"),
        (lambda record: record["contrast"].update(first=[0.9, 0.9, 1.9]), "a value, in AUC, must be from"),
        (lambda record: record["contrast"].pop("second"), "'second' is missing"),
        (lambda record: record["contrast"].update(cases=[1]), "cases must be an object"),
        (lambda record: record["contrast"].update(mean=0.5), "was altered after it was written"),
    ],
)
def test_evidence_that_was_made_up_is_said_with_its_file(lock, change, said):
    run_claim(lock, apart, progress=False)
    forge(evidence_path(lock), change)
    with pytest.raises(InputError, match=f"mine.evidence.json .*{said}"):
        read_own(lock)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record["claim"].update(seeds=[0]), "at least two"),
        (lambda record: record["claim"]["rule"].update(margin="x"), "rule.margin must be"),
        (lambda record: record["claim"].pop("arms"), "is damaged"),
    ],
)
def test_a_lock_that_was_made_up_is_said_with_its_file(lock, change, said):
    forge(lock, change)
    with pytest.raises(InputError, match=f"mine.json .*{said}"):
        read_claim(lock)
