"""The segmentation explorer: errors have a place, and the numbers are those of `segmentation_scores`."""

import html
import re
import statistics
import sys
import threading
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data.phantoms import hippocampus as hippocampus_phantom
from medtutor.errors import InputError
from medtutor.explanation import METHODS, explain, methods_for
from medtutor.explorers import SegmentationExplorer, segmentation, segmentation_masks
from medtutor.explorers import segmentation_panels as panels
from medtutor.explorers.segmentation import BEST, FILLED, NUMBER, WORST
from medtutor.explorers.segmentation_masks import ABOVE, EACH_LARGEST, LARGEST, LIKELIEST, NONE, SHAPE
from medtutor.explorers.segmentation_parts import decided, dice_by_threshold, entropy
from medtutor.explorers.sentences import lesson_of
from medtutor.metrics.segmentation import segmentation_scores
from medtutor.models.postprocessing import MeanShape, largest_component
from medtutor.training.run import Run
from medtutor.widgets.explorer import VIEW

DEPTH, SIDES = 6, (18, 14)
CLASSES = ("background", "front", "back")


def organs(patients, seed, classes=3, channels=1):
    """(images, masks, patients): a bright ball in noise, slice by slice; with three classes in two halves."""
    generator = np.random.default_rng(seed)
    grid = np.indices((DEPTH, *SIDES))
    masks = np.zeros((patients, DEPTH, *SIDES), np.uint8)
    for mask in masks:
        centre = np.array([2.5, 9, 7]) + generator.uniform(-0.6, 0.6, 3)
        ball = sum(((axis - middle) / radius) ** 2 for axis, middle, radius in zip(grid, centre, (2.4, 5, 4))) < 1
        mask[ball] = 1
        if classes == 3:
            mask[ball & (grid[1] > centre[1])] = 2
    noise = generator.integers(0, 90, (*masks.shape, channels))
    images = (noise + 100 * (masks[..., None] > 0)).astype(np.uint8)
    return images.reshape(-1, *SIDES, channels), masks.reshape(-1, *SIDES), np.repeat(range(10, 10 + patients), DEPTH)


def dataset_of(classes=3, channels=1, spacing=(2.0, 1.0, 0.5), counts=(5, 3, 4)):
    splits = zip(("train", "val", "test"), counts)
    parts = {name: organs(count, seed, classes, channels) for seed, (name, count) in enumerate(splits)}
    first = {"train": 100, "val": 200, "test": 0}  # nobody stands in two splits
    return mt.from_arrays(
        *[part[:2] for part in parts.values()],
        classes=CLASSES[:classes] if classes == 3 else ["background", "organ"],
        name="organs",
        spacing=spacing,
        patients={name: part[2] + first[name] for name, part in parts.items()},
    )


