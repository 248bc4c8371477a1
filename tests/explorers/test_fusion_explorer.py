"""The fusion explorer: every number on the page is the models', or the formula's."""

import html
import re
import statistics
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.cohort import chance, draw_cohort
from medtutor.errors import InputError
from medtutor.explanation import Background, shapley_values
from medtutor.explorers.fusion import GRID, FusionExplorer, fusion
from medtutor.models.hybrid import WAYS, Fusion
from medtutor.training.fusion import fit_fusion, predict_fusion
from medtutor.widgets.explorer import VIEW


@cache
def cohort(kind="interaction", missing=0.0):
    squares = mt.from_arrays(*[blobs(60, seed) for seed in range(3)], classes=["top", "bottom"], name="tiny")
    return draw_cohort(squares, kind, missing=missing)


@cache
def models():
    made = {}
    for way in WAYS:
        torch.manual_seed(0)
        made[way] = fit_fusion(
            Fusion(shape=(16, 16), way=way), cohort().train, epochs=3, batch_size=16, hide=0.1, progress=False
        )
    return made


@pytest.fixture
def explorer():
    return fusion(models(), cohort(), split="test")


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def pictures(explorer):
    return [
        widget.value
        for widget in (explorer._image_shown, explorer._bars_shown, explorer._shares_shown, explorer._charts_shown)
    ]


def said(name, patient, row):
    """What a model says of the image of a patient with a row of the table."""
    images = cohort().test.images[[patient]]
    return float(predict_fusion(models()[name], images, torch.tensor([row], dtype=torch.float32))[0, 1])


NAN = float("nan")


# The present numbers ------------------------------------------------------------------------


def test_it_begins_with_the_patients_own_numbers(explorer):
    own = cohort().test.table[0]
    assert torch.equal(explorer.row, own)
    assert explorer.lab.value == pytest.approx(float(own[0]), abs=0.051)
    assert explorer.age.value == pytest.approx(60 + 12 * float(own[1]), abs=0.51)
    assert not explorer.no_lab.value and not explorer.no_age.value
    for way in WAYS:
        assert explorer.probabilities[way] == pytest.approx(said(way, 0, own.tolist()), abs=1e-5)
    assert explorer.chance == pytest.approx(float(cohort().test.chances[0]), abs=1e-6)


def test_a_moved_slider_is_what_the_models_get(explorer):
    age = float(cohort().test.table[0, 1])
    explorer.lab.value = -1.7
    assert explorer.row.tolist() == pytest.approx([-1.7, age])
    explorer.age.value = 84
    assert explorer.row.tolist() == pytest.approx([-1.7, 2.0])
    for way in WAYS:
        assert explorer.probabilities[way] == pytest.approx(said(way, 0, [-1.7, 2.0]), abs=1e-5)
    assert explorer.chance == pytest.approx(chance("interaction", cohort().test.findings[:1], [[-1.7, 2.0]])[0])
    assert "lab value -1.7, age 84" in alt(explorer._bars_shown)
    for way in WAYS:
        assert f"{way} {explorer.probabilities[way]:.3f}" in alt(explorer._bars_shown)
    assert f"true chance {explorer.chance:.3f}" in alt(explorer._bars_shown)


def test_a_missing_number_is_missing_and_comes_back(explorer):
    own = explorer.row
    explorer.no_lab.value = True
    assert explorer.row.isnan().tolist() == [True, False]
    for way in WAYS:
        assert explorer.probabilities[way] == pytest.approx(said(way, 0, [NAN, float(own[1])]), abs=1e-5)
    assert explorer.chance == pytest.approx(
        chance("interaction", cohort().test.findings[:1], [[NAN, float(own[1])]])[0]
    )
    assert "lab value missing" in alt(explorer._bars_shown) and "over all that is missing" in explorer._words.value
    explorer.no_age.value = True
    assert explorer.row.isnan().all() and "age missing" in alt(explorer._charts_shown)
    explorer.no_lab.value = explorer.no_age.value = False
    assert torch.equal(explorer.row, own)


def test_to_move_a_missing_number_makes_it_known(explorer):
    explorer.no_lab.value = explorer.no_age.value = True
    explorer.lab.value = 0.9
    assert not explorer.no_lab.value and explorer.no_age.value
    assert explorer.row[0] == pytest.approx(0.9) and explorer.row[1].isnan()


def test_the_button_brings_the_own_numbers_back(explorer):
    before, own = pictures(explorer), explorer.row
    explorer.lab.value, explorer.age.value, explorer.no_age.value = 2.0, 30, True
    assert pictures(explorer)[1:] != before[1:] and pictures(explorer)[0] == before[0]
    explorer.own.click()
    assert torch.equal(explorer.row, own) and pictures(explorer) == before


