"""The attribution explorer: each control shows what it says, and nothing is computed twice."""

import html
import io
import re
import statistics
import time
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from conftest import blobs
from PIL import Image

import medtutor as mt
from medtutor.data import phantoms
from medtutor.data.planting import plant_spots
from medtutor.errors import InputError
from medtutor.explanation import METHODS, explain, methods_for, overlay, randomised, score, similarity
from medtutor.explorers import AttributionExplorer, answers, explore
from medtutor.explorers.cases import as_image
from medtutor.explorers.own_image import read_image, uploaded
from medtutor.explorers.sentences import about, lesson_of, place
from medtutor.training.run import Run
from medtutor.widgets import panels, recent
from medtutor.widgets.explorer import VIEW


def fitted(model, dataset, epochs=2):
    return mt.fit(mt.build(model, dataset), dataset, mt.Recipe(epochs=epochs, batch_size=16), progress=False)


@cache
def of_blobs(classes=2, model="cnn", **options):
    """(run, dataset) of a bright square whose place tells the class."""
    names = ["top", "middle", "bottom"][:classes] if classes == 3 else ["top", "bottom"]
    dataset = mt.from_arrays(
        *[blobs(count, seed, classes=classes, **options) for seed, count in enumerate((48, 21, 20))], classes=names
    )
    return fitted(model, dataset), dataset


@cache
def of_phantoms(name="pneumoniamnist"):
    dataset = phantoms.draw(mt.data.card(name), {"train": 40, "val": 20, "test": 20})
    return fitted("mlp", dataset, 1), dataset


@pytest.fixture
def pair():
    run, dataset = of_blobs()
    return replace(run, model=deepcopy(run.model)), dataset


def on_test(*given):
    """The explorer of a run and its data set, on the test split."""
    made = explore(*given)
    made.split.value = "test"
    return made


@pytest.fixture
def explorer(pair):
    return on_test(*pair)


@pytest.fixture
def asked(monkeypatch):
    """The methods that were computed since, in order."""
    calls = []

    def counted(run, image, method, **options):
        calls.append(method)
        return explain(run, image, method, **options)

    monkeypatch.setattr(answers, "explain", counted)
    return calls


def alt(explorer):
    return html.unescape(re.search(r'<img alt="([^"]*)"', explorer._picture.value).group(1))


def setting(explorer, name):
    return next(control for control in explorer.settings.children if control.description == name)


def shown(explorer):
    return explorer._picture.value


def png_file(size=(40, 30), mode="RGB"):
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, "PNG")
    return file.getvalue()


# The map and the controls ---------------------------------------------------------------------


def test_the_map_is_that_of_explain(explorer, pair):
    run, dataset = pair
    expected = explain(run, dataset.test.images[0])
    assert torch.equal(explorer.attribution.map, expected.map)
    assert f"Integrated gradients for '{expected.target.name}' (probability {expected.probability:.3f})" in alt(
        explorer
    )
    assert re.search(r"Strongest at the (upper|middle|lower|centre)", alt(explorer))
    assert explorer.message.value == ""


def test_looks_redraw_and_never_recompute(explorer, asked):
    for control, value in [
        (explorer.opacity, 0.2),
        (explorer.sign, "positive"),
        (explorer.sign, "negative"),
        (explorer.sign, "absolute"),
        (explorer.colours, "orange and purple"),
        (explorer.colours, "light, on black"),
        (explorer.size, 4),
        (explorer.row, 3),
    ]:
        before = shown(explorer)
        control.value = value
        assert shown(explorer) != before and explorer.message.value == ""
    assert asked == []


def test_what_changes_the_map_recomputes_it_once(explorer, asked):
    for change, method in [
        (lambda: explorer.pages.next.click(), "integrated_gradients"),
        (lambda: setattr(setting(explorer, "steps"), "value", 8), "integrated_gradients"),
        (lambda: setattr(setting(explorer, "baseline"), "value", "blurred"), "integrated_gradients"),
        (lambda: setattr(explorer.weights, "value", "head at random"), "integrated_gradients"),
        (lambda: setattr(explorer.method, "value", "saliency"), "saliency"),
        (lambda: setattr(explorer.target, "value", 1 - explorer.attribution.target.index), "saliency"),
        (lambda: setattr(explorer.method, "value", "grad_cam"), "grad_cam"),
        (lambda: setattr(explorer.layer, "value", explorer.layer.options[1][1]), "grad_cam"),
    ]:
        before, asked[:] = shown(explorer), []
        change()
        assert asked == [method] and shown(explorer) != before and explorer.message.value == ""


