"""The sequence explorer: every panel follows the film, and models that know no order do not move."""

import html
import re
import statistics
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data.card import SPLITS
from medtutor.data.dataset import normalise
from medtutor.data.phantoms import cine
from medtutor.errors import InputError
from medtutor.explorers.sequence import AS_STORED, SequenceExplorer, sequence
from medtutor.explorers.sequence_clips import (
    AS_FILMED,
    BEFORE,
    BLACK,
    FLAT,
    HALF,
    HELD,
    HOWS,
    REVERSED,
    SHUFFLED,
    orders,
    played,
    replaced,
)
from medtutor.explorers.sequence_clips import ordered as _ordered
from medtutor.training.run import Run
from medtutor.widgets.explorer import VIEW


@cache
def clips(name="cine_filling"):
    """A small data set that calls itself by that name, drawn like it."""
    card = mt.data.card(name)
    target = "filling" if name == "cine_filling" else "ejection fraction"
    drawn = cine.draw(target, {"train": 8, "val": 6, "test": 12})
    arrays = [(drawn[split].images[:, :, 0], drawn[split].targets) for split in SPLITS]
    dataset = mt.from_arrays(*arrays, classes=card.classes, task=card.task, name=name, sequence=True)
    parts = {split: replace(getattr(dataset, split), masks=drawn[split].masks) for split in SPLITS}
    return replace(dataset, **parts, provenance="phantom")


def untrained(dataset, model="lstm", seed=0):
    """A `Run` without training: what the network says at first."""
    run = Run(mt.build(model, dataset, seed=seed), dataset.card, mt.Recipe(epochs=1), dataset.provenance)
    for split in ("val", "test"):
        run.labels[split] = getattr(dataset, split).labels
        run.predictions[split] = run.predict(getattr(dataset, split).images)
    run.model.train()
    return run


@pytest.fixture
def explorer():
    dataset = clips()
    return sequence(untrained(dataset), dataset, split="test")


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


# How a clip is played -----------------------------------------------------------------------


def test_orders_name_the_frames_that_are_played():
    assert orders(AS_FILMED, 5).tolist() == [[1, 2, 3, 4, 5]]
    assert orders(REVERSED, 5).tolist() == [[5, 4, 3, 2, 1]]
    assert orders(BLACK, 5).tolist() == [[1, 0, 3, 0, 5]]
    assert orders(HELD, 5).tolist() == [[1, 1, 3, 3, 5]]
    assert orders(HALF, 5).tolist() == [[1, 2]]
    mixed = orders(SHUFFLED, 9, count=4, seed=3)
    assert (
        torch.equal(mixed.sort(1).values, torch.arange(1, 10).repeat(4, 1))
        and len(set(map(tuple, mixed.tolist()))) == 4
    )
    assert torch.equal(mixed, orders(SHUFFLED, 9, count=4, seed=3))
    with pytest.raises(InputError, match="unknown way to play"):
        orders("sideways", 5)


def test_playing_agrees_with_the_functions_of_the_cine():
    images = clips().test.images[:3]
    assert torch.equal(played(images, orders(REVERSED, 16, 3)), cine.reversed_in_time(images))
    every_second = torch.arange(16) % 2 == 0
    for how, mode in ((BLACK, "black"), (HELD, "held")):
        assert torch.equal(played(images, orders(how, 16, 3)), cine.dropped(images, every_second, mode))
    assert torch.equal(played(images, orders(HALF, 16, 3)), cine.dropped(images, 8, "cut"))
    mixed = cine.shuffled(images, torch.Generator().manual_seed(7))
    assert torch.equal(played(images, orders(SHUFFLED, 16, 3, seed=7)), mixed)


def test_replaced_changes_one_frame_at_a_time():
    clip = clips().test.images[0]
    for instead in (BEFORE, FLAT):
        each = replaced(clip, instead)
        for number, changed in enumerate(each):
            same = [torch.equal(old, new) for old, new in zip(clip, changed)]
            assert same == [frame != number for frame in range(16)]
    assert torch.equal(replaced(clip, BEFORE)[5, 5], clip[4]) and torch.equal(replaced(clip, BEFORE)[0, 0], clip[1])
    assert replaced(clip, FLAT)[5, 5].unique().tolist() == [round(float(clip.float().mean()))]


