"""The claims, their rules, and every way to a verdict."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_evidence import contrast, evidence

import medtutor
from medtutor.errors import InputError
from medtutor.explanation import METHODS
from medtutor.models import MODELS
from medtutor.review import Rule, claim, claims, judge, read_evidence, verdict
from medtutor.review import evidence as stored
from medtutor.review.claims import parse_claims
from medtutor.review.evidence import FOLDER
from medtutor.review.trials import TRIALS

SOURCES = Path(medtutor.__file__).parent.parent / "notebooks" / "source"

A_CLAIM = """
[a-claim]
says = "s"
place = "abstract"
tested = "t"
protocol = "p"
metric = "test AUC"
rule = { direction = "above", margin = 0.0, contrasts = ["plain", "moved"] }
seeds = [0, 1, 2]
lesson = "01_cnn_classification"
cell = "c"
trial = "cnn_against_mlp"
settings = { epochs = { d = 1 } }
"""
(MADE_UP,) = parse_claims(A_CLAIM)
BETTER, WORSE, EITHER = [0.1, 0.11, 0.12], [-0.1, -0.11, -0.12], [-0.1, 0.0, 0.1]


def measured(plain, moved, **changes):
    contrasts = (contrast(plain, "plain"), contrast(moved, "moved"))
    return evidence(**{"registered": MADE_UP.registered, "contrasts": contrasts} | changes)


# --- the verdict ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain, moved, word, readings",
    [
        (BETTER, BETTER, "supported", ["for", "for"]),
        (BETTER, WORSE, "mixed", ["for", "against"]),
        (BETTER, EITHER, "mixed", ["for", "unclear"]),
        (EITHER, EITHER, "not supported", ["unclear", "unclear"]),
        (WORSE, EITHER, "not supported", ["against", "unclear"]),
        (WORSE, WORSE, "not supported", ["against", "against"]),
    ],
)
def test_verdict_follows_from_the_intervals(plain, moved, word, readings):
    found = verdict(MADE_UP, measured(plain, moved))
    assert found.word == word and list(found.readings.values()) == readings
    assert found.reason.startswith("of 2 contrasts, ")


@pytest.mark.parametrize(
    "direction, margin, differences, reading",
    [
        ("above", 0.05, BETTER, "for"),
        ("above", 0.11, BETTER, "unclear"),
        ("above", 0.2, BETTER, "against"),
        ("below", 0.2, BETTER, "for"),
        ("below", 0.11, BETTER, "unclear"),
        ("below", 0.05, BETTER, "against"),
        ("below", 0.01, WORSE, "for"),
        # An interval that only touches the margin has not crossed it.
        ("above", 0.1, [0.1, 0.1, 0.1], "unclear"),
        ("below", 0.0, [0.0, 0.0, 0.0], "unclear"),
    ],
)
def test_a_contrast_is_read_by_direction_and_margin(direction, margin, differences, reading):
    assert Rule(direction, margin, ("plain",)).reads(contrast(differences)) == reading


PHANTOM = {"d": {"provenance": "medmnist"}, "e": {"provenance": "phantom"}}
NOT_TESTABLE = {
    "no evidence": (None, "no evidence yet; collect it: medtutor trial run a-claim"),
    "phantoms": (measured(BETTER, BETTER, data=PHANTOM), "PHANTOM"),
    "own arrays": (measured(BETTER, BETTER, data={"d": {"provenance": "arrays"}}), "other images"),
    "stale": (measured(BETTER, BETTER, registered="older"), "the rule was changed after the evidence"),
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
        {"rule": replace(MADE_UP.rule, margin=-1.0)},
        {"rule": replace(MADE_UP.rule, direction="below")},
        {"rule": replace(MADE_UP.rule, contrasts=("plain",))},
        {"protocol": "another"},
        {"metric": "accuracy"},
        {"seeds": (0, 1, 2, 3)},
        {"settings": {"epochs": {"d": 2}}},
    ],
)
def test_whoever_changes_the_rule_loses_the_evidence(change):
    found = verdict(replace(MADE_UP, **change), measured(BETTER, BETTER))
    assert found.word == "not testable here" and "changed after the evidence" in found.reason


def test_wording_and_place_in_the_course_may_change():
    changed = replace(MADE_UP, says="x", tested="y", lesson="z", cell="w", protocol="  p\n")
    assert verdict(changed, measured(BETTER, BETTER)).word == "supported"


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
                "denoising",
                "GAN",
                "lead",
                "additive",
                "interaction",
                "phantom",
                "real",
            ), name
        assert "Not shown:" in each.protocol
        if SOURCES.is_dir():
            assert (SOURCES / f"{each.lesson}.py").is_file(), each.id


def test_shipped_evidence_is_of_known_claims_and_judged_by_code():
    for path in FOLDER.glob("*.json"):
        each = claim(path.stem)
        found = verdict(each, read_evidence(each.id))
        assert "changed after" not in found.reason, f"{each.id}: collect the evidence anew"
        assert found.word != "not testable here", found.reason


def test_unknown_claim():
    with pytest.raises(InputError, match="did you mean cnn-beats-mlp"):
        claim("cnn-beats-mpl")


TEXTS = {
    "says": "s",
    "place": "abstract",
    "tested": "t",
    "protocol": "p",
    "metric": "test AUC",
    "lesson": "01_cnn_classification",
    "cell": "c",
}


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"above"', '"beside"', "direction must be above or below"),
        ("0.0", '"zero"', "margin must be a number"),
        ("0.0", "nan", "margin must be a number"),
        ('["plain", "moved"]', "[]", "at least one contrast"),
        ('["plain", "moved"]', '["plain", "plain"]', "each once"),
        ("[0, 1, 2]", "[0]", "at least two"),
        ("[0, 1, 2]", "[0, 0, 1]", "each once"),
        ('metric = "test AUC"', "", "metric"),
        ("metric", "verdict", "verdict"),
        ("[a-claim]", "", "is not well-formed"),
        ("[a-claim]", "[a-claim", "cannot be read"),
        (A_CLAIM, A_CLAIM + A_CLAIM, "cannot be read"),  # two claims of one id
        *((f'{name} = "{old}"', f"{name} = 5", f"{name} must be text") for name, old in TEXTS.items()),
        ('says = "s"', "says = ['s']", "says must be text"),
        ('["plain", "moved"]', '"plain"', "rule.contrasts must be a list"),
        ('["plain", "moved"]', '["plain", 5]', r"rule.contrasts\[1\] must be text"),
        ("0.0", "true", "margin must be a number"),
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
            "mixed: of 2 contrasts",
            "wholly above 0",
            "+0.110",
            "+0.085 to +0.135",
            "against",
            "MD5 checked",
            "seeds",
        ):
            assert words in text
        assert "PHANTOM" not in text
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
        assert each.says in " ".join(str(each).split()) and each.id in each._repr_html_()


def test_card_keeps_html_out():
    hostile = replace(MADE_UP, says="<script>alert(1)</script>")
    assert "<script>" not in hostile._repr_html_()


def test_a_claim_about_phantoms_may_be_judged_on_them():
    """Only where its settings say so: drawn clips say nothing about patients."""
    each = claim("recurrence-uses-order")
    shipped = read_evidence(each.id)
    assert shipped.on_phantoms and verdict(each, shipped).word == "supported"
    settings = {key: value for key, value in each.settings.items() if key != "phantoms"}
    assert "PHANTOM" in verdict(replace(each, settings=settings), shipped).reason