def test_what_was_computed_is_kept(explorer, asked):
    first = shown(explorer)
    explorer.method.value = "saliency"
    explorer.pages.next.click()
    explorer.pages.previous.click()
    explorer.method.value = "integrated_gradients"
    assert asked == ["saliency", "saliency"] and shown(explorer) == first


def test_no_more_is_kept_than_was_promised(explorer, monkeypatch):
    monkeypatch.setattr(answers, "KEPT", 3)
    explorer.method.value = "saliency"
    for _ in range(5):
        explorer.pages.next.click()
    assert len(explorer._answers._maps) == 3


def test_no_more_bytes_are_kept_than_was_promised(explorer, monkeypatch):
    """A map of this explorer, 16 x 16, has twice 1024 bytes."""
    monkeypatch.setattr(recent, "BYTES", 5000)
    explorer.method.value = "saliency"
    for _ in range(5):
        explorer.pages.next.click()
    assert len(explorer._answers._maps) == 2 and explorer.attribution is not None


def test_settings_survive_the_next_image_and_another_method(explorer):
    explorer.method.value = "smoothgrad"
    setting(explorer, "samples").value = 5
    explorer.opacity.value, explorer.sign.value, explorer.target.value, explorer.size.value = 0.3, "absolute", 0, 5
    explorer.pages.next.click()
    explorer.method.value = "saliency"
    explorer.method.value = "smoothgrad"
    assert explorer.attribution.options["samples"] == 5 and explorer.attribution.target.index == 0
    assert (explorer.opacity.value, explorer.sign.value, explorer.size.value) == (0.3, "absolute", 5)
    explorer.split.value = "val"
    assert "val split" in alt(explorer) and explorer.attribution.options["samples"] == 5


@pytest.mark.parametrize("method", METHODS)
def test_every_method_works(method, monkeypatch):
    """On the network that has what the method reads: a transformer where it is attention."""
    monkeypatch.setattr("medtutor.explorers.attribution.PATIENCE", 60)  # also on a busy machine
    explorer = explore(*of_blobs(model="vit" if METHODS[method].needs_attention else "cnn"))
    explorer.method.value = method
    if not METHODS[method].live:
        assert explorer.attribution is None and "No map" in alt(explorer)
        explorer.compute.click()
        explorer.job.wait()
    assert explorer.attribution.method == method and explorer.message.value == ""
    assert [control.description for control in explorer.settings.children] == [
        option.name for option in METHODS[method].options
    ]
    assert (explorer.layer.layout.display == "none") != METHODS[method].needs_layer


def test_the_methods_on_offer_are_those_of_the_network(explorer, pair):
    assert (
        [name for _, name in explorer.method.options]
        == methods_for(pair[0])
        == [name for name in METHODS if name != "attention_rollout"]
    )
    run, dataset = of_blobs(model="vit")
    explorer = on_test(run, dataset)
    assert [name for _, name in explorer.method.options] == list(METHODS)
    explorer.method.value = "attention_rollout"
    before = explorer.attribution
    assert torch.equal(before.map, explain(run, dataset.test.images[0], "attention_rollout").map)
    explorer.target.value = 1 - before.target.index
    assert explorer.attribution.target != before.target and torch.equal(explorer.attribution.map, before.map)
    explorer.method.value = "deep_lift"
    assert "deep_lift has no rule for LayerNorm" in explorer.message.value and "No map" in alt(explorer)
    explorer.method.value = "grad_cam"
    assert explorer.message.value == "" and explorer.attribution.layer == "as_maps"


def test_default_colours_are_those_of_explanation(explorer, pair):
    values = explorer._values(explorer.attribution)
    pixels = np.repeat(pair[1].test.images[0].numpy().transpose(1, 2, 0), 3, -1)
    ours = panels.over(pixels.astype(np.float32), values, panels.COLOURS["vermilion and blue"], 0.7)
    assert np.array_equal(ours, overlay(pair[1].test.images[0], explorer.attribution.map, opacity=0.7))


