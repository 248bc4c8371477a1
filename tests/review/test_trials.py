"""The experiments, end to end on tiny images: what they measure, and that nothing done is done twice."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from conftest import blobs
from mutations import check_altered

import medtutor as mt
from medtutor import files
from medtutor.data import catalog
from medtutor.data.phantoms import draw
from medtutor.data.subsets import near_duplicates
from medtutor.errors import InputError
from medtutor.models import build, parameter_count
from medtutor.review import Contrast, Rule, claim, kept, pivot, trials, verdict
from medtutor.review.cases import PerCase
from medtutor.review.evidence import contrast
from medtutor.review.experiments import interpretability as spot_trials
from medtutor.review.experiments.cnn_classification import matching_width, moved, moved_auc
from medtutor.review.kept import forget_trainings
from medtutor.review.trials import run_trial
from medtutor.training import Interrupted


@pytest.fixture
def quick_claim():
    """cnn-beats-mlp on one tiny set, two seeds and one short epoch."""
    return replace(
        claim("cnn-beats-mlp"),
        seeds=(0, 1),
        rule=Rule("above", "AUC", 0.015, "tiny", ("tiny moved 2 px",)),
        settings={"epochs": {"tiny": 1}, "recipe": {"shift_at_test": 0, "batch_size": 16}, "moves": [2]},
    )


def collect(given, tiny, **options):
    return run_trial(given, load=lambda name: tiny, progress=False, **options)


def test_cnn_against_mlp_end_to_end(quick_claim, tiny):
    evidence = collect(quick_claim, tiny)
    assert evidence.seeds == (0, 1) and evidence.registered == quick_claim.registered
    assert [(each.name, each.arms) for each in evidence.contrasts] == [
        ("tiny", ("cnn", "mlp")),
        ("tiny moved 2 px", ("cnn", "mlp")),
    ]
    cnn, mlp = evidence.arms
    assert cnn["recipe"] == mlp["recipe"] and cnn["recipe"]["epochs"] == 1 and "seed" not in cnn["recipe"]
    assert abs(mlp["parameters"] / cnn["parameters"] - 1) < 0.05
    assert evidence.data == {"tiny": {"provenance": "arrays", "train": 48, "val": 21, "test": 19}}
    assert set(evidence.versions) == {"medtutor", "torch", "numpy", "precision"}
    assert evidence.threads == torch.get_num_threads()
    # Whatever came out, images that are not the published ones decide nothing.
    assert verdict(quick_claim, evidence).word == "not testable here"
    assert "date" not in json.dumps(evidence.as_record())


def test_the_numbers_are_those_of_fit(quick_claim, tiny):
    run = mt.fit(
        build("cnn", tiny, seed=1),
        tiny,
        mt.default_recipe(tiny.card, epochs=1, shift_at_test=0, batch_size=16, optimiser="adamw", seed=1),
        progress=False,
    )
    evidence = collect(quick_claim, tiny)
    assert evidence.contrast("tiny").first[1] == pytest.approx(run.test.auc, abs=1e-6)
    assert evidence.contrast("tiny moved 2 px").first[1] == pytest.approx(moved_auc(run, tiny.test, 2), abs=1e-6)


def test_resnet18_against_cnn_end_to_end(tiny):
    small = replace(tiny, train=replace(tiny.train, images=tiny.train.images[:8], labels=tiny.train.labels[:8]))
    given = replace(
        claim("depth-helps"),
        rule=Rule("above", "AUC", 0.015, "tiny"),
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
    other = replace(quick_claim, id="other", rule=Rule("above", "AUC", 0.015, "tiny moved 2 px"))
    assert collect(other, tiny, folder=tmp_path).contrasts == resumed.contrasts[1:] and len(fitted) == 4
    collect(replace(quick_claim, settings=quick_claim.settings | {"moves": [3]}), tiny, folder=tmp_path, seeds=[0])
    assert len(fitted) == 6
    collect(
        quick_claim, mt.from_arrays(blobs(48, 5), blobs(21, 1), blobs(19, 2), name="tiny"), folder=tmp_path, seeds=[0]
    )
    assert len(fitted) == 8
    assert (tmp_path / ".trainings" / ".gitignore").read_text() == "*\n"
    forget_trainings(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- kept trainings ----------------------------------------------------------------------


KEPT = trials.Training(
    "d", "cnn", {"widths": [4, 8]}, 7, {"epochs": 1}, {"0": 0.9, "2": 0.8}, "cpu", 1, {"torch": "2"}, 1.5
)
NAME = "ab" * 32


def signed(record):
    if isinstance(record, dict):
        record["sha256"] = files.digest({key: value for key, value in record.items() if key != "sha256"})
    return record


@pytest.mark.parametrize("resign", [None, signed])
def test_an_altered_training_is_found_out_or_means_the_same(tmp_path, resign):
    kept.keep(tmp_path, NAME, KEPT)
    path = tmp_path / ".trainings" / f"{NAME}.json"
    check_altered(path, lambda: kept.kept(tmp_path, NAME), lambda one, other: one == other, resign=resign)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda record: record["values"].update({"0": 90.39}), "values.0, an AUC, must be from 0 to 1"),
        (lambda record: record["values"].update({"0": "x"}), "values.0 must be a finite number"),
        (lambda record: record.update(values=None), "values must be an object"),
        (lambda record: record["recipe"].update(epochs=0), "epochs must be above 0"),
        (lambda record: record.update(fingerprint="ba" * 32), "it is of another training"),
        (lambda record: record.pop("seconds"), "seconds is missing"),
    ],
)
def test_a_training_that_cannot_be_names_the_field_and_the_remedy(tmp_path, change, words):
    kept.keep(tmp_path, NAME, KEPT)
    path = tmp_path / ".trainings" / f"{NAME}.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(signed(record)))
    with pytest.raises(
        InputError, match=f"{path.name} cannot be used .*{words}.*delete this file, and it is trained again"
    ):
        kept.kept(tmp_path, NAME)


def test_an_auc_by_hand_is_no_evidence(quick_claim, tiny, tmp_path):
    collect(quick_claim, tiny, folder=tmp_path, seeds=[0])
    first = next((tmp_path / ".trainings").glob("*.json"))
    first.write_text(json.dumps(json.loads(first.read_text()) | {"values": {"0": 90.39, "2": 0.5}}))
    with pytest.raises(InputError, match="an AUC, must be from 0 to 1, not 90.39"):
        collect(quick_claim, tiny, folder=tmp_path, seeds=[0])


def test_what_was_measured_is_a_number(quick_claim, tiny, monkeypatch):
    monkeypatch.setattr(trials, "_plain_and_moved", lambda *_: {"0": float("nan")})
    with pytest.raises(InputError, match="0 of cnn must be a finite number"):
        collect(quick_claim, tiny, seeds=[0])


def measured(run, dataset):
    return {"0": 0.5}


def test_a_training_is_known_by_all_that_decides_it(tiny):
    network = build("mlp", tiny, width=4)

    def fingerprint(dataset=tiny, network=network, conditions=()):
        return trials._fingerprint(network, dataset, conditions)

    half = torch.zeros(2, 2)
    test = tiny.test
    others = [
        replace(tiny, card=replace(tiny.card, mirror=(-1,))),
        replace(tiny, card=replace(tiny.card, classes=("a", "b"))),
        replace(tiny, provenance="phantom"),
        replace(tiny, test=replace(test, labels=1 - test.labels)),
        replace(tiny, test=replace(test, patients=torch.arange(len(test)))),
        replace(tiny, test=replace(test, images=test.images.transpose(2, 3).reshape(test.images.shape[0], 1, 8, 32))),
        replace(tiny, test=replace(test, evidence=half > 0)),
        replace(tiny, test=replace(test, masks=half > 0)),
    ]
    names = [
        fingerprint(),
        *map(fingerprint, others),
        fingerprint(conditions=[1]),
        fingerprint(network=build("mlp", tiny, width=5)),
    ]
    assert len(set(names)) == len(names) and fingerprint() == names[0]


def test_a_measure_needs_a_name_of_its_own(tiny, quick):
    for measure in (lambda run, dataset: {"0": 0.5}, partial(measured)):
        with pytest.raises(InputError, match="has no name by which its trainings can be known again"):
            trials.train_once("mlp", tiny, quick, measure=measure, progress=False)


OTHER = """
import sys
from pathlib import Path
from medtutor.review import kept
from medtutor.review.trials import Training
for name in sys.argv[2:]:
    kept.keep(sys.argv[1], name, Training("d", "cnn", {}, 7, {"epochs": 1}, {"0": 0.9}, "cpu", 1, {}, 1.5))
