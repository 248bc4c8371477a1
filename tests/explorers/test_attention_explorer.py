"""The attention explorer: what it shows is what the network's attention says."""

import dataclasses
import html
import re
from functools import cache
from importlib import import_module

import ipywidgets
import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import phantoms
from medtutor.errors import InputError
from medtutor.explanation import attention_of, explain, layers, receptive_field
from medtutor.explorers import AttentionExplorer, attention
from medtutor.explorers import attention_panels as panels
from medtutor.explorers.attention import ALONE, EACH, THE_ANSWER
from medtutor.explorers.attention_look import MEAN, ROLLOUT, TO_ANSWER, on_evidence
from medtutor.widgets.explorer import VIEW

CLICKS = "tabbable" in ipywidgets.Button.class_traits()  # ipywidgets 8


@cache
def chests():
    return phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 20, "test": 30})


@cache
def squares():
    return mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=["top", "bottom"], name="tiny")


def fitted(name, dataset, **options):
    return mt.fit(mt.build(name, dataset, **options), dataset, mt.Recipe(epochs=1, shift_at_test=0), progress=False)


@cache
def run_of(name, **options):
    """A run of a small model on phantoms."""
    small = {"width": 16, "depth": 2, "heads": 2} if name in ("vit", "windowed_vit", "hybrid") else {}
    return fitted(name, chests(), **small | options)


@pytest.fixture
def explorer():
    return attention(run_of("vit"), chests(), cnn=run_of("cnn"), split="test")


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def pictures(explorer):
    return [widget.value for widget in (explorer._image_shown, explorer._map_shown, explorer._chart_shown)]


def with_finding():
    """The number of a test image that holds evidence."""
    return int(chests().test.evidence.flatten(1).any(1).nonzero()[0])


def without_finding():
    return int((~chests().test.evidence.flatten(1).any(1)).nonzero()[0])


# What is shown ------------------------------------------------------------------------------


def test_maps_are_the_attention_of_the_image(explorer):
    explorer.image.value, explorer.row.value, explorer.column.value, explorer.block.value = 3, 2, 6, 1
    weights = attention_of(run_of("vit"), chests().test.images[3])
    assert explorer.query == (1, 5)
    for head in range(2):
        assert explorer.maps[f"head {head + 1}"].equal(weights.seen_from((1, 5), 0, head))
    assert explorer.maps[MEAN].equal(weights.seen_from((1, 5), 0))
    assert explorer.maps[ROLLOUT].equal(weights.rollout((1, 5), 1))
    assert explorer.maps[TO_ANSWER].equal(weights.rollout())
    place = divmod(int(explorer.maps[MEAN].argmax()), 7)
    said = f"row {place[0] + 1}, column {place[1] + 1}: {float(explorer.maps[MEAN].max()):.1%}"
    assert said in alt(explorer._map_shown) and said in explorer._words.value
    assert "Block 1 of 2: where the patch in row 2, column 6 looks" in alt(explorer._map_shown)
    assert explorer.message.value == ""


def test_the_answer_looks_as_the_mean_of_all_tokens(explorer):
    explorer.asked.value = THE_ANSWER
    assert explorer.query == "answer" and explorer.field is None
    mean = torch.stack([explorer.weights.seen_from((row, column), 1) for row in range(7) for column in range(7)]).mean(
        0
    )
    assert torch.allclose(explorer.maps[MEAN], mean, atol=1e-6)
    assert torch.equal(explorer.maps[ROLLOUT], explorer.maps[TO_ANSWER])
    assert "the answer looks, no patch is framed" in alt(explorer._image_shown)
    assert "Choose a patch to see what one place can feel" in alt(explorer._map_shown)
    explorer.column.value = 2  # a patch is chosen: it looks
    assert explorer.asked.value == "a patch" and "row 4, column 2 is framed" in alt(explorer._image_shown)