def test_a_stride_never_exceeds_its_window(explorer):
    explorer.method.value = "occlusion"
    setting(explorer, "window").value, setting(explorer, "stride").value = 4, 4
    setting(explorer, "window").value = 2
    assert setting(explorer, "stride").value == 2 and explorer.message.value == ""


def test_signs_of_the_map(explorer):
    explorer.sign.value = "negative"
    values = explorer._values(explorer.attribution)
    assert values.max() <= 0 and f"against the class at the {place(-values)}" in alt(explorer)
    explorer.method.value = "saliency"
    assert "Nothing to show of that sign" in alt(explorer)


def test_places_in_words():
    values = np.zeros((9, 9))
    for spot, words in {
        (0, 8): "upper right (row 1, column 9)",
        (4, 4): "centre (row 5, column 5)",
        (8, 4): "lower middle (row 9, column 5)",
    }.items():
        values[:] = 0
        values[spot] = 1
        assert place(values) == words
    volume = np.zeros((5, 9, 9))
    volume[2, 4, 0] = 1
    assert place(volume) == "middle left (row 5, column 1, slice 3)"


# Which image ----------------------------------------------------------------------------------


def test_cases_by_label_and_outcome(explorer, pair):
    run, dataset = pair
    labels, called = dataset.test.labels, run.predictions["test"].argmax(1)
    explorer.of.value = 1
    assert len(explorer._listed) == (labels == 1).sum() and "label bottom" in alt(explorer)
    explorer.of.value = -1
    for outcome, expected in {
        "right": called == labels,
        "wrong": called != labels,
        "true positive": (called == 1) & (labels == 1),
        "false positive": (called == 1) & (labels == 0),
        "false negative": (called == 0) & (labels == 1),
    }.items():
        explorer.outcome.value = outcome
        assert explorer._listed.tolist() == torch.nonzero(expected).flatten().tolist()


def test_an_empty_choice_gives_a_sentence_and_lives_on(pair):
    run, dataset = pair
    run.predictions = {**run.predictions, "test": torch.nn.functional.one_hot(dataset.test.labels, 2).float()}
    explorer = on_test(run, dataset)
    explorer.outcome.value = "wrong"
    assert "no image fits" in explorer.message.value and "outcome wrong" in alt(explorer) and explorer.case is None
    explorer.opacity.value, explorer.size.value = 0.4, 3
    explorer.score.click()
    explorer.method.value = "saliency"
    assert explorer.still().alt
    explorer.outcome.value = "right"
    assert explorer.message.value == "" and "Saliency" in alt(explorer)


def test_a_split_without_answers_shows_all_and_says_so(explorer):
    explorer.split.value, explorer.outcome.value = "train", "wrong"
    assert "kept no answers for the train split" in explorer._note.value and len(explorer._listed) == 48


def test_probabilities_prediction_label_and_warning(explorer, pair):
    run, dataset = pair
    said = []
    for number in range(6):
        label, called = int(dataset.test.labels[number]), explorer.attribution.predicted
        assert f"{explorer.attribution.probability:.3f}" in explorer._answer.value
        assert ("The model is wrong" in explorer._answer.value) == (called.index != label)
        said.append("predicted, label" in explorer._answer.value)
        explorer.pages.next.click()
    labels = dataset.test.labels.clone()
    labels[0] = 1 - int(explain(run, dataset.test.images[0], "saliency").predicted.index)
    turned = replace(dataset, test=replace(dataset.test, labels=labels))
    run.labels, run.predictions = {}, {}
    explorer = on_test(run, turned)
    assert "&#9888;" in explorer._answer.value and "The model is wrong" in explorer.still().alt


def test_an_answer_of_the_test_that_differs_is_said(pair):
    run, dataset = pair
    called = int(explain(run, dataset.test.images[0], "saliency").predicted.index)
    run.predictions = {"test": run.predictions["test"].clone()}
    run.predictions["test"][0] = torch.eye(2)[1 - called]
    assert f"it said {dataset.card.classes[1 - called]}" in on_test(run, dataset)._answer.value