def test_another_patient_another_image_and_numbers(explorer):
    explorer.lab.value = 2.5
    explorer.next.click()
    assert explorer.patient.value == 1 and torch.equal(explorer.row, cohort().test.table[1])
    assert "Image of patient 2 of the test split: bottom" in alt(explorer._image_shown)
    assert explorer.probabilities["early"] == pytest.approx(said("early", 1, explorer.row.tolist()), abs=1e-5)
    explorer.previous.click()
    explorer.previous.click()
    assert explorer.patient.value == 59
    explorer.next.click()
    assert explorer.patient.value == 0
    explorer.patient.value = 999
    assert explorer.patient.value == 59


def test_a_patient_of_whom_a_number_is_missing():
    gaps = cohort(missing=0.4)
    number = int(gaps.test.table[:, 0].isnan().nonzero()[0, 0])
    explorer = fusion(models(), gaps, split="test")
    explorer.patient.value = number
    assert explorer.no_lab.value and explorer.lab.value == 0 and explorer.row[0].isnan()
    explorer.no_lab.value = False
    assert explorer.row[0] == 0
    explorer.own.click()
    assert explorer.no_lab.value


def test_a_number_beyond_the_slider_stays_what_it_is():
    table = cohort().test.table.clone()
    table[0] = torch.tensor([4.4, -5.0])
    explorer = fusion(models(), replace(cohort(), test=replace(cohort().test, table=table)), split="test")
    assert explorer.row.tolist() == pytest.approx([4.4, -5.0])
    assert (explorer.lab.value, explorer.age.value) == (3.0, 24)
    assert explorer.message.value == "" and "lab value +4.4, age 0" in alt(explorer._bars_shown)


# The model that is looked at ----------------------------------------------------------------


def test_shares_are_those_of_the_model_and_add_up(explorer):
    explorer.lab.value = 1.3
    for way in WAYS:
        explorer.model.value = way
        given, row = explorer.shares, explorer.row
        expected = shapley_values(
            models()[way], cohort().test.images[0], row, Background(models()[way], cohort().train)
        )
        assert given.values == pytest.approx(expected.values, abs=1e-6)
        assert 1 / (1 + np.exp(-given.total)) == pytest.approx(explorer.probabilities[way], abs=1e-5)
        for name, value in zip(given.names, given.values):
            assert (
                f"{name} {value:+.2f}" in alt(explorer._shares_shown)
                and f"{name} {value:+.2f}" in explorer._words.value
            )
        assert f"the answer of model {way}, in log-odds" in alt(explorer._shares_shown)


def test_another_model_changes_the_shares_and_curves(explorer):
    before = pictures(explorer)
    probabilities = dict(explorer.probabilities)
    explorer.model.value = "late"
    image, bars, parts, curves = (old != new for old, new in zip(before, pictures(explorer)))
    assert (image, bars, parts, curves) == (False, True, True, True)
    assert explorer.probabilities == pytest.approx(probabilities)


def test_curves_are_the_models_and_the_formulas(explorer):
    explorer.patient.value, explorer.model.value, explorer.age.value = 6, "gated", 72
    findings = cohort().test.findings
    assert list(explorer.curves) == [6, explorer.other] and findings[explorer.other] != findings[6]
    for patient, (by_model, true) in explorer.curves.items():
        assert by_model.shape == true.shape == (62,)
        for place in (0, 20, 30, 31, 61):
            assert by_model[place] == pytest.approx(said("gated", patient, [GRID[place], 1.0]), abs=1e-5)
        rows = np.stack([GRID, np.ones(62)], axis=1)
        assert true == pytest.approx(chance("interaction", findings[[patient]].expand(62), rows))
        assert true[30] + true[31] == pytest.approx(1, abs=0.2) and abs(true[30] - true[31]) > 0.8  # it jumps at 0
    explorer.lab.value = 1.4
    here = said("gated", explorer.other, [1.4, 1.0])
    assert f"would say {here:.2f}" in explorer._words.value and f"lab value +1.4, {here:.2f}" in alt(
        explorer._charts_shown
    )


def test_curves_of_late_fusion_are_parallel_in_log_odds_and_those_of_early_are_not(explorer):
    """What the second curve is for: late fusion cannot let the finding change what the lab value means."""
    spread = {}
    for way in ("late", "early"):
        explorer.model.value = way
        one, other = (np.log(by_model / (1 - by_model)) for by_model, _ in explorer.curves.values())
        spread[way] = np.ptp(one - other)
    assert spread["late"] < 1e-4 and spread["early"] > 100 * spread["late"]


def test_the_other_patient_is_the_nearest_with_the_other_finding(explorer):
    findings = cohort().test.findings.numpy()
    for number in (0, 7, 59):
        explorer.patient.value = number
        differ = np.flatnonzero(findings != findings[number])
        assert abs(explorer.other - number) == np.abs(differ - number).min() and explorer.other in differ


def test_where_all_have_one_finding_there_is_one_curve():
    alike = replace(cohort().test, findings=torch.zeros(60, dtype=torch.int64))
    explorer = fusion(models(), replace(cohort(), test=alike), split="test")
    explorer.lab.value = 1.0
    assert explorer.other is None and len(explorer.curves) == 1 and explorer.message.value == ""
    assert "No patient of the split has the other finding" in alt(explorer._charts_shown)
    assert explorer.still().png.startswith(b"\x89PNG")