def test_the_rollout_to_the_answer_is_that_of_explain(explorer):
    whole = explain(run_of("vit"), chests().test.images[0], "attention_rollout").map
    middles = torch.nn.functional.interpolate(explorer.maps[TO_ANSWER][None, None], size=(28, 28), mode="bilinear")[
        0, 0
    ]
    assert torch.allclose(whole, middles, atol=1e-5)


def test_a_class_token_is_the_answer_and_no_place():
    explorer = attention(run_of("vit", readout="class"), chests(), split="test")
    explorer.asked.value = THE_ANSWER
    token = explorer.weights.weights[1].mean(0)[0]
    assert explorer.maps[MEAN].flatten().equal(token[1:])
    assert "the answer (the class token) looks" in alt(explorer._map_shown)
    assert f"{float(token[0]):.1%} goes to the class token" in explorer._words.value
    assert f"an even look would give {1 / 50:.1%}" in explorer._words.value


def test_a_window_is_said_and_all_else_is_zero():
    explorer = attention(run_of("windowed_vit"), chests(), split="test")
    explorer.row.value, explorer.column.value, explorer.block.value = 1, 1, 1
    assert explorer.maps[MEAN][:7, :7].sum() == pytest.approx(1, abs=1e-5) and not explorer.maps[MEAN][7:].any()
    assert "147 of 196 places, every weight is exactly 0" in explorer._words.value
    assert "an even look would give 2.0% to each" in explorer._words.value  # of 49, not of 196
    explorer.block.value = 2  # moved by three: the corner has a window of 4 x 4 or so
    assert int((explorer.maps[MEAN] > 0).sum()) < 49
    explorer.asked.value = THE_ANSWER
    assert "No token looks beyond its window of 7 x 7 tokens" in explorer._words.value


@pytest.mark.parametrize("readout", ["mean", "class"])
def test_a_hybrid_is_a_transformer_too(readout):
    explorer = attention(run_of("hybrid", readout=readout), chests(), split="test")
    explorer.column.value = 7
    assert explorer.message.value == "" and explorer.weights.grid == (7, 7)


def test_the_answer_is_that_of_the_network(explorer):
    explorer.image.value = 5
    with torch.no_grad():
        said = run_of("vit").model(mt.data.normalise(chests().test.images[5:6])).softmax(1)[0]
    name, label = chests().card.classes[int(said.argmax())], chests().card.classes[int(chests().test.labels[5])]
    assert (
        f"Image 6: predicted {name} with probability {float(said.max()):.3f}; the label is {label}"
        in explorer._words.value
    )
    assert ("the model is wrong" in explorer._words.value) == (name != label)


def test_distances_are_those_of_the_weights(explorer):
    found = explorer.weights.distances()
    words = "; ".join(
        f"block {number + 1}: {', '.join(f'{value:.1f}' for value in sorted(heads.tolist()))}"
        for number, heads in enumerate(found)
    )
    assert words in alt(explorer._chart_shown)
    assert f"An even look: {explorer.weights.even_distance():.1f}" in alt(explorer._chart_shown)
    assert "Block 2 is marked" in alt(explorer._chart_shown)


# The evidence -------------------------------------------------------------------------------


def test_share_on_the_evidence_by_hand():
    seen = torch.tensor([[0.4, 0.3], [0.2, 0.1]])
    evidence = torch.zeros(4, 4, dtype=torch.bool)
    evidence[0, 0] = evidence[2:, 2:] = True  # a quarter of the first patch, all of the last
    assert on_evidence(seen, evidence) == pytest.approx(0.4 / 4 + 0.1)
    assert on_evidence(seen / 2, evidence) == pytest.approx(0.2)  # half of it went to a class token
    # Patches of 3 pixels reach beyond an image of 4: of the last one, 1 pixel of 9 is in the image.
    assert on_evidence(seen, evidence, (6, 6)) == pytest.approx(0.4 * 2 / 9 + 0.3 * 1 / 9 + 0.2 * 1 / 9 + 0.1 * 1 / 9)