def given(name, content):
    """What ipywidgets 8 makes of a file that the user has chosen."""
    return (
        {
            "name": name,
            "type": "",
            "size": len(content),
            "content": memoryview(content),
            "last_modified": datetime.now(),
        },
    )


def upload(explorer, name, content):
    """Choose a file, as the page of ipywidgets 8 or 7 does it."""
    control = explorer.upload
    if isinstance(control.value, dict):
        control.metadata, control.data = [{"name": name}], [content]
        control._counter += 1
    else:
        control.value = given(name, content)


def test_a_picture_of_the_users_own(explorer):
    for _ in range(2):  # the same file again
        upload(explorer, "dog.png", png_file())
        assert not explorer.upload.value and "your own picture dog.png" in alt(explorer)
        assert "converted to grey, cut to its middle, resized to 16 x 16" in explorer._note.value
        assert "predicted" in explorer._answer.value and "label" not in explorer._answer.value
        explorer.pages.next.click()
        assert "of the test split" in alt(explorer) and explorer._note.value == ""


def test_files_of_ipywidgets_7_and_8():
    assert (
        uploaded({"dog.png": {"metadata": {}, "content": b"x"}})
        == uploaded(given("dog.png", b"x"))
        == ("dog.png", b"x")
    )
    assert uploaded({}) is None and uploaded(()) is None


def test_reading_picture_files(tmp_path):
    card = of_blobs()[1].card
    deep = np.linspace(0, 60000, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    image, sentence = read_image(tmp_path / "deep.png", card)
    assert image.shape == (1, 16, 16) and image.min() == 0 and image.max() == 255 and "taken as it is" in sentence
    colour = replace(card, channels=3)
    assert read_image(png_file(mode="L"), colour)[0].shape == (3, 16, 16)
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_image(b"no picture", card)


def test_an_array_that_is_shown_is_not_kept(pair):
    run, dataset = pair
    for given in (dataset.test.images[0].clone(), dataset.test.images[0].numpy().copy()):
        kept = as_image(given, run)
        given[:] = 0
        assert torch.equal(kept, dataset.test.images[0])


def picture_bytes(picture, form="PNG", **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def test_what_is_transparent_is_put_on_white():
    card = of_blobs()[1].card
    for mode, ink in (("RGBA", (0, 0, 0, 255)), ("LA", (0, 255))):
        drawing = Image.new(mode, (16, 16), (0,) * len(ink))  # transparent black, as drawing programs write it
        drawing.paste(ink, (4, 4, 8, 8))
        palette = drawing.convert("RGBA").quantize(8)
        for content in (picture_bytes(drawing), picture_bytes(palette)):
            image, sentence = read_image(content, card)
            assert image[0, 0, 0] == 255 and image[0, 5, 5] == 0, mode
            assert "put on white where it is transparent" in sentence
    assert "white" not in read_image(picture_bytes(Image.new("RGBA", (16, 16), (9, 9, 9, 255))), card)[1]


def test_pictures_of_every_kind_are_read_as_they_look():
    card = replace(of_blobs()[1].card, channels=3)
    red = Image.new("RGB", (16, 16), (200, 30, 40))
    for content in (
        picture_bytes(red.quantize(4)),
        picture_bytes(red.convert("CMYK"), "TIFF"),
        picture_bytes(red, "GIF"),
    ):
        image, sentence = read_image(content, card)
        assert (image[:, 3, 3].int() - torch.tensor([200, 30, 40])).abs().max() <= 3 and "colour" in sentence
    grey = Image.new("L", (16, 16), 90)
    assert "grey" in read_image(picture_bytes(grey.convert("P")), card)[1]
    film = picture_bytes(red, "GIF", save_all=True, append_images=[Image.new("RGB", (16, 16), (1, 2, 3))])
    image, sentence = read_image(film, card)
    assert "taken as the first of 2 pictures" in sentence and image[0].float().mean() > 150
    assert (
        "spread over 0…255"
        in read_image(picture_bytes(Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16))), card)[1]
    )
    for wrong in (picture_bytes(Image.fromarray(np.full((16, 16), np.nan, np.float32)), "TIFF"), 5, None):
        with pytest.raises(InputError):
            read_image(wrong, card)


