"""The draw-a-mask explorer: every stroke changes mask, picture and numbers, and the numbers are the library's."""

import html
import re
import statistics
import time
from functools import cache

import numpy as np
import pytest
import torch
from scipy.spatial.distance import directed_hausdorff
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explorers.draw_mask import NOTES, draw_mask
from medtutor.metrics import segmentation_scores
from medtutor.metrics.masks import MEASURES, hausdorff, mask_measures, moved, wrong_masks
from medtutor.widgets.explorer import VIEW


@cache
def phantoms():
    return mt.load("hippocampus", source="phantom")


def squares(classes=("background", "square"), spacing=None):
    """Three sets of four images with a bright square, which the masks mark; a second class is its upper half."""
    masks = np.zeros((4, 24, 18), np.uint8)
    masks[:, 8:16, 6:12] = 1
    if len(classes) == 3:
        masks[:, 8:12, 6:12] = 2
    images = np.where(masks > 0, 200, 60).astype(np.uint8)
    return mt.from_arrays(*[(images, masks)] * 3, task="segmentation", classes=classes, spacing=spacing, name="squares")


@pytest.fixture
def explorer():
    return draw_mask(squares())


def alt(explorer):
    return html.unescape(re.search(r'<img alt="([^"]*)"', explorer._picture.value).group(1))


# Numbers ------------------------------------------------------------------------------------


def two_masks(seed):
    generator = np.random.default_rng(seed)
    return generator.random((20, 17)) < 0.3, generator.random((20, 17)) < 0.4


@pytest.mark.parametrize("seed", range(4))
def test_the_numbers_are_those_of_scikit_learn_scipy_and_monai(seed):
    mask, truth = two_masks(seed)
    numbers = mask_measures(mask, truth, (1.0, 1.0))
    known = {"Dice": f1_score, "Jaccard": jaccard_score, "sensitivity": recall_score, "precision": precision_score}
    for name, function in known.items():
        assert numbers[name] == pytest.approx(function(truth.ravel(), mask.ravel()))
    scores = segmentation_scores(mask[None], truth[None], 2, (1.0, 1.0))
    assert numbers["HD95"] == scores["hd95"][0, 0] and numbers["surface Dice"] == scores["surface_dice"][0, 0]
    assert numbers["Hausdorff"] >= numbers["HD95"]
    assert set(numbers) == set(MEASURES)


def test_the_hausdorff_distance_is_that_of_the_border_points():
    mask, truth = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    mask[2:9, 3:6], truth[4:15, 8:12] = True, True
    edges = [np.argwhere(region & ~_inner(region)) for region in (mask, truth)]
    expected = max(directed_hausdorff(*edges)[0], directed_hausdorff(*edges[::-1])[0])
    assert hausdorff(mask, truth) == pytest.approx(expected)
    stretched = [points * (2.0, 0.5) for points in edges]
    expected = max(directed_hausdorff(*stretched)[0], directed_hausdorff(*stretched[::-1])[0])
    assert hausdorff(mask, truth, (2.0, 0.5)) == pytest.approx(expected)


def _inner(region):
    """Pixels whose four neighbours are all in the region."""
    room = np.pad(region, 1)
    return room[:-2, 1:-1] & room[2:, 1:-1] & room[1:-1, :-2] & room[1:-1, 2:]


def test_empty_masks_follow_the_rule_for_what_is_empty():
    nothing, some = np.zeros((9, 12), bool), np.ones((9, 12), bool)
    numbers = mask_measures(nothing, some)
    assert numbers["Dice"] == numbers["sensitivity"] == 0 and np.isnan(numbers["precision"])
    assert numbers["Hausdorff"] == numbers["HD95"] == pytest.approx(15.0)  # the diagonal of 9 x 12
    assert mask_measures(nothing, nothing)["Dice"] == 1 and hausdorff(nothing, nothing) == 0


def test_each_beginning_is_wrong_in_its_own_way():
    truth = (phantoms().train.masks[int((phantoms().train.masks > 0).flatten(1).sum(1).argmax())] > 0).numpy()
    numbers = {name: mask_measures(mask, truth) for name, mask in wrong_masks(truth).items()}
    assert numbers["the expert's mask"]["Dice"] == 1
    assert numbers["the tip missed"]["precision"] == 1 > numbers["the tip missed"]["sensitivity"]
    assert numbers["one pixel too wide"]["sensitivity"] == 1 > numbers["one pixel too wide"]["precision"]
    assert numbers["one pixel too narrow"]["HD95"] < numbers["the tip missed"]["HD95"]
    assert numbers["a speck far off"]["Dice"] > 0.95 and numbers["a speck far off"]["Hausdorff"] > 8
    assert numbers["moved by two pixels"]["surface Dice"] < numbers["moved by two pixels"]["Dice"]
    assert numbers["nothing"]["Dice"] == 0


def test_what_is_moved_out_of_the_image_is_lost():
    mask = np.ones((4, 5), bool)
    assert moved(mask, 0, 2).sum() == 12 and moved(mask, -1, 0).sum() == 15


# What the user does -------------------------------------------------------------------------


