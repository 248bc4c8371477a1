"""The experiments, end to end on tiny images: what they measure, and that nothing done is done twice."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import medtutor as mt
from conftest import blobs
from medtutor.data import catalog
from medtutor.data.phantoms import draw
from medtutor.errors import InputError
from medtutor.models import build, parameter_count
from medtutor.review import Rule, claim, verdict
from medtutor.review import spot_trials, trials
from medtutor.review.card import pivot
from medtutor.review.evidence import Contrast
from medtutor.review.kept import forget_trainings
from medtutor.review.trials import matching_width, moved, moved_auc, run_trial
from medtutor.training import Interrupted


@pytest.fixture
def quick_claim():
    """cnn-beats-mlp on one tiny set, two seeds and one short epoch."""
    return replace(
        claim("cnn-beats-mlp"),
        seeds=(0, 1),
        rule=Rule("above", 0.0, ("tiny", "tiny moved 2 px")),
        settings={"epochs": {"tiny": 1}, "recipe": {"shift_at_test": 0, "batch_size": 16}, "moves": [2]},
    )


def collect(given, tiny, **options):
    return run_trial(given, load=lambda name: tiny, progress=False, **options)


def test_cnn_against_mlp_end_to_end(quick_claim, tiny):
    evidence = collect(quick_claim, tiny)
    assert evidence.seeds == (0, 1) and evidence.registered == quick_claim.registered
    assert [(each.name, each.arms) for each in evidence.contrasts] == [
        ("tiny", ("cnn", "mlp")), ("tiny moved 2 px", ("cnn", "mlp"))
    ]  # fmt: skip
    cnn, mlp = evidence.arms
    assert cnn["recipe"] == mlp["recipe"] and cnn["recipe"]["epochs"] == 1 and "seed" not in cnn["recipe"]
    assert abs(mlp["parameters"] / cnn["parameters"] - 1) < 0.05
    assert evidence.data == {"tiny": {"provenance": "arrays", "train": 48, "val": 21, "test": 19}}
    assert set(evidence.versions) == {"medtutor", "torch", "numpy"} and evidence.threads == torch.get_num_threads()
    # Whatever came out, images that are not the published ones decide nothing.
    assert verdict(quick_claim, evidence).word == "not testable here"
    assert "date" not in json.dumps(evidence.as_record())


def test_the_numbers_are_those_of_fit(quick_claim, tiny):
    run = mt.fit(build("cnn", tiny, seed=1), tiny, mt.default_recipe(
        tiny.card, epochs=1, shift_at_test=0, batch_size=16, seed=1), progress=False)  # fmt: skip
    evidence = collect(quick_claim, tiny)
    assert evidence.contrast("tiny").first[1] == pytest.approx(run.test.auc, abs=1e-6)
    assert evidence.contrast("tiny moved 2 px").first[1] == pytest.approx(moved_auc(run, tiny.test, 2), abs=1e-6)


def test_resnet18_against_cnn_end_to_end(tiny):
    small = replace(tiny, train=replace(tiny.train, images=tiny.train.images[:8], labels=tiny.train.labels[:8]))
    given = replace(
        claim("deeper-is-not-better"),
        rule=Rule("below", 0.01, ("tiny",)),
        settings={"epochs": {"tiny": 1}, "recipe": {"shift_at_test": 0}},
    )
    evidence = collect(given, small, seeds=[0])
    assert evidence.contrasts[0].arms == ("resnet18", "cnn") and len(evidence.contrasts) == 1
    assert evidence.contrasts[0].interval is None and verdict(given, evidence).word == "not testable here"


def test_an_interrupted_trial_goes_on_after_the_last_training(quick_claim, tiny, tmp_path, monkeypatch):
    fit, fitted = trials.fit, []

    def fit_three_then_stop(*arguments, **options):
        if len(fitted) == 3:
            raise KeyboardInterrupt
        fitted.append(1)
        return fit(*arguments, **options)

    whole = collect(quick_claim, tiny)
    monkeypatch.setattr(trials, "fit", fit_three_then_stop)
    with pytest.raises(KeyboardInterrupt):
        collect(quick_claim, tiny, folder=tmp_path)
    monkeypatch.setattr(trials, "fit", lambda *a, **o: (fitted.append(1), fit(*a, **o))[1])
    resumed = collect(quick_claim, tiny, folder=tmp_path)
    assert len(fitted) == 4, "three before, one after"
    assert replace(resumed, seconds=whole.seconds) == whole
    # Another claim with the same arms trains nothing; other data or moves train anew.
    other = replace(quick_claim, id="other", rule=Rule("above", 0.0, ("tiny moved 2 px",)))
    assert collect(other, tiny, folder=tmp_path).contrasts == resumed.contrasts[1:] and len(fitted) == 4
    collect(replace(quick_claim, settings=quick_claim.settings | {"moves": [3]}), tiny, folder=tmp_path, seeds=[0])
    assert len(fitted) == 6
    collect(quick_claim, mt.from_arrays(blobs(48, 5), blobs(21, 1), blobs(19, 2), name="tiny"), folder=tmp_path, seeds=[0])
    assert len(fitted) == 8
    assert (tmp_path / ".trainings" / ".gitignore").read_text() == "*\n"
    forget_trainings(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_first_epoch(quick_claim, tiny, monkeypatch):
    def fit_stopped_at_once(*_, **__):
        raise Interrupted("nothing to keep")

    monkeypatch.setattr(trials, "fit", fit_stopped_at_once)
    with pytest.raises(KeyboardInterrupt):
        collect(quick_claim, tiny)


def test_a_training_cut_short_is_no_training(quick_claim, tiny, tmp_path, monkeypatch):
    """`fit` answers Ctrl-C with the epochs it has: those must not become evidence."""
    fit = trials.fit

    def fit_cut_short(*arguments, **options):
        run = fit(*arguments, **options)
        run.history.clear()
        return run

    monkeypatch.setattr(trials, "fit", fit_cut_short)
    with pytest.raises(KeyboardInterrupt):
        collect(quick_claim, tiny, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_report_counts_the_trainings(quick_claim, tiny):
    lines = []
    collect(quick_claim, tiny, seeds=[3], report=lines.append)
    assert lines == [f"cnn-beats-mlp: training {i} of 2: {model} on tiny, seed 3" for i, model in ((1, "cnn"), (2, "mlp"))]


def test_unknown_trial(quick_claim, tiny):
    with pytest.raises(InputError, match="did you mean cnn_against_mlp"):
        collect(replace(quick_claim, trial="cnn_against_mpl"), tiny)


@pytest.mark.parametrize("name", ["pneumoniamnist", "breastmnist"])
def test_the_mlp_has_as_many_parameters(name):
    card = catalog.card(name)
    cnn, mlp = build("cnn", card), build("mlp", card, width=matching_width(card))
    assert abs(parameter_count(mlp) / parameter_count(cnn) - 1) < 0.05


def test_moved_continues_the_border():
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    assert moved(image, 1, 0).flatten().tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5]
    assert moved(image, -1, 0).flatten().tolist() == [3, 4, 5, 6, 7, 8, 6, 7, 8]
    assert moved(image, 0, 1).flatten().tolist() == [0, 0, 1, 3, 3, 4, 6, 6, 7]
    assert moved(image, 0, -2).flatten().tolist() == [2, 2, 2, 5, 5, 5, 8, 8, 8]
    assert torch.equal(moved(image, 0, 0), image) and moved(image, 2, 2).dtype == torch.uint8


# --- trials of explanations ------------------------------------------------------------


def test_trials_of_explanations_measure_what_their_claims_judge(monkeypatch, tmp_path):
    monkeypatch.setattr(spot_trials, "IMAGES", 2)
    monkeypatch.setattr(spot_trials, "CURVES", 1)
    few = {"train": 96, "val": 12, "test": 12}
    for name in ("explanations-find-planted-evidence", "explanations-change-when-randomised", "explanations-reveal-a-shortcut"):
        each = claim(name)
        quick = replace(each, settings=each.settings | {"epochs": {"pneumoniamnist": 1}}, seeds=(0, 1))
        lines = []
        evidence = run_trial(
            quick, load=lambda name: draw(catalog.card(name), few), folder=tmp_path, progress=False, report=lines.append
        )
        assert {contrast.name for contrast in evidence.contrasts} >= set(each.rule.contrasts)
        assert evidence.on_phantoms and verdict(quick, evidence).word == "not testable here"
        assert lines[-1].split(" training ")[1].split(":")[0] == f"{len(lines)} of {len(lines)}"
    assert evidence.contrast("AUC with the marker turned round").arms == ("clean", "shortcut")


def test_a_table_of_rows_and_columns():
    contrasts = [
        Contrast("saliency: hit", ("trained", "untrained"), (0.9, 0.7), (0.1, 0.1)),
        Contrast("lrp: mass", ("trained", "untrained"), (0.5, 0.5), (0.2, 0.2)),
    ]
    evidence = SimpleNamespace(contrasts=contrasts)
    head, saliency, lrp = pivot(evidence, ["hit", "mass"]).splitlines()
    assert head.split() == "mean ± half of 95 % interval hit mass".split()
    assert saliency.startswith("saliency") and "+0.70" in saliency
    assert lrp.split() == ["lrp", "+0.30", "±0.00"]
    assert len(pivot(evidence, ["hit"]).splitlines()) == 2, "a row without a cell is left out"
    assert pivot(evidence, ["h"], where="it").splitlines()[1] == pivot(evidence, ["hit"]).splitlines()[1]