def test_a_file_that_is_no_picture_gives_a_sentence(explorer):
    before = shown(explorer)
    upload(explorer, "a.png", b"no picture")
    assert "a.png cannot be read" in explorer.message.value and shown(explorer) == before
    explorer.pages.next.click()
    assert explorer.message.value == ""


def test_show_an_array(explorer, pair):
    image = pair[1].val.images[3]
    for same in (image, image[0], image.numpy(), image[0].numpy()[..., None]):
        explorer.show(same)
        assert "your own image" in alt(explorer) and torch.equal(explorer.case.image, image)
    for bad, words in ((image[:, :9], "takes (1, 16, 16)"), (image.float(), "uint8"), ("x", "uint8")):
        explorer.show(bad)
        assert words in explorer.message.value and torch.equal(explorer.case.image, image)


# A region covered -----------------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["mean", "blurred", "black"])
def test_a_square_changes_what_the_model_says(explorer, pair, fill):
    run, dataset = pair
    explorer.fill.value, explorer.size.value, explorer.row.value, explorer.column.value = fill, 6, 4, 16
    assert explorer.square == (0, 10, 6, 16)
    covered = explorer._state.covered
    changed = (covered != dataset.test.images[0])[0]
    assert changed.any() and not changed[6:].any() and not changed[:, :10].any()
    with torch.no_grad():
        expected = run.model(covered[None].float() / 127.5 - 1).softmax(1)[0]
    assert explorer._state.after == pytest.approx(expected.tolist(), abs=1e-5)
    assert explorer._state.probabilities != explorer._state.after
    assert f"&#8594; {expected[0]:.3f}" in explorer._answer.value and "covered" in alt(explorer)
    explorer.size.value = 0
    assert explorer._state.after is None and "&#8594;" not in explorer._answer.value


# Beside what ----------------------------------------------------------------------------------


def test_random_weights(explorer, pair):
    run, dataset = pair
    for choice, upto in (("all at random", "all"), ("head at random", "head")):
        explorer.weights.value = choice
        target = int(explorer._state.logits.argmax())
        expected = explain(randomised(run, upto), dataset.test.images[0], target=target)
        assert torch.equal(explorer.attribution.map, expected.map) and choice in alt(explorer)


def test_a_second_method_beside_it(explorer, asked):
    explorer.second.value = "saliency"
    assert (
        asked == ["saliency"] and explorer.compared.method == "saliency" and "Compared with: Saliency" in alt(explorer)
    )
    assert f"{similarity(explorer.attribution, explorer.compared):.2f}" in alt(explorer)
    explorer.weights.value, explorer.second.value = "all at random", "the same, trained"
    assert explorer.compared.method == "integrated_gradients" and not torch.equal(
        explorer.compared.map, explorer.attribution.map
    )
    explorer.second.value = "nothing"
    assert explorer.compared is None and "Compared" not in alt(explorer)


# Scores ---------------------------------------------------------------------------------------


def test_scores_are_those_of_explanation(explorer, pair):
    run, dataset = pair
    explorer.second.value = "saliency"
    assert explorer.scores == [None, None] and "Not computed" in explorer._table.value
    explorer.score.click()
    explorer.job.wait()
    for scores, answer in zip(explorer.scores, (explorer.attribution, explorer.compared)):
        assert scores == score(run, dataset.test.images[0], answer)
        assert f"{scores.deletion:.3f}" in explorer._table.value and f"deletion {scores.deletion:.3f}" in alt(explorer)
    assert explorer.message.value == "" and "done" in explorer.job._words.value
    explorer.pages.next.click()
    assert explorer.scores == [None, None] and "deletion" not in alt(explorer)
    explorer.pages.previous.click()
    assert explorer.scores[0] is not None


def test_scores_on_known_evidence():
    spots = plant_spots(of_blobs()[1], seed=0)
    run = fitted("cnn", spots, 1)
    explorer = explore(run, spots)
    explorer.of.value = 1
    with_outline = shown(explorer)
    explorer.score.click()
    explorer.job.wait()
    expected = score(run, explorer.case.image, explorer.attribution, evidence=explorer.case.evidence)
    assert (
        explorer.scores == [expected]
        and expected.relevance_mass is not None
        and "mass on the evidence" in explorer._table.value
    )
    explorer.outlined.value = False
    assert shown(explorer) != with_outline
    explorer.of.value = 0
    explorer.score.click()
    explorer.job.wait()
    assert explorer.scores[0].pointing_game is None