def test_share_on_the_evidence_stands_beside_its_share_of_the_image(explorer):
    explorer.image.value = with_finding()
    evidence = chests().test.evidence[with_finding()]
    cover, here = float(evidence.float().mean()), on_evidence(explorer.maps[MEAN], evidence)
    assert (
        f"covers {cover:.1%} of the image, falls {here:.1%} of this look, {here / cover:.1f} times"
        in explorer._words.value
    )
    assert "dashed outline" in alt(explorer._image_shown) and "on the evidence" in alt(explorer._map_shown)
    explorer.image.value = without_finding()
    assert "This image holds no known evidence." in explorer._words.value and "dashed" not in alt(explorer._image_shown)


def test_without_known_evidence_nothing_is_said_of_it():
    explorer = attention(fitted("vit", squares(), patch=4, width=16, depth=1, heads=2), squares(), split="test")
    assert "evidence" not in explorer.still().alt and explorer.weights.grid == (4, 4)


# The CNN ------------------------------------------------------------------------------------


def test_the_receptive_field_lies_at_the_same_place(explorer):
    explorer.row.value, explorer.column.value = 2, 7
    last = explorer.layer.options[-1][1]
    assert explorer.layer.value == last and layers(run_of("cnn"))[last][1:] == (7, 7)
    assert explorer.field.equal(receptive_field(run_of("cnn"), (1, 6), last))
    explorer.layer.value = "blocks.1"  # a map of 14 x 14
    assert explorer.field.equal(receptive_field(run_of("cnn"), (3, 13), "blocks.1"))
    assert f"{float((explorer.field > 0).float().mean()):.0%} of the pixels reach it" in alt(explorer._map_shown)
    assert "Receptive field of cnn, blocks.1" in alt(explorer._map_shown)


def test_without_a_cnn_there_is_no_field():
    explorer = attention(run_of("vit"), chests(), split="test")
    assert explorer.field is None and explorer.layer.layout.display == "none"
    assert "Receptive field" not in explorer.still().alt


# Controls -----------------------------------------------------------------------------------


def test_each_control_changes_the_pictures_that_depend_on_it(explorer):
    def changed(control, value):
        before = pictures(explorer)
        control.value = value
        return tuple(old != new for old, new in zip(before, pictures(explorer)))

    assert changed(explorer.row, 1) == (True, True, False)
    assert changed(explorer.block, 1) == (False, True, True)
    assert changed(explorer.shown, ALONE) == (False, True, False)
    assert changed(explorer.scale, EACH) == (False, True, False)
    assert changed(explorer.layer, "stem") == (False, True, False)
    assert changed(explorer.asked, THE_ANSWER) == (True, True, False)
    assert changed(explorer.image, 4) == (True, True, True)


def test_one_colour_scale_is_printed_or_each_map_has_its_own(explorer):
    heads = [seen for title, seen in explorer.maps.items() if title.startswith("head")]
    highest = max(float(seen.max()) for seen in heads)
    assert f"Full colour of heads and mean: {highest:.1%}." in alt(explorer._map_shown)
    explorer.scale.value = EACH
    assert "Full colour of heads and mean: the highest of each." in alt(explorer._map_shown)


@pytest.mark.skipif(not CLICKS, reason="ipywidgets 7 cannot keep the buttons of the patches out of the way of Tab")
def test_a_click_on_a_patch_is_a_query(explorer):
    before = explorer.maps[MEAN]
    explorer.asked.value = THE_ANSWER
    assert len(explorer.patches) == 49
    explorer.patches[7 * 4 + 2].click()
    assert explorer.query == (4, 2) and (explorer.row.value, explorer.column.value) == (5, 3)
    assert explorer.maps[MEAN].equal(explorer.weights.seen_from((4, 2), 1)) and not explorer.maps[MEAN].equal(before)
    assert explorer.patches[30].description == "row 5, column 3" and not explorer.patches[30].tabbable