# One model, other models, other images ------------------------------------------------------


def test_one_model_alone_goes_by_its_way():
    explorer = fusion(models()["gated"], cohort(), "val")
    assert list(explorer.probabilities) == ["gated"] and "val split" in explorer._title
    assert torch.equal(explorer.row, cohort().val.table[0])


class Own(torch.nn.Linear):
    """A network of one's own, without see and fuse: the mean of the image, and the numbers."""

    def forward(self, images, table):
        return super().forward(torch.cat([images.mean((2, 3)), table.nan_to_num(0.0)], dim=1))


def test_a_network_of_ones_own():
    own = Own(3, 2)
    explorer = fusion({"own": own, "early": models()["early"]}, cohort(), split="test")
    explorer.no_lab.value = True
    assert explorer.message.value == "" and explorer.probabilities["own"] == pytest.approx(
        float(predict_fusion(own, cohort().test.images[:1], explorer.row[None])[0, 1]), abs=1e-5
    )


def test_colours_and_an_additive_cohort():
    colour = mt.from_arrays(*[blobs(30, seed, channels=3) for seed in range(3)], classes=["top", "bottom"])
    explorer = fusion(Fusion(channels=3), draw_cohort(colour, "additive"), split="test")
    explorer.lab.value = 1.0
    assert explorer.message.value == "" and explorer.still().png.startswith(b"\x89PNG")


def test_far_too_sure_a_model_still_fits_the_page():
    torch.manual_seed(0)
    sure = Fusion(shape=(16, 16)).eval()
    with torch.no_grad():
        sure.answer[2].weight.mul_(3000)
    explorer = fusion({"a model with a name that is much too long for its place": sure}, cohort(), split="test")
    explorer.lab.value = 2.0
    assert explorer.message.value == "" and abs(explorer.shares.total) > 50


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_bundle_has_the_widget_and_the_picture(explorer):
    explorer.lab.value = 1.5
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=") and "lab value +1.5" in bundle["text/plain"]
    assert explorer.still().png == explorer.still().png


def test_table_and_outcome_are_marked_as_phantoms_in_every_picture(explorer):
    for widget in (explorer._image_shown, explorer._bars_shown, explorer._shares_shown, explorer._charts_shown):
        assert alt(widget).startswith("PHANTOM table and outcome, drawn by medtutor, beside images of tiny.")
    assert "PHANTOM table and outcome" in explorer.still().alt and "Phantom images" not in explorer.still().alt
    drawn = draw_cohort(phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 30, "val": 10, "test": 10}))
    both = fusion(Fusion(), drawn, split="test")
    for widget in (both._image_shown, both._bars_shown, both._shares_shown, both._charts_shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor. The table and the outcome are drawn, too.")


def test_every_control_has_a_label(explorer):
    for control in (
        explorer.patient,
        explorer.previous,
        explorer.next,
        explorer.model,
        explorer.lab,
        explorer.age,
        explorer.no_lab,
        explorer.no_age,
        explorer.own,
    ):
        assert control.description


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(FusionExplorer, "_draw_charts", lambda *_: 1 / 0)
    explorer.lab.value = 0.5
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.lab.value = 0.6
    assert explorer.message.value == ""


def test_what_it_cannot_do_is_said():
    early = models()["early"]
    colour = draw_cohort(mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)]))
    with pytest.raises(InputError, match=r"early: the model does not take images \(3, 16, 16\)"):
        fusion({"early": early}, colour, split="test")
    with pytest.raises(InputError, match="wide: the model does not take images .* with a table of 2 columns"):
        fusion({"wide": Fusion(columns=5)}, cohort(), split="test")
    with pytest.raises(InputError, match="three: the model does not give one score for each of two outcomes"):
        fusion({"three": Fusion(classes=3)}, cohort(), split="test")
    with pytest.raises(InputError, match="name: str is no network"):
        fusion({"name": "early"}, cohort(), split="test")
    with pytest.raises(InputError, match="unknown kind of cohort 'rare'"):
        fusion(early, replace(cohort(), kind="rare"), split="test")
    with pytest.raises(InputError, match="Dataset is no cohort; make one of a data set with draw_cohort"):
        fusion(early, mt.from_arrays(*[blobs(20, seed) for seed in range(3)]), split="test")
    with pytest.raises(InputError, match="unknown split 'tset'; did you mean test"):
        fusion(early, cohort(), "tset")
    for wrong in ({}, [early], {1: early}, {str(number): early for number in range(9)}):
        with pytest.raises(InputError, match="models must be"):
            fusion(wrong, cohort(), split="test")


def test_a_move_of_the_slider_is_answered_in_time():
    """In processor time, of which a busy machine takes no more; ten times what it needs."""
    explorer = fusion(models(), cohort(), split="test")
    seconds = []
    for step in range(20):
        start = time.process_time()
        explorer.lab.value = -1 + 0.1 * step
        seconds.append(time.process_time() - start)
    assert statistics.median(seconds) < 0.4