def predicted(dataset, seed=0, model="unet", strength=1.5, **options):
    """A `Run` without training: noisy probabilities that know the masks, those of later patients better."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    run = Run(
        mt.build(model, dataset, widths=(4, 8, 8), **options).eval(),
        dataset.card,
        mt.Recipe(epochs=1),
        dataset.provenance,
    )
    for split in ("val", "test"):
        masks = getattr(dataset, split).masks
        known = torch.stack([masks == number for number in range(len(dataset.card.classes))], dim=1).float()
        better = torch.linspace(0.6, 1.4, len(masks)).view(-1, *[1] * (known.dim() - 1))
        logits = strength * better * (2 * known - 1) + 1.2 * torch.randn(known.shape, generator=generator)
        run.labels[split], run.predictions[split] = masks, logits.softmax(1).half()
    return run


@cache
def slices():
    return dataset_of()


@pytest.fixture
def explorer():
    return segmentation(predicted(slices()), slices(), split="test")


def of_patient(run, dataset, number, split="test"):
    """(probabilities (classes, D, H, W), truth (D, H, W)) of a patient, taken by hand."""
    rows = slice(number * DEPTH, (number + 1) * DEPTH)
    p = run.predictions[split][rows].float().numpy().transpose(1, 0, 2, 3)
    return p, getattr(dataset, split).masks[rows].numpy()


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def pictures(explorer):
    return [explorer._picture.value, explorer._curve_shown.value, explorer._numbers.value]


# Numbers ------------------------------------------------------------------------------------


def test_a_threshold_decides_by_hand():
    p = np.array([[0.5, 0.45, 0.3], [0.3, 0.45, 0.1], [0.2, 0.1, 0.6]], dtype=np.float32)  # (classes, pixels)
    assert decided(p).tolist() == [0, 0, 2]
    assert decided(p, 0, 0.52).tolist() == [0, 1, 2] and decided(p, 0, 0.45).tolist() == [1, 1, 2]
    assert decided(p, 1, 0.25).tolist() == [1, 1, 0] and decided(p, 2, 0.15).tolist() == [2, 0, 2]


@pytest.mark.parametrize("looked", [0, 1, 2])
def test_the_curve_is_the_dice_at_each_threshold(looked):
    p, truth = of_patient(predicted(slices()), slices(), 1)
    curve = dice_by_threshold(p, truth, looked)
    rows = slice(None) if looked == 0 else slice(looked - 1, looked)
    wanted = truth if looked == 0 else truth * (truth == looked)
    for percent in (1, 20, 50, 89):
        mask = decided(p, looked, percent / 100)
        dice = segmentation_scores(mask[None], wanted[None], 3, distances=False)["dice"][0][rows].mean()
        assert curve[percent - 1] == pytest.approx(dice, abs=2e-3)  # but for pixels exactly at a threshold
    assert curve.shape == (99,) and (0 <= curve).all() and (curve <= 1).all()


def test_entropy_is_none_where_it_is_sure_and_one_where_all_are_alike():
    p = np.array([[1.0, 1 / 3, 0.5], [0.0, 1 / 3, 0.5], [0.0, 1 / 3, 0.0]], dtype=np.float32)
    assert entropy(p) == pytest.approx([0, 1, np.log(2) / np.log(3)], abs=1e-4)


def test_every_wrong_pixel_is_one_error():
    truth, mask = np.array([0, 1, 1, 2, 0, 2]), np.array([0, 1, 0, 1, 2, 2])
    found = panels.errors(mask, truth)
    places = {name: np.flatnonzero(where).tolist() for name, where in found.items()}
    assert places == {"missed": [2], "too much": [4], "wrong class": [3]}


def test_the_numbers_are_those_of_the_evaluation(explorer):
    run, dataset = predicted(slices()), slices()
    p, truth = of_patient(run, dataset, explorer.patient.value)
    expected = segmentation_scores(p.argmax(0)[None], truth[None], 3, dataset.card.spacing)
    for name, values in explorer.scores.items():
        assert values == pytest.approx(expected[name][0])
    assert f">{expected['dice'][0].mean():.3f}<" in explorer._numbers.value
    assert f">{expected['hd95'][0].mean():.2f}<" in explorer._numbers.value
    assert f">{(truth == 1).sum() / 1000:.4f}<" in explorer._numbers.value  # a voxel is 2 x 1 x 0.5 mm
    explorer.looked.value = 2
    assert explorer.scores["hd95"] == pytest.approx(expected["hd95"][0][1:]) and set(np.unique(explorer.mask)) == {0, 2}


def test_slow_distances_wait_for_a_button(monkeypatch):
    module = sys.modules[SegmentationExplorer.__module__]  # in the package its function has the same name
    monkeypatch.setattr(module, "LIVE", 10)
    explorer = segmentation(predicted(slices()), slices(), split="test")
    assert (
        set(explorer.scores) == {"dice"}
        and explorer.distances.layout.display is None
        and ">–<" in explorer._numbers.value
    )
    explorer.distances.click()
    explorer.job.wait()
    assert len(explorer.scores["hd95"]) == 2 and ">–<" not in explorer._numbers.value
    explorer.looked.value = 1
    assert set(explorer.scores) == {"dice"} and explorer.message.value == ""
    explorer.distances.click()
    explorer.job.wait()
    assert len(explorer.scores["hd95"]) == 1


def test_the_dice_of_all_are_those_of_the_run():
    run, dataset = predicted(slices()), slices()
    explorer = segmentation(run, dataset, split="test")
    each = [
        segmentation_scores(p.argmax(0)[None], truth[None], 3, distances=False)["dice"].mean()
        for p, truth in (of_patient(run, dataset, number) for number in range(4))
    ]
    assert explorer._tested["unet"] == pytest.approx(each)


# What the controls do -------------------------------------------------------------------------


def test_the_worst_patient_comes_first_with_its_fullest_slice(explorer):
    tested = explorer._tested["unet"]
    assert explorer.patient.value == tested.argmin() and "place 4 of 4" in explorer._numbers.value
    assert explorer.depth.value == 1 + (explorer._truth[tested.argmin()] > 0).sum(axis=(1, 2)).argmax()
    explorer.order.value = BEST
    assert explorer.patient.value == tested.argmax() and "place 1 of 4" in explorer._numbers.value
    explorer.order.value = NUMBER
    assert [label.split(",")[0] for label, _ in explorer.patient.options] == [
        f"patient {number}" for number in (10, 11, 12, 13)
    ]
    assert explorer.order.options[0] == WORST


def test_the_slice_moves_the_picture_alone(explorer):
    before = pictures(explorer)
    explorer.depth.value = 2
    after = pictures(explorer)
    assert after[0] != before[0] and after[1:] == before[1:] and "slice 2 of 6" in alt(explorer._picture)
    number = explorer.patient.value
    truth, mask = explorer._truth[number][1], explorer.mask[1]
    assert f"{((truth > 0) & (mask == 0)).sum()} missed, {((truth == 0) & (mask > 0)).sum()} too much" in alt(
        explorer._picture
    )


def test_a_threshold_changes_all_that_hangs_on_it(explorer):
    assert explorer.threshold.layout.display == "none"
    explorer.decide.value = ABOVE
    assert explorer.threshold.layout.display is None
    before = pictures(explorer)
    explorer.threshold.value = 0.85
    assert all(old != new for old, new in zip(before, pictures(explorer)))
    p, truth = of_patient(predicted(slices()), slices(), explorer.patient.value)
    assert (explorer.mask == decided(p, 0, 0.85)).all()
    assert f"now {explorer.scores['dice'].mean():.3f}" in alt(explorer._curve_shown)
    assert explorer._curve[84] == pytest.approx(explorer.scores["dice"].mean(), abs=2e-3)
    explorer.decide.value = LIKELIEST
    assert (explorer.mask == p.argmax(0)).all()


def test_what_is_done_afterwards(explorer):
    p, _ = of_patient(predicted(slices()), slices(), explorer.patient.value)
    explorer.afterwards.value = LARGEST
    assert (explorer.mask == largest_component(p.argmax(0)[None], whole=True)[0]).all()
    explorer.afterwards.value = EACH_LARGEST
    assert (explorer.mask == largest_component(p.argmax(0)[None])[0]).all()
    assert explorer.weight.layout.display == "none"
    explorer.afterwards.value = SHAPE
    explorer.job.wait()
    explorer.weight.value = 0.5
    volumes = slices().as_volumes()
    shape = MeanShape.fit(volumes.train.masks, 3, spacing=volumes.card.spacing)
    assert (explorer.mask == shape.apply(p[None], 0.5)[0].argmax(0)).all() and explorer.weight.layout.display is None
    explorer.weight.value = 0.0
    assert (explorer.mask == p.argmax(0)).all()
    assert explorer.message.value == ""


def test_masks_without_a_mean_shape_give_a_sentence():
    dataset = slices()
    masks = dataset.train.masks.clone()
    masks[:DEPTH] = 0
    explorer = segmentation(
        predicted(dataset), replace(dataset, train=replace(dataset.train, masks=masks)), split="test"
    )
    explorer.afterwards.value = SHAPE
    explorer.job.wait()
    assert "must have foreground" in explorer.message.value and explorer.afterwards.value == NONE
    explorer.depth.value = 1
    assert explorer.message.value == ""


def test_uncertainty_and_filling_change_the_picture(explorer):
    seen = {explorer._picture.value}
    explorer.uncertain.value = True
    assert "uncertainty" in alt(explorer._picture)
    seen.add(explorer._picture.value)
    explorer.look.value = FILLED
    seen.add(explorer._picture.value)
    assert len(seen) == 3


def test_two_runs_side_by_side():
    dataset = slices()
    run, other = predicted(dataset), predicted(dataset, seed=1, model="fcn", strength=0.7)
    explorer = segmentation(run, dataset, others={"fcn": other}, split="test")
    alone = segmentation(run, dataset, split="test")
    assert explorer._picture_sheet.height > 1.5 * alone._picture_sheet.height - 200
    assert "fcn:" in alt(explorer._picture) and explorer.scores["dice"] == pytest.approx(alone.scores["dice"])
    explorer.model.value = "fcn"
    assert explorer.scores["dice"].mean() == pytest.approx(explorer._tested["fcn"][explorer.patient.value])
    assert f"Dice {explorer._tested['fcn'][explorer.patient.value]:.3f}" in explorer.patient.label
    assert "prediction of fcn" in alt(explorer._picture) and alone.model.layout.display == "none"


def test_a_run_on_volumes_beside_one_on_slices():
    dataset = slices()
    volumes = dataset.as_volumes()
    explorer = segmentation(predicted(dataset), dataset, others={"3-D": predicted(volumes, seed=2)}, split="test")
    p = explorer._predicted["3-D"]
    assert p.shape == explorer._predicted["unet"].shape == (4, 3, DEPTH, *SIDES)


@pytest.mark.parametrize("volumes", [False, True])
def test_attention_gates_of_the_slice(volumes):
    dataset = slices().as_volumes() if volumes else slices()
    explorer = segmentation(predicted(dataset, model="attention_unet"), dataset, split="test")
    assert explorer.attention.layout.display is None
    explorer.attention.value = True
    assert f"Gates: {SIDES[0]} x {SIDES[1]}, mean" in alt(explorer._picture)
    gates = explorer._gate_maps(2)
    assert [gate.shape for gate in gates] == [SIDES, (9, 7)] and all(
        (0 <= gate).all() and (gate <= 1).all() for gate in gates
    )
    plain = segmentation(predicted(dataset), dataset, split="test")
    assert plain.attention.layout.display == "none"


# Other data ---------------------------------------------------------------------------------


def flat(count, seed, channels=1):
    images, masks, _ = organs(count, seed, classes=2, channels=channels)
    return images[DEPTH // 2 :: DEPTH], masks[DEPTH // 2 :: DEPTH]


@pytest.mark.parametrize("channels", [1, 3])
def test_single_images_are_cases_of_their_own(channels):
    dataset = mt.from_arrays(*[flat(6, seed, channels) for seed in range(3)], spacing=(0.5, 0.5))
    explorer = segmentation(predicted(dataset), dataset, split="test")
    assert explorer.depth.layout.display == explorer.looked.layout.display == "none"
    assert explorer.patient.description == "image" and "slice" not in alt(explorer._picture)
    truth = dataset.test.masks[explorer.patient.value].numpy()
    assert f">{(truth > 0).sum() * 0.25:.1f}<" in explorer._numbers.value and "mm²" in explorer._numbers.value
    for option in (LARGEST, SHAPE):
        explorer.afterwards.value = option
        explorer.job.wait()
        assert explorer.message.value == "" and explorer.mask.shape == (1, *SIDES)
    assert explorer.still().png.startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [{"classes": 2}, {"channels": 3}, {"spacing": None}])
def test_classes_colours_and_pixels(options):
    dataset = dataset_of(**options)
    explorer = segmentation(predicted(dataset), dataset, "val")
    explorer.decide.value = ABOVE
    unit = "voxels" if "spacing" in options else "ml"
    assert unit in explorer._numbers.value and explorer.message.value == "" and explorer.still().alt
    if "classes" in options:
        assert explorer.looked.value == 1 and EACH_LARGEST not in explorer.afterwards.options


def test_volumes_without_patients_are_named_volumes():
    dataset = slices().as_volumes()
    arrays = [(getattr(dataset, name).images[:, 0], getattr(dataset, name).masks) for name in ("train", "val", "test")]
    own = mt.from_arrays(*arrays, classes=CLASSES, name="own", spacing=(2, 1, 0.5))
    explorer = segmentation(predicted(own), own, split="test")
    assert explorer.patient.description == "volume" and explorer.depth.max == DEPTH
    assert alt(explorer._picture).startswith("volume")


def test_large_images_are_shrunk():
    images = np.random.default_rng(0).integers(0, 255, (4, 200, 520), dtype=np.uint8)
    masks = np.zeros((4, 200, 520), np.uint8)
    masks[:, 50:120, 100:300] = 1
    dataset = mt.from_arrays(*[(images, masks)] * 3)
    explorer = segmentation(predicted(dataset), dataset, split="test")
    assert explorer._picture_sheet.width <= 2 * 5 * (panels.TILE + 8) and explorer.message.value == ""


def test_a_slice_without_foreground(explorer):
    masks = slices().test.masks.clone()
    number = explorer.patient.value * DEPTH
    masks[number] = 0
    dataset = replace(slices(), test=replace(slices().test, masks=masks))
    run = predicted(dataset)
    run.predictions["test"][number, 0] = 1.0
    run.predictions["test"][number, 1:] = 0.0
    empty = segmentation(run, dataset, split="test")
    empty.order.value = NUMBER
    empty.patient.value = explorer.patient.value
    empty.depth.value = 1
    assert "The truth has 0 pixels of foreground here. unet: 0 pixels, 0 missed, 0 too much" in alt(empty._picture)


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_bundle_has_the_widget_and_the_picture(explorer):
    explorer.depth.value = 3
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=") and "slice 3 of 6" in bundle["text/plain"]
    assert explorer.still().png == explorer.still().png


def test_phantoms_are_marked_in_every_picture():
    dataset = replace(slices(), provenance="phantom")
    explorer = segmentation(predicted(dataset), dataset, split="test")
    for widget in (explorer._picture, explorer._curve_shown, explorer._ranks_shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert "PHANTOM" in explorer.still().alt


def test_every_control_has_a_label(explorer):
    names = "patient order depth looked model decide threshold afterwards weight look uncertain attention"
    for name in names.split():
        assert getattr(explorer, name).description, name


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(SegmentationExplorer, "_draw_picture", lambda self: 1 / 0)
    explorer.depth.value = 2
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.depth.value = 4
    assert explorer.message.value == "" and "slice 4 of 6" in alt(explorer._picture)


def test_what_it_cannot_do_is_said(tiny):
    dataset = slices()
    run = predicted(dataset)
    with pytest.raises(InputError, match='choose "val" or "test"'):
        segmentation(run, dataset, "train")
    with pytest.raises(InputError, match="give its data set"):
        segmentation(run, split="test")
    with pytest.raises(InputError, match="not on this data set, tiny"):
        segmentation(run, tiny, split="test")
    classifier = Run(mt.build("mlp", tiny), tiny.card, mt.Recipe(), tiny.provenance)
    with pytest.raises(InputError, match="the run is binary; use explorers.classification"):
        segmentation(classifier, tiny, split="test")
    with pytest.raises(InputError, match="'other' is no Run of a segmentation"):
        segmentation(run, dataset, others={"other": classifier}, split="test")
    with pytest.raises(InputError, match="named runs"):
        segmentation(run, dataset, others=[run], split="test")
    with pytest.raises(InputError, match="takes a Run"):
        segmentation("unet", dataset, split="test")
    others = dataset_of(counts=(5, 3, 5))
    with pytest.raises(InputError, match="masks of the run 'other' and of this organs differ"):
        segmentation(run, dataset, others={"other": predicted(others)}, split="test")
    run.predictions["test"] = run.predictions["test"].clone().fill_(float("nan"))
    with pytest.raises(InputError, match="NaN"):
        segmentation(run, dataset, split="test")
    run.predictions.clear()
    with pytest.raises(InputError, match="none yet"):
        segmentation(run, dataset, split="test")


def test_explore_opens_it_for_a_segmentation():
    assert isinstance(mt.explore(predicted(slices()), slices()), SegmentationExplorer)


def test_explore_still_explains_a_classification(tiny):
    run = Run(mt.build("mlp", tiny).eval(), tiny.card, mt.Recipe(), tiny.provenance)
    assert type(mt.explore(run, tiny)).__name__ == "AttributionExplorer"


def test_a_move_is_answered_in_time():
    """Ten times what it takes on an idle machine; of volumes as large as those of the hippocampus."""
    parts = hippocampus_phantom.draw({"train": 2, "val": 1, "test": 2})
    pairs = [(images.transpose(1, 2).flatten(0, 2), masks.flatten(0, 1)) for images, masks, _ in parts.values()]
    patients = {name: ids.repeat_interleave(48) for name, (_, _, ids) in parts.items()}
    dataset = mt.from_arrays(*pairs, classes=CLASSES, patients=patients, spacing=(1, 1, 1))
    explorer = segmentation(predicted(dataset), dataset, split="test")
    explorer.decide.value = ABOVE
    for control, values, most in (
        (explorer.depth, range(10, 25), 0.3),
        (explorer.threshold, np.arange(0.4, 0.5, 0.01), 0.6),
    ):
        seconds = []
        for value in values:
            start = time.perf_counter()
            control.value = value
            seconds.append(time.perf_counter() - start)
        assert statistics.median(seconds) < most


# What takes long ------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """A mean shape that is found when the gate is opened."""
    gate, begun = threading.Event(), threading.Event()
    fit = MeanShape.fit

    def waiting(*arguments, **options):
        begun.set()
        gate.wait(5)
        return fit(*arguments, **options)

    monkeypatch.setattr(segmentation_masks, "MeanShape", type("MeanShape", (), {"fit": staticmethod(waiting)}))
    yield begun, gate
    gate.set()


def test_the_mean_shape_is_computed_beside_the_widget(explorer, slow):
    begun, gate = slow
    plain = explorer.mask.copy()
    explorer.afterwards.value = SHAPE
    assert begun.wait(5) and explorer.job.running and explorer.job.box.layout.display is None
    explorer.weight.value = 0.9  # no second job
    explorer.patient.value = explorer.patient.options[1][1]
    explorer.patient.value = explorer.patient.options[0][1]
    assert (explorer.mask == plain).all() and "afterwards nothing yet" in alt(explorer._picture)
    gate.set()
    explorer.job.wait()
    assert (explorer.mask != plain).any() and "weight 0.90 of the mean shape" in alt(explorer._picture)
    assert explorer.job.box.layout.display == "none" and explorer.message.value == ""


def test_a_mean_shape_that_was_stopped_is_not_said_to_be_there(explorer, slow):
    begun, gate = slow
    explorer.afterwards.value = SHAPE
    assert begun.wait(5)
    explorer.job.stop.click()
    assert explorer.afterwards.value == NONE and explorer.weight.layout.display == "none"
    gate.set()
    explorer.job.wait()
    assert explorer.afterwards.value == NONE and "afterwards nothing." in alt(explorer._picture)


def test_distances_of_a_mask_that_was_left_are_dropped(monkeypatch):
    module = sys.modules[SegmentationExplorer.__module__]
    monkeypatch.setattr(module, "LIVE", 10)
    explorer = segmentation(predicted(slices()), slices(), split="test")
    gate, begun, scored = threading.Event(), threading.Event(), SegmentationExplorer._scored

    def waiting(self, mask, truth, distances=True, looked=0):
        if distances:
            begun.set()
            gate.wait(5)
        return scored(self, mask, truth, distances, looked)

    monkeypatch.setattr(SegmentationExplorer, "_scored", waiting)
    explorer.distances.click()
    assert begun.wait(5)
    explorer.afterwards.value = LARGEST
    gate.set()
    explorer.job.wait()
    assert set(explorer.scores) == {"dice"} and ">–<" in explorer._numbers.value


# Why here? ----------------------------------------------------------------------------------


def explained(explorer, method="saliency"):
    explorer.why.value = method
    explorer.explain.click()
    explorer.job.wait()
    return explorer._reason


def test_why_here_is_off_until_it_is_asked_for(explorer):
    assert explorer.why.value == "off" and explorer.explain.layout.display == "none"
    assert explorer._reason is None and explorer._why_shown.value == ""
    names = [name for _, name in explorer.why.options]
    assert names == ["off", *methods_for(predicted(slices()))] and "attention_rollout" not in names
    explorer.why.value = "saliency"
    assert explorer.explain.layout.display is None and explorer._why_shown.value == ""  # the button starts it
    assert METHODS["saliency"].computes in explorer._about.value and lesson_of("saliency") in explorer._about.value
    explorer.why.value = "off"
    assert explorer._about.value == ""


def test_the_map_is_of_the_slice_and_of_the_region_predicted(explorer):
    explorer.looked.value = 2
    at, image = explorer.depth.value - 1, explorer._patients.images[explorer.patient.value]
    found = explained(explorer)
    region = explorer.mask[at] == 2
    expected = explain(predicted(slices()), image[:, at], "saliency", target=2, region=region)
    assert torch.allclose(found.map, expected.map, atol=1e-6) and (found.region.numpy() == region).all()
    said = alt(explorer._why_shown)
    assert "why back" in said and f"the {region.sum()} pixels of the prediction, outlined" in said
    assert f"slice {at + 1} of 6" in said and explorer.message.value == ""
    assert said in explorer.still().alt


def test_with_all_classes_the_largest_one_is_explained(explorer):
    found = explained(explorer)
    sizes = np.bincount(explorer.mask[explorer.depth.value - 1].ravel(), minlength=3)
    assert found.target.index == 1 + sizes[1:].argmax()


@pytest.mark.parametrize("control, value", [("depth", 2), ("looked", 1), ("why", "occlusion"), ("afterwards", LARGEST)])
def test_a_map_of_what_was_left_is_dropped(explorer, control, value):
    assert explained(explorer) is not None
    getattr(explorer, control).value = value
    assert explorer._reason is None and explorer._why_shown.value == ""
    explorer.look.value = FILLED
    assert explorer.message.value == ""


def test_of_volumes_the_map_is_of_the_patient_and_follows_the_slice():
    dataset = slices().as_volumes()
    explorer = segmentation(predicted(dataset), dataset, split="test")
    found, first = explained(explorer), explorer._why_shown.value
    assert found.map.shape == found.region.shape == (DEPTH, *SIDES)
    explorer.depth.value = 2
    assert explorer._reason is found and explorer._why_shown.value != first
    assert "slice 2 of 6" in alt(explorer._why_shown) and "voxels of the prediction" in alt(explorer._why_shown)


@pytest.mark.parametrize("channels", [1, 3])
def test_why_of_single_images(channels):
    dataset = mt.from_arrays(*[flat(6, seed, channels) for seed in range(3)])
    explorer = segmentation(predicted(dataset), dataset, split="test")
    assert explained(explorer, "grad_cam").map.shape == SIDES and "why" in alt(explorer._why_shown)


def test_every_method_that_is_offered_explains(explorer):
    for _, method in explorer.why.options[1:]:
        assert explained(explorer, method).method == method and explorer.message.value == ""


def test_a_region_without_a_pixel_is_said(explorer):
    explorer.looked.value = 1
    explorer.decide.value = ABOVE
    explorer.threshold.value = 0.99
    assert not (explorer.mask[explorer.depth.value - 1]).any()
    assert explained(explorer) is None
    assert "no front in this image, so there is no region" in explorer.message.value
    explorer.threshold.value = 0.5
    assert explorer.message.value == "" and explained(explorer) is not None


def test_an_explanation_can_be_stopped(explorer, monkeypatch):
    module, gate, begun = sys.modules["medtutor.explorers.segmentation_why"], threading.Event(), threading.Event()

    def waiting(*arguments, **options):
        begun.set()
        gate.wait(5)
        return explain(*arguments, **options)

    monkeypatch.setattr(module, "explain", waiting)
    explorer.why.value = "saliency"
    explorer.explain.click()
    assert begun.wait(5) and explorer.job.running and explorer.job.box.layout.display is None
    explorer.job.stop.click()
    gate.set()
    explorer.job.wait()
    assert explorer._reason is None and explorer._why_shown.value == "" and explorer.message.value == ""
    assert explained(explorer) is not None


def test_the_map_of_a_phantom_says_so():
    dataset = replace(slices(), provenance="phantom")
    explorer = segmentation(predicted(dataset), dataset, split="test")
    explained(explorer)
    assert alt(explorer._why_shown).startswith("Phantom images, drawn by medtutor.")