def test_too_many_patches_have_sliders_only(monkeypatch):
    monkeypatch.setattr(import_module("medtutor.explorers.attention"), "CLICKABLE", 48)
    explorer = attention(run_of("vit"), chests(), split="test")
    assert explorer.patches == [] and explorer.column.max == 7


def test_an_older_ipywidgets_has_sliders_only(monkeypatch):
    traits = ipywidgets.Button.class_traits()
    traits.pop("tabbable", None)
    monkeypatch.setattr(ipywidgets.Button, "class_traits", lambda: traits)
    assert attention(run_of("vit"), chests(), split="test").patches == []


def test_previous_and_next_go_round(explorer):
    explorer.previous.click()
    assert explorer.image.value == 29 and "Image 30 of the test split" in alt(explorer._image_shown)
    explorer.next.click()
    assert explorer.image.value == 0


def test_patches_beyond_the_image_cannot_be_asked_and_are_counted():
    run = fitted(
        "windowed_vit", squares(), width=16, depth=2, heads=2
    )  # 8 x 8 patches of 2 pixels, filled up to 14 x 14
    explorer = attention(run, squares(), split="test")
    assert (
        explorer.weights.grid == (14, 14)
        and (explorer.row.max, explorer.column.max) == (8, 8)
        and len(explorer.patches) == 64 * CLICKS
    )
    explorer.asked.value = THE_ANSWER
    beyond = 1 - float(explorer.maps[MEAN][:8, :8].sum() / explorer.maps[MEAN].sum())
    assert f"14 x 14 patches; {beyond:.1%} of this look goes to those beyond the image" in explorer._words.value
    assert panels.square((7, 7), (14, 14), (28, 28), (16, 16)) == (14, 14, 16, 16)
    one = attention(
        fitted("windowed_vit", squares(), patch=4, width=16, depth=1, heads=2, window=4), squares(), split="test"
    )
    assert "A window of 4 x 4 tokens holds every place" in one._words.value
    odd = attention(fitted("vit", squares(), patch=3, width=16, depth=1, heads=2), squares(), split="test")
    odd.row.value = 6
    assert panels.square((5, 0), (6, 6), (18, 18), (16, 16)) == (15, 0, 16, 3) and odd.message.value == ""


def test_many_heads_stand_in_rows():
    explorer = attention(run_of("vit", heads=8), chests(), split="test")
    assert len(explorer.maps) == 11 and explorer.message.value == "" and "head 8" in explorer.still().alt


def test_every_control_has_a_label(explorer):
    for control in (
        explorer.image,
        explorer.previous,
        explorer.next,
        explorer.asked,
        explorer.row,
        explorer.column,
        explorer.block,
        explorer.shown,
        explorer.scale,
        explorer.layer,
        *explorer.patches,
    ):
        assert control.description


# Other tasks --------------------------------------------------------------------------------


def test_numbers_and_several_labels():
    parts = [blobs(20, seed) for seed in range(3)]
    ages = mt.from_arrays(
        *[(images, 20 + 40.0 * labels) for images, labels in parts], task="regression", classes=["age"]
    )
    run = fitted("vit", ages, patch=4, width=16, depth=1, heads=2)
    said = float(run.read(run.model(mt.data.normalise(ages.test.images[:1])).detach())[0, 0])
    assert f"Image 1: predicted {said:.3g}; the label is 20" in attention(run, ages, split="test")._words.value
    both = [(images, np.stack([labels, 1 - labels], axis=1)) for images, labels in parts]
    many = mt.from_arrays(*both, task="multi-label", classes=["one", "two"])
    words = attention(fitted("vit", many, patch=4, width=16, depth=1, heads=2), many, split="test")._words.value
    assert "predicted" in words and "the labels are: two" in words


