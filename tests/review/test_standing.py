"""All claims together."""

from dataclasses import replace

import pytest

from medtutor.errors import InputError
from medtutor.figures import ANSWER_STYLES
from medtutor.review import ANSWERS, answer_map, corrected, forest, standings, survivors
from medtutor.review.standing import _places
from medtutor.review.verdict import INCONCLUSIVE, NOT_TESTABLE


def test_every_answer_has_a_style():
    assert tuple(ANSWER_STYLES) == ANSWERS


def test_every_claim_has_one_place_and_no_other_has():
    assert set(_places()) == {each.claim.id for each in standings()}


def test_a_standing_says_what_its_verdict_says():
    for each in standings():
        if each.reading is None or each.reading.interval is None:
            assert each.found.word == NOT_TESTABLE and each.in_margins is None
            continue
        low, value, high = each.in_margins
        assert low <= value <= high
        beyond = low > 1 if each.claim.rule.direction == "above" else high < 1
        assert (each.found.word == "supported") == beyond, each.claim.id


def test_an_answer_has_a_p_value_below_one_in_twenty_and_none_else():
    for each in standings():
        if each.p_of_answer is not None:
            assert (each.p_of_answer < 0.05) == (each.found.word != INCONCLUSIVE), each.claim.id


def test_correction_takes_answers_away_and_never_gives_one():
    after = corrected(standings())
    for each in standings():
        assert after[each.claim.id] in (each.found.word, INCONCLUSIVE)
    one = [each for each in standings() if each.found.word == "supported"][:1]
    assert corrected(one) == {one[0].claim.id: "supported"}


def test_the_counts_of_survivors_add_up():
    columns = list(zip(*survivors().rows))[1:]
    asked = sum(not each.claim.by_construction for each in standings())
    assert [sum(map(int, column)) for column in columns] == [asked] * 3


def test_with_its_own_margin_a_claim_says_what_it_said():
    each = next(each for each in standings() if each.reading and each.reading.interval)
    assert each.with_margin(each.claim.rule.margin).answer == each.found.word
    with pytest.raises(InputError, match="margin"):
        each.with_margin(0.0)


def test_a_claim_without_a_reading_has_no_other_margin_either():
    each = replace(standings()[0], evidence=None)
    with pytest.raises(InputError, match="no evidence"):
        each.with_margin(0.1)


def test_pictures_say_every_claim_and_its_answer():
    shown = standings()
    alt = forest(shown).alt
    assert all(each.claim.id in alt for each in shown)
    assert sum(int(word) for word in answer_map(shown).alt.replace(",", " ").split() if word.isdigit()) == len(shown)