def test_stop_and_change_end_a_slow_computation(explorer, monkeypatch):
    explorer.method.value = "kernel_shap"

    def endless(subject, image, method, **options):
        while True:
            subject.net(torch.zeros(1, 1, 16, 16))

    monkeypatch.setattr(answers, "explain", endless)
    for end in (explorer.job.stop.click, explorer.pages.next.click):
        explorer.compute.click()
        time.sleep(0.05)
        assert explorer.job.running
        end()
        assert not explorer.job.running and "stopped" in explorer.job._words.value
    monkeypatch.undo()
    explorer.compute.click()
    explorer.job.wait()
    assert explorer.attribution.method == "kernel_shap" and explorer.message.value == ""


def test_what_takes_long_waits_for_the_button(explorer, asked, monkeypatch):
    monkeypatch.setattr(answers.Answers, "seconds", lambda self, question: 1.5)
    explorer.method.value = "smoothgrad"
    assert asked == [] and explorer.compute.layout.display is None
    assert "About 1.5 s" in explorer._why_no_map(explorer._state.question)
    explorer.compute.click()
    explorer.job.wait()
    assert (
        asked == ["smoothgrad"]
        and explorer.attribution.method == "smoothgrad"
        and explorer.compute.layout.display == "none"
    )


# To take along --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"method": "saliency", "sign": "positive", "opacity": 0.4},
        {"method": "grad_cam", "layer": "stem", "target": 0},
        {"method": "gradient_shap", "weights": "all at random", "sign": "absolute"},
    ],
)
def test_the_code_makes_the_same_map(explorer, pair, state, monkeypatch):
    monkeypatch.setattr("medtutor.explorers.attribution.PATIENCE", 60)  # also on a busy machine
    for name, value in state.items():
        if name == "layer":
            value = explorer.layer.options[1][1]
        getattr(explorer, name).value = value
    space = {"run": pair[0], "dataset": pair[1]}
    exec(explorer.code.value, space)
    assert torch.equal(space["attribution"].map, explorer.attribution.map)
    pixels = np.repeat(explorer.case.image.numpy().transpose(1, 2, 0), 3, -1).astype(np.float32)
    ours = panels.over(
        pixels, explorer._values(explorer.attribution), panels.COLOURS["vermilion and blue"], explorer.opacity.value
    )
    assert np.array_equal(space["pixels"], ours)


def test_the_code_of_own_images_and_loaded_sets(tmp_path, monkeypatch, explorer, pair):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dog.png").write_bytes(png_file())
    image, sentence = read_image("dog.png", pair[0].card)
    explorer._look_at_own(image, "your own picture dog.png", "read_image('dog.png', run.card)[0]", sentence)
    space = {"run": pair[0]}
    exec(explorer.code.value, space)
    assert torch.equal(space["attribution"].map, explorer.attribution.map)
    dataset = mt.load("breastmnist", source="phantom")
    run = Run(mt.build("mlp", dataset), dataset.card, mt.Recipe(), "phantom")
    loaded = explore(run)
    space = {"run": run}
    exec(loaded.code.value, space)
    assert "mt.load('breastmnist', 28, source='phantom')" in loaded.code.value
    assert torch.equal(space["attribution"].map, loaded.attribution.map)


def test_saving_the_picture(explorer, tmp_path):
    explorer.file.value = str(tmp_path / "map")
    explorer.save.click()
    assert (
        tmp_path / "map.png"
    ).read_bytes() == explorer.still().png and f"saved {tmp_path / 'map.png'}" in explorer._saved.value
    explorer.opacity.value = 0.1
    before = (tmp_path / "map.png").read_bytes()
    explorer.save.click()
    assert (tmp_path / "map.png").read_bytes() == before and "exists already" in explorer._saved.value
    explorer.save.click()
    assert (tmp_path / "map.png").read_bytes() == explorer.still().png != before and "replaced" in explorer._saved.value
    explorer.file.value = str(tmp_path / "none" / "map.png")
    explorer.save.click()
    assert "could not be written" in explorer.message.value