# Everything follows the film ----------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_answers_are_those_of_the_model_to_the_film_as_it_is_played(explorer, how):
    explorer.how.value = how
    run = explorer._runs["lstm"]
    film = played(clips().test.images[explorer.case][None], orders(how, 16, seed=explorer.case))
    with torch.inference_mode():
        over_time = run.model.answers_over_time(normalise(film))[0].softmax(1)[:, 1].numpy()
        whole = run.model(normalise(film)).softmax(1)[0, 1].item()
    np.testing.assert_allclose(explorer.answers, over_time, atol=1e-6)
    assert explorer.answers[-1] == pytest.approx(whole, abs=1e-5)
    assert len(explorer.effects) == len(explorer.answers) == explorer.frame.max == (8 if how == HALF else 16)
    assert how in alt(explorer._film_shown) and how in alt(explorer._frame_shown) and explorer.message.value == ""
    assert ("moves by" in explorer._table.value) == ("it moves by" in explorer.still().alt) == (how != AS_FILMED)


def test_the_first_half_is_the_answer_so_far_of_the_whole(explorer):
    explorer.how.value = HALF
    np.testing.assert_allclose(explorer.answers, explorer.filmed[:8], atol=1e-5)


def test_only_models_that_know_the_order_move_when_the_film_runs_backwards():
    dataset = clips()
    names = ("max_min_frames", "mean_frames", "fourier")
    explorer = sequence(
        untrained(dataset), dataset, others={name: untrained(dataset, name) for name in names}, split="test"
    )
    explorer.how.value = REVERSED
    moved = {name: abs(explorer._now[name][-1, 1] - explorer._filmed[name][-1, 1]) for name in ("lstm", *names)}
    assert moved.pop("lstm") > 1e-4 and max(moved.values()) < 1e-5
    for name in names:
        assert (
            f"<th scope='row' style='text-align:left;font-weight:normal;padding-right:0.7em'>{name}"
            in explorer._table.value
        )
    explorer.many.click()
    explorer.job.wait()
    assert (
        "AUC on the first 12 clips" in explorer._many_table.value
        and explorer._many_table.value.count("<th scope='row'") == 4
    )
    scores = explorer._over_many()
    assert scores["max_min_frames"][REVERSED][0] == scores["max_min_frames"][AS_FILMED][0]
    assert (
        scores["max_min_frames"][SHUFFLED][1] < 1e-5 < scores["lstm"][SHUFFLED][1]
        and "not used" in explorer._many_table.value
    )


def test_effects_are_what_the_answer_loses_without_a_frame(explorer):
    for instead in (FLAT, BEFORE):
        explorer.instead.value = instead
        run, clip = explorer._runs["lstm"], clips().test.images[explorer.case]
        for number in (0, 3, 15):
            changed = clip.clone()
            changed[number] = replaced(clip, instead)[number, number]
            with torch.inference_mode():
                answer = run.model(normalise(changed[None])).softmax(1)[0, 1].item()
            assert explorer.effects[number] == pytest.approx(explorer.filmed[-1] - answer, abs=1e-5)


def test_a_held_frame_does_nothing_that_the_frame_before_it_does_not(explorer):
    explorer.how.value = HELD
    np.testing.assert_allclose(explorer.effects[1::2], 0, atol=1e-6)


def test_scrubbing_moves_the_present_frame_through_all_panels(explorer):
    before = explorer._film_shown.value, explorer._frame_shown.value
    explorer.frame.value = 7
    assert alt(explorer._frame_shown).endswith("Frame 7 of 16, as filmed: frame 7 of the film.")
    assert f"is {explorer.answers[6]:.2f} had it ended here" in alt(explorer._film_shown)
    cavity = int((clips().test.masks[explorer.case][6] == 1).sum())
    assert f"cavity, pixels): {cavity}." in alt(explorer._film_shown)
    assert before[0] != explorer._film_shown.value and before[1] != explorer._frame_shown.value
    explorer.how.value = REVERSED
    assert alt(explorer._frame_shown).endswith("Frame 7 of 16, reversed: frame 10 of the film.")
    explorer.frame.value = 12
    explorer.how.value = BLACK
    assert "a black frame" in alt(explorer._frame_shown)
    explorer.how.value = HALF
    assert explorer.frame.value == 8 and explorer.message.value == ""