def test_buttons_change_the_whole_mask_and_undo_takes_it_back(explorer):
    before, size = explorer.mask.copy(), explorer.mask.sum()
    explorer.grow.click()
    assert explorer.mask.sum() > size and (explorer.mask | before).sum() == explorer.mask.sum()
    explorer.shrink.click()
    for button, step in (
        (explorer.left, (0, -1)),
        (explorer.right, (0, 1)),
        (explorer.up, (-1, 0)),
        (explorer.down, (1, 0)),
    ):
        expected = moved(explorer.mask, *step)
        button.click()
        assert (explorer.mask == expected).all()
    for _ in range(6):
        explorer.undo.click()
    assert (explorer.mask == before).all() and explorer.message.value == ""
    explorer.undo.click()
    assert "nothing to take back" in explorer.message.value and (explorer.mask == before).all()


def test_the_brush_draws_and_erases_only_when_it_is_down(explorer):
    explorer.begin.value = "nothing"
    explorer.start.click()
    explorer.radius.value = 0
    explorer.row.value, explorer.column.value = 3, 3
    assert not explorer.mask.any()
    explorer.brush.value = "draws"
    assert explorer.mask[2, 2] and explorer.mask.sum() == 1
    explorer.row.value = 8  # as when a slider is dragged: all on the way is marked
    assert explorer.mask[2:8, 2].all() and explorer.mask.sum() == 6
    explorer.brush.value = "erases"
    explorer.row.value = 7
    assert explorer.mask.sum() == 4
    explorer.brush.value = "draws"
    explorer.radius.value = 2
    assert explorer.mask[6, 0] and explorer.mask[4, 2]


def test_numbers_picture_and_table_follow(explorer):
    before = explorer._picture.value
    explorer.begin.value = "the expert's mask"
    explorer.start.click()
    assert explorer.numbers["Dice"] == 1 and "Dice 1.000" in alt(explorer) and explorer._picture.value != before
    explorer.down.click()
    assert f"Dice {7 / 8:.3f}" in alt(explorer) and f"<b>{7 / 8:.3f}</b>" in explorer._table.value
    assert "HD95 1.0 pixels" in alt(explorer)
    explorer.row.value = 2
    assert "The brush is at row 2" in alt(explorer)


def test_the_expert_can_be_hidden(explorer):
    assert "common" in alt(explorer) and "dashed" in explorer._table.value
    before = explorer._picture.value
    explorer.shown.value = False
    assert "hidden" in alt(explorer) and "common" not in alt(explorer) and "dashed" not in explorer._table.value
    assert explorer._picture.value != before


def test_notes_stand_beside_the_present_numbers(explorer):
    for number in range(NOTES + 2):
        explorer.note.click()
        explorer.down.click()
        assert explorer._table.value.count(">note ") == min(number + 1, NOTES)
    assert f"{explorer._notes[-1]['Dice']:.3f}" in explorer._table.value


def test_one_part_or_all_of_them():
    explorer = draw_mask(squares(("background", "lower", "upper"), spacing=(2.0, 1.0)))
    explorer.note.click()
    explorer.structure.value = 2
    assert "note 1" not in explorer._table.value  # it was of another structure
    assert explorer.truth.sum() == 24 and explorer.truth[8:12].sum() == 24
    explorer.begin.value = "the expert's mask"
    explorer.start.click()
    explorer.down.click()
    assert explorer.numbers["Hausdorff"] == 2.0 and "2.0 mm" in alt(explorer)  # rows are 2 mm apart
    assert len(draw_mask(squares()).structure.options) == 1


def test_an_error_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setitem(draw_mask.__globals__, "mask_measures", lambda *_: 1 / 0)
    explorer.grow.click()
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.shrink.click()
    assert explorer.message.value == ""


@pytest.mark.parametrize(
    "options, sentence",
    [({"split": "all"}, "train, val, test"), ({"image": 99}, "not there"), ({"image": -1}, "not there")],
)
def test_what_cannot_be_shown_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        draw_mask(squares(), **options)


def test_sets_without_slices_and_masks_are_refused(tiny):
    with pytest.raises(InputError, match="no images with masks"):
        draw_mask(tiny)
    with pytest.raises(InputError, match="no images with masks"):
        draw_mask(phantoms().as_volumes())
    empty = int((phantoms().train.masks == 0).flatten(1).all(1).nonzero()[0])
    with pytest.raises(InputError, match="empty mask"):
        draw_mask(phantoms(), image=empty)


# What is shown ------------------------------------------------------------------------------


def test_bundle_labels_and_phantom():
    explorer = draw_mask(phantoms())
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/plain"].startswith("Phantom images") and "HD95" in bundle["text/plain"]
    assert alt(explorer).startswith("Phantom images")
    sliders = (explorer.row, explorer.column, explorer.radius)
    for control in (explorer.structure, explorer.begin, explorer.brush, explorer.shown, *sliders):
        assert control.description
    for button in (explorer.grow, explorer.shrink, explorer.left, explorer.right, explorer.up, explorer.down):
        assert button.description and button.tooltip


def test_colour_images_are_shown_too():
    masks = torch.zeros(3, 20, 20, dtype=torch.uint8)
    masks[:, 5:9, 5:9] = 1
    images = torch.randint(0, 255, (3, 20, 20, 3), dtype=torch.uint8)
    assert draw_mask(mt.from_arrays(*[(images, masks)] * 3, task="segmentation")).numbers["precision"] == 1


def test_a_stroke_is_answered_at_once():
    explorer = draw_mask(phantoms())
    explorer.brush.value = "draws"
    explorer.row.value += 1
    waits = []
    for _ in range(9):
        start = time.perf_counter()
        explorer.row.value += 1
        waits.append(time.perf_counter() - start)
    assert statistics.median(waits) < 0.1