# Other data -----------------------------------------------------------------------------------


def test_three_classes_and_colour():
    explorer = explore(*of_blobs(classes=3, size=18, channels=3))
    assert explorer.outcome.options == ("all", "right", "wrong") and explorer._answer.value.count("<tr>") == 3
    explorer.target.value = 2
    assert "for 'bottom'" in alt(explorer)
    explorer.show(np.zeros((18, 18, 3), np.uint8))
    assert explorer.message.value == "" and "your own image" in alt(explorer)


def test_several_labels():
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]] * 8)
    dataset = mt.from_arrays(*[(blobs(40, seed)[0], labels) for seed in range(3)], classes=["nodule", "effusion"])
    explorer = explore(fitted("mlp", dataset, 1), dataset)
    explorer.of.value, explorer.outcome.value = 0, "wrong"
    assert explorer.message.value == "" or "no image fits" in explorer.message.value
    explorer.outcome.value = "all"
    assert "label nodule" in alt(explorer)


def test_volumes():
    run, dataset = of_blobs(model="mlp", depth=9)
    explorer = explore(run, dataset)
    before = shown(explorer)
    assert f"slice {explorer.depth.value} of 9" in alt(explorer) and explorer.upload.layout.display == "none"
    explorer.depth.value = 8
    assert shown(explorer) != before and "slice 8 of 9" in alt(explorer)
    explorer.depth.value = 2
    explorer.size.value = 4
    changed = explorer._state.covered != explorer.case.image
    assert changed[0].flatten(1).any(1).tolist() == [True] * 4 + [False] * 5
    explorer.show(dataset.val.images[1])
    assert "slice 2 of 9" in alt(explorer) and explorer.message.value == ""
    space = {"run": run, "image": dataset.val.images[1]}
    exec(explorer.code.value, space)
    assert torch.equal(space["attribution"].map, explorer.attribution.map) and space["pixels"].shape == (16, 16, 3)


def test_phantoms_are_marked_and_loaded_by_name():
    run, dataset = of_phantoms()
    explorer = explore(run, dataset)
    assert alt(explorer).startswith("Phantom images, drawn by medtutor.") and "PHANTOM" in explorer.still().alt
    with pytest.raises(InputError, match="labels of the run .* differ"):
        explore(run)  # the phantoms of that name are others
    run, dataset = of_phantoms("adrenalmnist3d")
    explorer = explore(run, dataset)
    assert "PHANTOM" in explorer._title and explorer.outlined.layout.display is None


# What can go wrong ----------------------------------------------------------------------------


def test_a_guard_says_why_and_all_goes_on():
    run, dataset = of_blobs(model="swish_cnn")
    explorer = explore(run, dataset)
    explorer.method.value = "lrp"
    assert "lrp has no rule for SiLU" in explorer.message.value and "No map" in alt(explorer)
    assert explorer._answer.value and "predicted" in explorer._answer.value
    explorer.opacity.value = 0.5
    explorer.method.value = "saliency"
    assert explorer.message.value == "" and "Saliency for" in alt(explorer)
    explorer.second.value = "lrp"
    assert "lrp has no rule" in explorer.message.value and explorer.attribution is not None
    explorer.score.click()
    explorer.job.wait()
    assert explorer.scores[0] is not None and "lrp has no rule" in explorer.message.value


def test_a_broken_model_gives_a_sentence_and_a_mended_one_answers(explorer, pair):
    weight = next(pair[0].model.parameters())
    good = weight.detach().clone()
    weight.data.fill_(float("nan"))
    explorer.pages.next.click()
    assert "weights are broken" in explorer.message.value and explorer.still().png
    explorer.size.value, explorer.method.value = 3, "grad_cam"
    explorer.score.click()
    weight.data.copy_(good)
    explorer.pages.next.click()
    assert explorer.message.value == "" and explorer.attribution.method == "grad_cam"


def test_a_model_trained_on_is_asked_anew(explorer, pair, asked):
    explorer.pages.next.click()
    next(pair[0].model.parameters()).data.mul_(0.5)
    explorer.pages.previous.click()
    assert len(asked) == 2
    assert torch.equal(explorer.attribution.map, explain(pair[0], pair[1].test.images[0]).map)


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(AttributionExplorer, "_map_panels", lambda *_: 1 / 0)
    explorer.opacity.value = 0.1
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.opacity.value = 0.2
    assert explorer.message.value == ""