def test_what_had_to_be_expected_is_said_where_it_is_known(explorer):
    assert explorer._expectation == ""
    explorer.how.value = REVERSED
    assert "must change sides" in explorer._table.value and "must change sides" in explorer.still().alt
    explorer.how.value = BLACK
    assert "must" not in explorer._table.value


def test_units_are_in_the_order_of_their_peaks():
    filmed = np.zeros((6, 4))
    filmed[[4, 0, 2], [0, 1, 2]] = (2.0, -5.0, 1.0)
    rows = _ordered(filmed, filmed)
    assert rows.tolist() == [
        [-1, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
    ]  # the fourth is never anything
    assert np.array_equal(_ordered(filmed[::-1], filmed), rows[:, ::-1])
    assert _ordered(np.zeros((3, 2)), np.zeros((3, 2))).shape == (0, 3)


# Which clip -------------------------------------------------------------------------------------


def test_clips_come_worst_first_or_as_stored(explorer):
    run = explorer._runs["lstm"]
    labels = run.labels["test"]
    lacking = 1 - run.predictions["test"][torch.arange(12), labels].numpy()
    assert explorer.case == int(lacking.argmax()) and "1 of 12" in explorer._numbers.value
    explorer.cases.next.click()
    assert explorer.case == int(np.argsort(-lacking, kind="stable")[1]) and "2 of 12" in explorer._numbers.value
    explorer.order.value = AS_STORED
    assert explorer.case == 0
    explorer.cases.number.value = 5
    assert explorer.case == 4 and "clip 5 of the test split" in explorer._numbers.value
    assert f"label {clips().card.classes[int(labels[4])]}" in explorer._numbers.value


def test_numbers_of_a_regression_are_label_answer_and_error():
    dataset = clips("cine_ejection")
    explorer = sequence(untrained(dataset, "max_min_frames"), dataset, "val")
    error = np.abs(explorer._runs["max_min_frames"].predictions["val"][:, 0].numpy() - dataset.val.labels.numpy())
    assert explorer.case == int(error.argmax())
    label, answer = float(dataset.val.labels[explorer.case]), explorer.filmed[-1]
    for words in (
        f"label {label:.2f}",
        f"answer {answer:.2f}",
        f"error {abs(answer - label):.2f}",
        "ejection fraction, as filmed",
    ):
        assert words in explorer._numbers.value
    assert explorer._span[0] <= label <= explorer._span[1]
    explorer.many.click()
    explorer.job.wait()
    assert "R² on the first 6 clips" in explorer._many_table.value
    explorer.how.value = REVERSED
    assert "the answer should stay" in explorer._table.value


# Other models and images -------------------------------------------------------------------


@pytest.mark.parametrize("model", ["single_frame", "fourier", "bilstm", "temporal_conv", "conv_lstm"])
def test_every_kind_of_sequence_model_can_be_looked_at(model):
    dataset = clips()
    explorer = sequence(untrained(dataset, model), dataset, split="test")
    for how in HOWS:
        explorer.how.value = how
        assert explorer.message.value == "" and np.isfinite(explorer.answers).all()
    assert explorer.still().png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("frames", "size", "colour", "classes"), [(2, 12, True, 3), (40, 20, False, 2), (5, 90, False, 3)]
)
def test_own_clips_of_any_length_size_and_number_of_classes(frames, size, colour, classes):
    generator = np.random.default_rng(0)
    shape = (6, frames, size, size) + (3,) * colour
    arrays = [(generator.integers(0, 255, shape, dtype=np.uint8), np.arange(6) % classes) for _ in range(3)]
    dataset = mt.from_arrays(*arrays, sequence=True)
    explorer = sequence(untrained(dataset), dataset, split="test")
    assert (explorer.looked.layout.display is None) == (classes == 3)
    explorer.looked.value = classes - 1
    explorer.frame.value = frames
    for how in HOWS:
        explorer.how.value = how
        assert explorer.message.value == "" and "True size" not in alt(explorer._film_shown)
    explorer.many.click()
    explorer.job.wait()
    assert ("accuracy" if classes == 3 else "AUC") in explorer._many_table.value and explorer.message.value == ""