print("kept", flush=True)
sys.stdin.readline()
kept.forget_trainings(sys.argv[1])
"""


@pytest.fixture
def other(tmp_path):
    """A process that keeps trainings, and forgets them when it is told to."""

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tmp_path), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "kept\n"
        return process

    started = []
    yield start
    for process in started:
        kill(process)


def kill(process):
    process.kill()
    process.communicate()


def names(folder):
    return sorted(path.stem for path in (folder / ".trainings").glob("*.json"))


def test_who_is_done_first_leaves_the_trainings_of_the_other(tmp_path, other):
    ours, shared, theirs = ("a" * 64, "b" * 64, "c" * 64)
    process = other(shared, theirs)
    for name in (ours, shared):
        kept.keep(tmp_path, name, KEPT)
    forget_trainings(tmp_path)
    assert names(tmp_path) == [shared, theirs]
    process.communicate("done\n")
    assert process.returncode == 0 and list(tmp_path.iterdir()) == []


def test_the_trainings_of_an_interrupted_trial_wait_for_it(tmp_path, other):
    """Another claim in the same folder comes to its end meanwhile; then its own trial goes on, and they are
    forgotten.
    """
    ours, shared, theirs = ("a" * 64, "b" * 64, "c" * 64)
    kill(other(shared, theirs))
    for name in (ours, shared):
        kept.keep(tmp_path, name, KEPT)
    forget_trainings(tmp_path)
    assert names(tmp_path) == [shared, theirs]
    assert all(kept.kept(tmp_path, name) for name in (shared, theirs))
    forget_trainings(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_trainings_of_nobody_are_forgotten_too(tmp_path, other):
    kill(other("a" * 64))
    (tmp_path / ".trainings" / f"{'b' * 64}.json.4711.partial").write_text("{")
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
    assert list(tmp_path.rglob("*.json")) == []  # no evidence, and no training that is kept


def test_report_counts_the_trainings(quick_claim, tiny):
    lines = []
    collect(quick_claim, tiny, seeds=[3], report=lines.append)
    assert lines == [
        f"cnn-beats-mlp: training {i} of 2: {model} on tiny, seed 3" for i, model in ((1, "cnn"), (2, "mlp"))
    ]


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
    for name in (
        "explanations-find-planted-evidence",
        "explanations-change-when-randomised",
        "explanations-reveal-a-shortcut",
    ):
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


def test_explanations_are_asked_of_the_same_images_by_networks_that_saw_others(tiny):
    one, other = (spot_trials.planted(tiny, "bright", seed, test=7) for seed in (0, 1))
    assert torch.equal(one.test.images, other.test.images) and torch.equal(one.test.evidence, other.test.evidence)
    assert not torch.equal(one.train.images, other.train.images)


def test_the_control_of_the_shortcut_has_seen_the_marker_in_half_of_both_classes():
    xray, seen = draw(catalog.card("pneumoniamnist"), {"train": 400, "val": 20, "test": 20}), {}

    def train(model, dataset, seed, measure):
        kind = "control" if len(seen) >= 2 else "shortcut"
        seen[kind, seed] = dataset
        return SimpleNamespace(values={spot_trials.SWAP: 0.5}, cases={})

    list(spot_trials.planted_marker({"pneumoniamnist": xray}, (0, 1), train))
    for (kind, _), dataset in seen.items():
        marked = (dataset.train.images[:, 0, 1:4, 1:5] == 255).flatten(1).all(1)
        shares = [marked[dataset.train.labels == label].float().mean().item() for label in (0, 1)]
        assert shares == pytest.approx([0.5, 0.5] if kind == "control" else [0.05, 0.95], abs=0.1)
        assert len(dataset.test) == len(xray.test)
    assert not torch.equal(seen["control", 0].train.images, seen["control", 1].train.images)
    assert not torch.equal(seen["shortcut", 0].train.images, seen["shortcut", 1].train.images)


def test_there_are_as_many_untrained_networks_as_trained_ones(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(spot_trials, "trust_of_each", lambda *_, seed, **__: (asked.append(seed), {})[1])
    for seed in (0, 1):
        run = SimpleNamespace(recipe=SimpleNamespace(seed=seed))
        assert spot_trials.trust_of_methods(run, tiny) == {}
    assert asked == [0, 1]


def test_a_contrast_over_kinds_keeps_the_cases_of_all_of_them():
    def training(*values):
        case = PerCase.of("mean", values, subjects=range(len(values)))
        return SimpleNamespace(values={"hit": case.number, "blank": 0.0}, cases={"hit": case})

    of_kind = [[training(0, 1), training(1, 1)], [training(1, 0), training(1, 0)]]
    found = spot_trials._averaged("m", "hit", of_kind, ("trained", "hit"), ("none", None))
    assert found.first == (0.5, 0.75) and found.cases.subjects == (0, 1, 0, 1)
    found.cases.check(found.first, found.second)
    assert spot_trials._averaged("m", "hit", of_kind, ("trained", "hit"), ("none", "blank")).cases is None


def test_results_on_images_whose_splits_share_some_stand_twice(quick_claim, tiny):
    shared = tiny.train.images[:5]
    images = torch.cat([shared, tiny.test.images[5:]])
    breast = replace(
        tiny, card=replace(tiny.card, name="breastmnist"), test=replace(tiny.test, images=images), provenance="medmnist"
    )
    names = ("breastmnist", "breastmnist moved 2 px")
    given = replace(
        quick_claim,
        rule=Rule("above", "AUC", 0.015, names[0]),
        settings=quick_claim.settings | {"epochs": {"breastmnist": 1}},
    )
    evidence = collect(given, breast)
    assert [each.name for each in evidence.contrasts] == [names[0], f"{names[0]}, without near-duplicates"]
    whole, fewer = evidence.contrasts
    near = near_duplicates(images, tiny.train.images).near
    assert near[:5].all() and [len(each.cases.labels) for each in (whole, fewer)] == [19, 19 - int(near.sum())]
    card = str(given.card(evidence, verdict(given, replace(evidence, registered=given.registered))))
    assert f"{names[0]}, without near-duplicates" in card
    beside = replace(given, settings=given.settings | {"keep_all": True})
    kept_too = collect(beside, breast).contrasts
    assert [each.name for each in kept_too if each.cases] == [whole.name, fewer.name] and len(kept_too) == 4


def test_a_table_of_rows_and_columns():
    contrasts = [
        contrast("saliency", "hit", ("trained", (0.9, 0.7)), ("untrained", (0.1, 0.1))),
        contrast("lrp", "mass", ("trained", (0.5, 0.5)), ("untrained", (0.2, 0.2))),
        Contrast("of version 0.1.0", ("trained", "untrained"), (0.5, 0.5), (0.2, 0.2)),
    ]
    evidence = SimpleNamespace(contrasts=contrasts, on_phantoms=True)
    table = pivot(evidence, ["hit", "mass"])
    assert table.head == ["mean ± half of 95 % interval", "hit", "mass"] and table.phantom
    (saliency, hit, no_mass), lrp = table.rows
    assert saliency == "saliency" and hit.startswith("+0.70") and no_mass == ""
    assert lrp == ("lrp", "", "+0.30 ±0.00")
    assert len(pivot(evidence, ["hit"]).rows) == 1, "a row without a cell is left out"
    assert pivot(evidence, ["h"], where="it").rows == pivot(evidence, ["hit"]).rows