def test_what_it_cannot_do_is_said(pair, empty_home):
    run, dataset = pair
    with pytest.raises(InputError, match="made on your own arrays; give its data set"):
        explore(run)
    spots = plant_spots(dataset)
    planted = Run(run.model, spots.card, run.recipe, "phantom")
    with pytest.raises(InputError, match="which no name alone brings back; give its data set"):
        explore(planted)
    with pytest.raises(InputError, match="not on this data set, arrays-bright-spots"):
        explore(run, spots)
    with pytest.raises(InputError, match="explore takes a Run, not Linear"):
        explore(torch.nn.Linear(1, 2), dataset)
    frames = mt.from_arrays(*[blobs(20, seed, depth=6) for seed in range(3)]).as_sequence()
    with pytest.raises(InputError, match="sequence models, such as lstm"):
        explore(Run(run.model, frames.card, run.recipe, "arrays"), frames)


def test_bundle_has_the_widget_and_the_picture(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id and bundle["text/html"].startswith("<img alt=")
    assert "Probabilities: top" in bundle["text/plain"] and explorer.still().png == explorer.still().png


def test_every_control_has_a_label(explorer):
    for name in (
        "split of outcome upload method target layer weights second sign colours opacity depth outlined size row column"
        " fill compute score code file save"
    ).split():
        assert getattr(explorer, name).description


def test_a_live_control_is_answered_in_time():
    """Ten times what it takes on an idle machine."""
    explorer = explore(*of_blobs())
    seconds = []
    for step in range(10):
        start = time.perf_counter()
        explorer.opacity.value = 0.05 * step
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.1


def test_times_are_foreseen_from_what_was_measured(explorer):
    known, question = explorer._answers, explorer._state.question
    known.forward_seconds = 0.01
    known._pace.clear()
    assert known.seconds(question) == pytest.approx(32 * 0.01 / 4)
    known._pace["integrated_gradients"] = 0.02
    assert known.seconds(question) == pytest.approx(32 * 0.02)
    known._pace["integrated_gradients"] = 5.0  # the first time, libraries are loaded
    assert known.seconds(question) == pytest.approx(32 * 0.03)
    assert known.seconds(replace(question, method="kernel_shap")) == float("inf")
    places = replace(question, method="occlusion", options=(("baseline", "mean"), ("stride", 2), ("window", 4)))
    assert places.effort((28, 28)) == 13 * 13


def test_small_images_are_computed_by_one_thread_and_the_number_comes_back(monkeypatch, explorer):
    seen = []
    monkeypatch.setattr(
        answers.Answers,
        "probabilities",
        lambda *_: seen.append(torch.get_num_threads()) or (torch.zeros(2), [0.5, 0.5]),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        explorer.pages.next.click()
        assert seen == [1] and torch.get_num_threads() == 2
        with answers.few_threads((224, 224)):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_page_without_a_kernel_has_its_map_however_slow_the_machine(monkeypatch, pair):
    monkeypatch.setattr("medtutor.explorers.attribution.PATIENCE", 0.0)
    explorer = explore(*pair)
    assert explorer.attribution is None
    assert "No map" not in explorer.still().alt and explorer.attribution is not None
    explorer.method.value = "kernel_shap"
    assert "No map" in explorer.still().alt


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leads_to_its_paragraph_in_the_lesson(method):
    target = re.search(r'<a href="([^"]+)" target="_blank"', about(method))[1]
    file, _, anchor = target.partition("#")
    source = Path(mt.__file__).parents[1] / "notebooks" / "source" / file
    headings = re.findall(r"^# #+ (.*)", source.with_suffix(".py").read_text(encoding="utf-8"), re.M)
    assert [heading.replace(" ", "-") for heading in headings].count(unquote(anchor)) == 1


def test_the_link_follows_the_method(explorer):
    for method in ("grad_cam", "saliency"):
        explorer.method.value = method
        assert METHODS[method].computes in html.unescape(explorer._about.value)
        assert lesson_of(method) in explorer._about.value