def test_volumes_are_read_as_sequences_and_many_labels_one_at_a_time():
    generator = np.random.default_rng(0)
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 2)
    arrays = [(generator.integers(0, 255, (8, 9, 16, 16), dtype=np.uint8), labels) for _ in range(3)]
    dataset = mt.from_arrays(*arrays, classes=["nodule", "effusion"]).as_sequence()
    explorer = sequence(untrained(dataset), dataset, split="test")
    assert explorer.frame.max == 9 and "probability of nodule" in explorer._numbers.value
    explorer.looked.value = 1
    assert "probability of effusion" in explorer._numbers.value and explorer.message.value == ""


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_bundle_has_the_widget_and_the_picture(explorer):
    explorer.frame.value, explorer.how.value = 4, SHUFFLED
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=")
    assert "Frame 4 of 16" in bundle["text/plain"] and "shuffled" in bundle["text/plain"]


def test_phantoms_are_marked_in_every_picture(explorer):
    for widget in (explorer._frame_shown, explorer._film_shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert "PHANTOM" in explorer.still().alt


def test_every_control_has_a_label(explorer):
    for control in (
        explorer.cases.number,
        explorer.order,
        explorer.looked,
        explorer.how,
        explorer.frame,
        explorer.play,
        explorer.instead,
        explorer.many,
    ):
        assert control.description
    # The player's own buttons have no names; only in ipywidgets 7 nothing else can start it.
    hidden = [each.layout.display == "none" for each in (explorer.play, explorer._player)]
    assert hidden == ([False, True] if explorer._player.has_trait("playing") else [True, False])


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(SequenceExplorer, "_take_effects", lambda self: 1 / 0)
    explorer.how.value = REVERSED
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.how.value = SHUFFLED
    assert explorer.message.value == "" and "shuffled" in alt(explorer._film_shown)


def test_what_it_cannot_do_is_said(tiny):
    dataset = clips()
    run = untrained(dataset)
    with pytest.raises(InputError, match="takes a Run, not str"):
        sequence("lstm", dataset, split="test")
    images = Run(mt.build("mlp", tiny), tiny.card, mt.Recipe(epochs=1), tiny.provenance)
    with pytest.raises(InputError, match="about single images, tiny"):
        sequence(images, tiny, split="test")
    with pytest.raises(InputError, match="dataset is Tensor"):
        sequence(run, dataset.test.images, split="test")
    with pytest.raises(InputError, match="no predictions for the train split"):
        sequence(run, dataset, "train")
    with pytest.raises(
        InputError, match=r"made on cine_filling .* not on this data set, tiny \(arrays, 16 x 16 pixels\)"
    ):
        sequence(run, tiny, split="test")
    with pytest.raises(InputError, match="16 frames of 28 x 28 .* not on this data set, .* 8 frames of"):
        sequence(run, replace(dataset, card=replace(dataset.card, frames=8)), split="test")
    with pytest.raises(InputError, match="labels of the run lstm and of this cine_filling differ"):
        sequence(run, replace(dataset, test=dataset.val), split="test")
    with pytest.raises(InputError, match="the run other was made on cine_ejection"):
        sequence(run, dataset, others={"other": untrained(clips("cine_ejection"))}, split="test")
    with pytest.raises(InputError, match="the run's own name"):
        sequence(run, dataset, others={"lstm": run}, split="test")
    with pytest.raises(InputError, match="dict of at most 4 runs"):
        sequence(run, dataset, others=[run], split="test")
    one = replace(dataset.card, frames=1)
    with pytest.raises(InputError, match="one frame each"):
        sequence(replace(run, card=one), replace(dataset, card=one), split="test")
    bare = replace(run, model=torch.nn.Linear(1, 2))
    with pytest.raises(InputError, match="no answers over time"):
        sequence(bare, dataset, split="test")
    run.predictions["test"] = run.predictions["test"].clone().fill_(float("nan"))
    with pytest.raises(InputError, match="NaN"):
        sequence(run, dataset, split="test")


def test_moves_are_answered_in_time(explorer):
    """Several times what they take on an idle machine."""
    for control, values in ((explorer.frame, range(2, 16)), (explorer.how, HOWS[1:])):
        seconds = []
        for value in values:
            start = time.perf_counter()
            control.value = value
            seconds.append(time.perf_counter() - start)
        assert statistics.median(seconds) < 0.5