def test_colours():
    dataset = mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)])
    explorer = attention(fitted("vit", dataset, patch=4, width=16, depth=1, heads=2), dataset, split="test")
    explorer.column.value = 1
    assert explorer.message.value == "" and explorer.still().png.startswith(b"\x89PNG")


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_still_says_everything(explorer):
    explorer.image.value = with_finding()
    explorer.row.value = 3
    picture = explorer.still()
    for words in (
        "vit on PneumoniaMNIST",
        "row 3, column 4 is framed",
        "predicted",
        "On the known evidence",
        "head 2",
        "mean of heads",
        "rollout to the answer, blocks 1 to 2",
        "Receptive field of cnn",
        "Mean attention distance in pixels",
    ):
        assert words in picture.alt
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id and bundle["text/html"].startswith("<img alt=")
    assert explorer.still().png == picture.png


def test_it_says_that_attention_does_not_decide(explorer):
    said = " ".join(widget.value for widget in explorer.box.children if isinstance(widget, ipywidgets.HTML))
    assert "not what they said, nor whether they decided anything" in said


def test_phantoms_are_marked_in_every_picture(explorer):
    for widget in (explorer._image_shown, explorer._map_shown, explorer._chart_shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert explorer.still().alt.startswith("Phantom images")


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(AttentionExplorer, "_pictured", lambda *_: 1 / 0)
    explorer.row.value = 1
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.row.value = 2
    assert explorer.message.value == ""


def test_what_it_cannot_do_is_said():
    vit, cnn = run_of("vit"), run_of("cnn")
    with pytest.raises(InputError, match="cnn has no attention to look at; give a run of 'vit'"):
        attention(cnn, chests(), split="test")
    with pytest.raises(InputError, match="run is ViT; attention takes a Run"):
        attention(vit.model, chests(), split="test")
    with pytest.raises(InputError, match="cnn is CNN; attention takes a Run"):
        attention(vit, chests(), cnn=cnn.model, split="test")
    with pytest.raises(InputError, match="not on this data set, tiny"):
        attention(vit, squares(), split="test")
    with pytest.raises(InputError, match="the val labels of the run and of this pneumoniamnist differ"):
        attention(
            vit,
            phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 20, "test": 30}, seed=1),
            split="test",
        )
    with pytest.raises(InputError, match="the cnn takes images of 1 x 16 x 16, the transformer of 1 x 28 x 28"):
        attention(vit, chests(), cnn=fitted("cnn", squares()), split="test")
    with pytest.raises(InputError, match="mlp is no CNN with feature maps"):
        attention(vit, chests(), cnn=run_of("mlp"), split="test")
    with pytest.raises(InputError, match="hybrid is no CNN"):
        attention(vit, chests(), cnn=run_of("hybrid", readout="mean"), split="test")
    with pytest.raises(InputError, match="unknown split 'tset'; did you mean test"):
        attention(vit, chests(), split="tset")


def test_volumes_and_sequences_are_refused():
    vit = run_of("vit")
    for facts, what in (({"shape": (28, 28, 28)}, "volumes"), ({"frames": 9}, "sequences")):
        other = dataclasses.replace(vit, card=dataclasses.replace(vit.card, **facts))
        with pytest.raises(InputError, match=f"the run is about {what}; the attention explorer shows images only"):
            attention(other, split="test")


def test_broken_weights_are_said():
    broken = fitted("vit", squares(), patch=4, width=16, depth=1, heads=2)
    explorer = attention(broken, squares(), split="test")
    torch.nn.init.constant_(broken.model.classifier.weight, float("nan"))
    explorer.image.value = 1
    assert "answers NaN or infinity" in explorer.message.value
    with pytest.raises(InputError, match="NaN"):
        attention(broken, squares(), split="test")


def test_the_model_is_left_as_it_was():
    run = run_of("vit")
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    explorer = attention(run, chests(), split="test")
    explorer.row.value = 1
    assert all((value == before[name]).all() for name, value in run.model.state_dict().items())
    assert not any(module._forward_hooks for module in run.model.modules())
