"""The claims, their rules, and every way to a verdict."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from test_evidence import contrast, evidence

import medtutor
from medtutor.data.augmentation import AUGMENTATIONS
from medtutor.errors import InputError
from medtutor.explanation import METHODS
from medtutor.metrics.intervals import over_seeds
from medtutor.models import MODELS
from medtutor.review import ANSWERS, Contrast, Rule, claim, claims, judge, read_evidence, verdict
from medtutor.review import evidence as stored
from medtutor.review.claims import Amendment, parse_claims
from medtutor.review.evidence import FOLDER
from medtutor.review.rule import holm
from medtutor.review.trials import TRIALS
from medtutor.review.verdict import read

SOURCES = Path(medtutor.__file__).parent.parent / "notebooks" / "source"

A_CLAIM = """
[a-claim]
names = "s"
place = "abstract"
asked = "t"
protocol = "p"
metric = "test AUC"
rule = { direction = "above", unit = "AUC", margin = 0.02, primary = "plain", secondary = ["moved"] }
since = 2026-11-23
seeds = [0, 1, 2]
lesson = "01_cnn_classification"
cell = "c"
trial = "cnn_against_mlp"
settings = { epochs = { d = 1 } }
"""
(MADE_UP,) = parse_claims(A_CLAIM)
BETTER, WORSE, EITHER, ALIKE = [0.1, 0.11, 0.12], [-0.1, -0.11, -0.12], [-0.1, 0.0, 0.1], [0.001, 0.0, -0.002]


def measured(plain, moved, **changes):
    contrasts = (contrast(plain, "plain"), contrast(moved, "moved"))
    return evidence(**{"registered": MADE_UP.registered, "contrasts": contrasts} | changes)


# --- the verdict ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain, moved, answers",
    [
        (BETTER, BETTER, ["supported", "supported"]),
        (BETTER, WORSE, ["supported", "contradicted"]),
        (BETTER, EITHER, ["supported", "inconclusive"]),
        (EITHER, BETTER, ["inconclusive", "supported"]),
        (ALIKE, BETTER, ["no difference larger than the margin", "supported"]),
        (WORSE, EITHER, ["contradicted", "inconclusive"]),
        (ALIKE, ALIKE, ["no difference larger than the margin"] * 2),
    ],
)
def test_the_answer_is_that_of_the_primary_contrast(plain, moved, answers):
    found = verdict(MADE_UP, measured(plain, moved))
    assert [reading.answer for reading in found.readings.values()] == answers and found.word == answers[0]
    assert found.reason.startswith("plain is ") and "over seeds only" in found.reason and found.over == "seeds"


@pytest.mark.parametrize(
    "direction, margin, differences, answer",
    [
        ("above", 0.05, BETTER, "supported"),
        ("above", 0.11, BETTER, "inconclusive"),
        ("above", 0.2, BETTER, "no difference larger than the margin"),
        ("above", 0.05, WORSE, "contradicted"),
        ("above", 0.05, EITHER, "inconclusive"),
        ("above", 0.05, ALIKE, "no difference larger than the margin"),
        ("below", 0.2, BETTER, "supported"),
        ("below", 0.11, BETTER, "inconclusive"),
        ("below", 0.05, BETTER, "contradicted"),
        ("below", 0.015, WORSE, "supported"),
        # Without any spread: beyond the margin, on it, and within.
        ("above", 0.05, [0.1, 0.1, 0.1], "supported"),
        ("above", 0.1, [0.1, 0.1, 0.1], "inconclusive"),
        ("above", 0.2, [0.1, 0.1, 0.1], "no difference larger than the margin"),
        ("below", 0.1, [0.1, 0.1, 0.1], "inconclusive"),
    ],
)
def test_a_contrast_is_read_by_direction_and_margin(direction, margin, differences, answer):
    rule = Rule(direction, "AUC", margin, "plain")
    assert read(rule, [contrast(differences)])["plain"].answer == answer


def test_the_answer_is_the_interval_and_its_p_value():
    """Beyond the margin, or within it, as far as the 95 % interval says so."""
    generator = np.random.default_rng(0)
    rule = Rule("above", "dB", 0.5, "plain")
    seen = set()
    for _ in range(400):
        values = generator.normal(generator.uniform(-1.5, 1.5), generator.uniform(0.05, 0.6), size=5)
        given = contrast(values.tolist())
        reading = read(rule, [given])["plain"]
        low, high = reading.interval
        expected = "supported" if low > 0.5 else "contradicted" if high < -0.5 else "inconclusive"
        if -0.5 < low and high < 0.5:
            expected = "no difference larger than the margin"
        assert reading.answer == expected and (reading.p < 0.05) == (low > 0.5 or high < -0.5)
        assert reading.interval == pytest.approx(given.interval, abs=1e-5), "of no limited unit: Student's"
        seen.add(expected)
    assert len(seen) == 4


def test_secondary_contrasts_are_corrected_for_their_number():
    """One of twenty would be called supported by itself; among twenty it is not. The primary one stands alone."""
    some = [0.03, 0.05, 0.04, 0.055, 0.045]
    names = [f"c{i}" for i in range(20)]
    rule = Rule("above", "AUC", 0.02, "plain", tuple(names))
    given = [
        contrast(some, "plain"),
        contrast(some, "c0"),
        *(contrast([-0.1, 0.1, 0, 0.1, -0.1], n) for n in names[1:]),
    ]
    readings = read(rule, given)
    assert readings["plain"].answer == "supported" and readings["plain"].p < 0.05 < readings["c0"].p
    assert readings["c0"].answer == "inconclusive" and readings["c0"].p == pytest.approx(20 * readings["plain"].p)
    assert readings["c0"].interval == readings["plain"].interval


def test_holm_is_that_of_statsmodels():
    """Worked by hand: the smallest times four, the next times three, never less than the one before."""
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([0.9, 0.4]) == [0.9, 0.8] and holm([]) == []


def test_an_interval_of_shares_stays_within_their_range():
    """The five values that once gave an interval up to +1.096."""
    values = [0.71875, -0.15, 0.88, 0.16, 0.954]
    assert over_seeds(values).interval()[1] > 1
    low, high = read(Rule("above", "share", 0.25, "plain"), [contrast(values)])["plain"].interval
    assert -1 < low < 0.25 < high < 1


def test_an_arm_that_has_not_learned_its_task_is_no_test():
    gated = replace(MADE_UP, rule=replace(MADE_UP.rule, reaches={"cnn": 0.7}))
    found = verdict(gated, measured(BETTER, BETTER))
    assert found.word == "not testable here" and "cnn reached 0.610 on average" in found.reason and found.over is None
    assert {reading.answer for reading in found.readings.values()} == {"not testable here"}
    assert verdict(replace(gated, rule=replace(gated.rule, reaches={"cnn": 0.6})), measured(BETTER, BETTER)).word == (
        "supported"
    )


def test_a_margin_that_cannot_be_passed_is_no_test():
    full = Contrast("plain", ("vit", "cnn"), (0.9, 0.91, 0.92), (0.99, 0.99, 0.99))
    found = verdict(MADE_UP, measured(ALIKE, BETTER, contrasts=(full, contrast(BETTER, "moved"))))
    assert found.word == "not testable here" and "no difference above 0.010" in found.reason
    known = replace(MADE_UP, rule=replace(MADE_UP.rule, ceilings={"moved": 0.02}))
    readings = verdict(known, measured(BETTER, BETTER)).readings
    assert [reading.answer for reading in readings.values()] == ["supported", "not testable here"]
    # That nothing is so large can be shown at the top, too.
    below = replace(MADE_UP, rule=replace(MADE_UP.rule, direction="below"))
    assert verdict(below, measured(ALIKE, BETTER, contrasts=(full, contrast(BETTER, "moved")))).word == "supported"


PHANTOM = {"d": {"provenance": "medmnist"}, "e": {"provenance": "phantom"}}
NOT_TESTABLE = {
    "no evidence": (None, "no evidence yet; collect it: medtutor trial run a-claim"),
    "phantoms": (measured(BETTER, BETTER, data=PHANTOM), "PHANTOM"),
    "own arrays": (measured(BETTER, BETTER, data={"d": {"provenance": "arrays"}}), "other images"),
    "stale": (measured(BETTER, BETTER, registered="older"), "the trial was changed after the evidence"),
    "missing seeds": (measured(BETTER[:1], BETTER[:1], seeds=(1,)), "lacks seed 0, 2"),
    "more seeds": (measured([0.1] * 4, [0.1] * 4, seeds=(0, 1, 2, 3)), "more seeds than the rule names"),
    "a missing contrast": (
        measured(BETTER, BETTER, contrasts=(contrast(BETTER, "plain"),)),
        "lacks the contrast moved",
    ),
}


@pytest.mark.parametrize("given, words", NOT_TESTABLE.values(), ids=NOT_TESTABLE)
def test_not_testable_here_says_why(given, words):
    found = verdict(MADE_UP, given)
    assert found.word == "not testable here" and words in found.reason and not found.readings


@pytest.mark.parametrize(
    "change",
    [
        {"trial": "resnet18_against_cnn"},
        {"protocol": "another"},
        {"metric": "accuracy"},
        {"seeds": (0, 1, 2, 3)},
        {"settings": {"epochs": {"d": 2}}},
    ],
)
def test_whoever_changes_the_trial_loses_the_evidence(change):
    found = verdict(replace(MADE_UP, **change), measured(BETTER, BETTER))
    assert found.word == "not testable here" and "changed after the evidence" in found.reason


@pytest.mark.parametrize(
    "change",
    [
        {"asked": "another"},
        {"names": "another"},
        {"rule": replace(MADE_UP.rule, margin=0.2)},
        {"rule": replace(MADE_UP.rule, direction="below")},
        {"rule": replace(MADE_UP.rule, primary="moved", secondary=())},
        {"rule": replace(MADE_UP.rule, reaches={"cnn": 0.5})},
    ],
)
def test_a_rule_that_is_changed_has_another_hash_and_keeps_the_evidence(change):
    changed = replace(MADE_UP, **change)
    assert changed.ruled != MADE_UP.ruled and changed.registered == MADE_UP.registered
    assert changed.ruled[:12] in str(changed) and verdict(changed, measured(BETTER, BETTER)).word in ANSWERS[:4]


def test_the_place_in_the_course_may_change():
    changed = replace(MADE_UP, lesson="z", cell="w", protocol="  p\n")
    assert verdict(changed, measured(BETTER, BETTER)).word == "supported"
    assert (changed.ruled, changed.registered) == (MADE_UP.ruled, MADE_UP.registered)


def test_amendments_stand_on_the_card_with_day_reason_and_earlier_result():
    (one,) = parse_claims(
        A_CLAIM + '[[a-claim.amended]]\non = 2026-11-29\nwhy = "It had no margin."\nearlier = "mixed (for: plain)."'
    )
    text = " ".join(str(one).split())
    assert "Amended: 2026-11-29: It had no margin. Before: mixed (for: plain)." in text
    assert "Rule (of 2026-11-29, first of 2026-11-23" in text and "Rule (of 2026-11-23;" in str(MADE_UP)


def test_what_is_true_by_construction_is_marked():
    (one,) = parse_claims(A_CLAIM.replace("seeds =", 'by_construction = "drawn so"\nseeds ='))
    assert "True by construction: drawn so" in str(one) and "drawn so" in one._repr_html_()


def test_a_damaged_file_leaves_the_card_standing(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    (tmp_path / "a-claim.json").write_text("{")
    given, found = judge(MADE_UP)
    assert given is None and found.word == "not testable here" and "cannot be read" in found.reason
    assert "cannot be read" in str(MADE_UP) and "cannot be read" in MADE_UP._repr_html_()


# --- claims.toml ----------------------------------------------------------------------


def test_shipped_claims_are_well_formed():
    assert len({each.id for each in claims()}) == len(claims()) > 0
    for each in claims():
        assert each.trial in TRIALS, each.id
        assert each.place in ("abstract", "section 1.3", "abstract and section 1.3", "references"), (
            "only these were seen"
        )
        assert len(each.seeds) == 5 and set(each.settings) <= {"epochs", "recipe", "moves", "keep_all", "phantoms"}
        for name in each.rule.contrasts:
            of = name.split()[0].rstrip(":,")
            assert of in (
                *each.settings["epochs"],
                *METHODS,
                *MODELS,
                "largest",
                "mean",
                "DAE",
                "disease",
                "autoencoder",
                "central",
                "denoising",
                "free",
                "GAN",
                "lead",
                "additive",
                "interaction",
                "phantom",
                "real",
                "CUSUM",
                "KS",
                "group",
                "marker",
                *AUGMENTATIONS,
                "all",
                "averaging",
                "augmentation",
                "breast",
                "dropout",
                "early",
                "label",
                "weight",
                "objects",
                "segmentations",
                "structured",
                "pictures",
                "answer",
                "17",
                "ResNet-18",
                "whole",
                "flipped",
                "alone",
            ), name
        assert "Not shown:" in each.protocol
        if SOURCES.is_dir():
            assert (SOURCES / f"{each.lesson}.py").is_file(), each.id


def test_shipped_evidence_is_of_known_claims_and_judged_by_code():
    untestable = set()
    for path in FOLDER.glob("*.json"):
        each = claim(path.stem)
        found = verdict(each, read_evidence(each.id))
        assert "changed after" not in found.reason, f"{each.id}: collect the evidence anew"
        assert set(found.readings) == set(each.rule.contrasts), found.reason
        if found.word == "not testable here":
            untestable.add(each.id)
    assert untestable == {"recurrence-helps-on-slices", "vits-see-globally"}, (
        "networks that have not learned their task"
    )


def test_a_rule_that_was_changed_after_its_evidence_says_so():
    for each in claims():
        assert each.rule_of == max((change.on for change in each.amended), default=each.since), each.id
        assert [change.on for change in each.amended] == sorted(change.on for change in each.amended)
        assert all(change.on >= each.since for change in each.amended)
        words = ("supported (", "not supported (", "mixed (", *(f"{answer}: " for answer in ANSWERS))
        assert all(change.earlier.startswith(words) for change in each.amended[-1:]), each.id


def test_evidence_of_an_earlier_protocol_is_judged_where_an_amendment_names_it_and_the_answer_says_so():
    before = Amendment(date(2026, 11, 29), "Others are asked.", "supported", reads="older")
    given, old = replace(MADE_UP, amended=(before,)), measured(BETTER, BETTER, registered="older")
    found = verdict(given, old)
    assert found.word == verdict(MADE_UP, measured(BETTER, BETTER)).word == "supported"
    assert found.reason.endswith("the evidence is of the protocol before 2026-11-29, see Amended")
    assert "protocol before" not in verdict(given, measured(BETTER, BETTER)).reason
    assert verdict(given, replace(old, registered="another")).word == "not testable here"
    assert verdict(replace(given, amended=(replace(before, reads=""),)), replace(old, registered="")).word == (
        "not testable here"
    )


def test_unknown_claim():
    with pytest.raises(InputError, match="did you mean cnn-beats-mlp"):
        claim("cnn-beats-mpl")


TEXTS = {
    "names": "s",
    "place": "abstract",
    "asked": "t",
    "protocol": "p",
    "metric": "test AUC",
    "lesson": "01_cnn_classification",
    "cell": "c",
}


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"above"', '"beside"', "direction must be above or below"),
        ("0.02", '"zero"', "rule.margin must be a finite number"),
        ("0.02", "nan", "rule.margin must be a finite number"),
        ("0.02", "0.0", "margin must be a number above 0"),
        ("0.02", "0.014", "0.014 AUC is below its noise, 0.015"),
        ('"AUC", margin = 0.02', '"Dice", margin = 0.009', "0.009 Dice is below its noise, 0.01"),
        ('"AUC"', '"AUX"', "unknown unit 'AUX'. Known: AUC"),
        ('["moved"]', '["plain"]', "each contrast, primary or other, once"),
        ('primary = "plain"', 'primary = ""', "each contrast, primary or other, once"),
        ('primary = "plain", ', "", "primary"),
        ('["moved"]', '[], other_units = { moved = { unit = "mm", margin = 0 } }', "margin must be a number above 0"),
        ('["moved"]', '[], other_units = { moved = { unit = "mm" } }', "rule.other_units.moved.margin is missing"),
        ('["moved"]', "[], reaches = { cnn = true }", "rule.reaches.cnn must be a finite number"),
        (
            '["moved"]',
            "[], ceilings = { plane = 0.1 }",
            "unknown contrast in rule.ceilings 'plane'; did you mean plain",
        ),
        ("2026-11-23", '"2026-11-23"', "since must be a day"),
        ("seeds =", "noise = { voxels = 0.1 }\nseeds =", "noise: give seeds, cases or both"),
        ("seeds =", "noise = { cases = -0.1 }\nseeds =", "noise.cases must be from 0"),
        ("seeds =", 'amended = [{ on = 2026-11-29, why = "w" }]\nseeds =', "earlier"),
        ("seeds =", 'amended = [{ on = 2026-11-29, why = "w", earlier = " " }]\nseeds =', "what was found earlier"),
        ("seeds =", "amended = 5\nseeds =", "amended must be a list"),
        ("[0, 1, 2]", "[0]", "at least two"),
        ("[0, 1, 2]", "[0, 0, 1]", "each once"),
        ('metric = "test AUC"', "", "metric"),
        ("metric", "verdict", "verdict"),
        ("[a-claim]", "", "is not well-formed"),
        ("[a-claim]", "[a-claim", "cannot be read"),
        (A_CLAIM, A_CLAIM + A_CLAIM, "cannot be read"),  # two claims of one id
        *((f'{name} = "{old}"', f"{name} = 5", f"{name} must be text") for name, old in TEXTS.items()),
        ('names = "s"', "names = ['s']", "names must be text"),
        ('["moved"]', '"moved"', "rule.secondary must be a list"),
        ('["moved"]', '["moved", 5]', r"rule.secondary\[1\] must be text"),
        ("0.02", "true", "rule.margin must be a finite number"),
        ("[0, 1, 2]", '"012"', "seeds must be a list"),
        ("[0, 1, 2]", "[0, 1.5]", r"seeds\[1\] must be a whole number"),
        ("[0, 1, 2]", "[0, -1]", "seeds must be from 0"),
        ("{ d = 1 }", "{ d = 0 }", "settings.epochs.d must be from 1"),
        ("{ d = 1 }", "1", "settings.epochs must be an object"),
        ("{ epochs = { d = 1 } }", "{}", "epochs"),
        ("{ epochs = { d = 1 } }", "5", "settings must be an object"),
        ("{ epochs = { d = 1 } }", '{ epochs = { d = 1 }, moves = "12" }', "settings.moves must be a list"),
        (A_CLAIM, "a-claim = 5", "'a-claim' is not well-formed"),
        ('cell = "', 'cell = ""  # "', "cell is empty"),
        (A_CLAIM, "x = " + "[" * 5000, "cannot be read"),
    ],
)
def test_a_claim_that_is_not_well_formed_is_named(old, new, words):
    with pytest.raises(InputError, match=words):
        parse_claims(A_CLAIM.replace(old, new))


# --- the card -------------------------------------------------------------------------


def test_card_shows_rule_contrasts_and_verdict():
    given = measured(BETTER, WORSE)
    card = MADE_UP.card(given, verdict(MADE_UP, given))
    for text in (card.as_text(), card.as_markdown(), card.as_html()):
        for words in (
            "What the review names",
            "What we asked",
            "What we found",
            "supported: plain is +0.110",
            "over seeds only",
            "wholly above 0.02 AUC",
            "+0.110",
            "+0.085 to +0.135",
            "contradicted",
            "The first row decides",
            "MD5 checked",
            "seeds",
        ):
            assert words in " ".join(text.split())
        assert "PHANTOM" not in text
    shown, folded = card.as_html().split("<details>")
    assert "What we found" in shown and "<table" not in shown and "<table" in folded and "MD5 checked" in folded
    assert "color" not in card.as_html(), "the theme's own colours, dark or light"


def test_card_says_phantom_loudly():
    given = measured(BETTER, BETTER, data={"d": {"provenance": "phantom", "test": 9}})
    card = MADE_UP.card(given, verdict(MADE_UP, given))
    for text in (card.as_text(), card.as_markdown(), card.as_html()):
        assert "PHANTOM IMAGES, drawn by medtutor" in text and "not judged" in text


def test_a_claim_shows_itself_with_and_without_evidence():
    assert repr(MADE_UP) == str(MADE_UP) and "no evidence yet" in str(MADE_UP)
    assert "no evidence yet" in MADE_UP._repr_html_() and "<table" not in MADE_UP._repr_html_()
    for each in claims():
        assert each.names in " ".join(str(each).split()) and each.id in each._repr_html_()


def test_card_keeps_html_out():
    hostile = replace(MADE_UP, names="<script>alert(1)</script>")
    assert "<script>" not in hostile._repr_html_()


def test_a_claim_about_phantoms_may_be_judged_on_them():
    """Only where its settings say so: drawn clips say nothing about patients."""
    each = claim("recurrence-uses-order")
    shipped = read_evidence(each.id)
    assert shipped.on_phantoms and verdict(each, shipped).word == "supported"
    settings = {key: value for key, value in each.settings.items() if key != "phantoms"}
    assert "PHANTOM" in verdict(replace(each, settings=settings), shipped).reason


def test_what_is_no_claim_and_no_evidence_is_said():
    for given in ("depth-helps", None, 3):
        with pytest.raises(InputError, match="claim must be a Claim, such as review.claim gives"):
            judge(given)
        with pytest.raises(InputError, match="claim must be a Claim"):
            verdict(given, None)
    with pytest.raises(InputError, match="evidence must be Evidence"):
        verdict(claim("depth-helps"), {"claim": "depth-helps"})
    for given in (["depth-helps"], None):
        with pytest.raises(InputError, match="unknown claim"):
            claim(given)
