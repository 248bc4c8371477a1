"""The feature explorer: switching off a channel, and the nearest images, agree with a direct computation."""

import html
import importlib
import re
import statistics
import threading
import time
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs
from torch import nn

import medtutor as mt
from medtutor.data import normalise
from medtutor.data.subsets import LeakWarning
from medtutor.errors import InputError
from medtutor.explorers import FeaturesExplorer, features
from medtutor.explorers.features import EACH, MEAN, ZERO
from medtutor.explorers.features_panels import coloured
from medtutor.training.run import Run
from medtutor.widgets.explorer import VIEW

MODULE = importlib.import_module("medtutor.explorers.features")  # the function of that name hides it
SMALL = {"cnn": {"widths": (4, 6, 8)}, "vit": {"width": 8, "depth": 1, "heads": 2, "patch": 4}}


@cache
def squares():
    """Two classes; training image 5 is test image 3 again."""
    train, val, test = (blobs(count, seed) for seed, count in enumerate((40, 21, 19)))
    train[0][5] = test[0][3]
    with pytest.warns(LeakWarning):  # rightly
        return mt.from_arrays(train, val, test, classes=["top", "bottom"], name="squares")


def run_of(model, dataset, seed=0):
    """A `Run` without training, but of norms that have seen images."""
    torch.manual_seed(seed)
    net = mt.build(model, dataset, **SMALL.get(model, {})) if isinstance(model, str) else model
    net.train()
    if not dataset.card.frames:
        with torch.no_grad():
            net(normalise(dataset.train.images))
    return Run(net.eval(), dataset.card, mt.Recipe(epochs=1), dataset.provenance)


@pytest.fixture
def explorer():
    return features(run_of("cnn", squares()), squares(), split="test")


def alt(widget):
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def floats(explorer):
    return normalise(squares().test.images[explorer.case : explorer.case + 1])


# Numbers ------------------------------------------------------------------------------------


def by_hand(explorer, fill):
    """Probabilities where channel 2 of the stem is `fill`: the rest of the network, run on the changed maps."""
    net = explorer._run.model
    with torch.no_grad():
        maps = net.stem(floats(explorer))
        maps[:, 2] = fill
        return net.classifier(net.flatten(net.pool(net.blocks(maps)))).softmax(1)[0]


def test_maps_and_strength_are_those_of_the_layer(explorer):
    explorer.layer.value = "stem"
    with torch.no_grad():
        maps = explorer._run.model.stem(floats(explorer))[0]
    assert torch.allclose(explorer.maps, maps, atol=1e-5)
    strengths = maps.abs().mean((1, 2))
    listed = [number for _, number in explorer.channel.options]
    assert listed == strengths.argsort(descending=True).tolist() and explorer.channel.value == listed[0]
    assert torch.allclose(explorer.before, explorer._run.model(floats(explorer)).softmax(1)[0], atol=1e-5)


def test_a_channel_is_set_to_zero(explorer):
    explorer.layer.value, explorer.channel.value = "stem", 2
    after = by_hand(explorer, 0.0)
    assert torch.allclose(explorer.after, after, atol=1e-5) and not torch.allclose(after, explorer.before, atol=1e-4)
    assert f"to {explorer.after[explorer.before.argmax()]:.3f}" in explorer._removed.value
    assert not explorer._subject.net.get_submodule("stem")._forward_hooks  # nothing stays switched off


def test_a_channel_is_set_to_its_mean_over_validation_images(explorer):
    explorer.layer.value, explorer.channel.value, explorer.way.value = "stem", 2, MEAN
    with torch.no_grad():
        mean = explorer._run.model.stem(normalise(squares().val.images))[:, 2].mean()
    assert torch.allclose(explorer.after, by_hand(explorer, mean), atol=1e-5)


def test_every_channel_is_tried(explorer):
    explorer.layer.value = "stem"
    explorer.rank.click()
    explorer.job.wait()
    assert explorer.effects.shape == (4, 2) and torch.allclose(explorer.effects[2], by_hand(explorer, 0.0), atol=1e-5)
    change = (explorer.effects - explorer.before).abs().amax(1)
    said = re.findall(r"channel (\d) (\d\.\d{5})", alt(explorer._effects))
    assert [int(number) for number, _ in said] == change.argsort(descending=True, stable=True).tolist()
    assert float(said[0][1]) == pytest.approx(float(change.max()), abs=6e-6)
    explorer.image.number.value = 2  # of another image they are not known
    assert explorer.effects is None and explorer._effects.value == "" and "try every channel" in explorer._not_yet.value


def test_the_nearest_are_those_of_brute_force(explorer):
    net = explorer._run.model

    def points(images):
        with torch.no_grad():
            return net.flatten(net.pool(net.blocks(net.stem(normalise(images))))).double().numpy()

    train, val, own = (
        points(images) for images in (squares().train.images, squares().val.images, squares().test.images)
    )
    for number in (1, 4, 7):
        explorer.image.number.value = number
        distances = np.sqrt(((train - own[explorer.case]) ** 2).sum(1))
        assert np.allclose(explorer.distances, distances, atol=1e-4)
        assert explorer.nearest[:6].tolist() == distances.argsort()[:6].tolist()
    usual = np.sqrt(((val[:, None] - train) ** 2).sum(2)).min(1)
    assert np.allclose(explorer.reference.usual, usual, atol=1e-4)
    explorer.near.value, explorer.alarms.value = 7, 0.2
    says = int(explorer.before.argmax())
    same = int((squares().train.labels[explorer.nearest[:7]] == says).sum())
    beyond = int((usual > np.quantile(usual, 0.8)).sum())
    assert f"{same} of the 7 nearest training images are {('top', 'bottom')[says]}" in explorer._usual.value
    assert f"{beyond} of the 21 validation images ({beyond / 21:.1%})" in explorer._usual.value


def test_a_planted_duplicate_is_the_nearest_at_no_distance(explorer):
    explorer.image.number.value = 4
    assert explorer.case == 3 and explorer.nearest[0] == 5
    assert float(explorer.distances[5]) == pytest.approx(0.0, abs=1e-5)
    assert "nothing unusual" in explorer._usual.value


def test_what_the_network_has_never_seen_is_unusual():
    train, val, test = (blobs(count, seed) for seed, count in enumerate((40, 21, 19)))
    test[0][0] = 255 - test[0][0]
    strange = mt.from_arrays(train, val, test, classes=["top", "bottom"], name="strange")
    explorer = features(run_of("cnn", strange), strange, split="test")
    assert "unusual for the network" in explorer._usual.value


def test_colours_go_from_the_lowest_to_the_highest():
    maps = np.array([[[0.0, 2.0]], [[-1.0, 1.0]]])
    pixels, low, high = coloured(maps, alone=False)
    assert low.tolist() == [-1, -1] and high.tolist() == [2, 2]
    assert len({tuple(each) for each in pixels.reshape(-1, 3)}) == 4
    pixels, low, high = coloured(maps, alone=True)
    assert low.tolist() == [0, -1] and high.tolist() == [2, 1] and (pixels[0] == pixels[1]).all()
    assert (coloured(np.zeros((1, 2, 2)), alone=True)[0] == [0, 34, 77]).all()  # nothing divided by nothing


# What is computed when ------------------------------------------------------------------------


def test_large_sets_wait_for_the_button(monkeypatch):
    monkeypatch.setattr(MODULE, "AT_ONCE", 0)
    explorer = features(run_of("cnn", squares()), squares(), split="test")
    assert explorer.reference is None and explorer.nearest is None and explorer._near.value == ""
    assert "compare with the training images" in explorer._not_yet.value
    explorer.way.value = MEAN
    assert explorer.after is None and "are not known yet" in explorer._removed.value
    explorer.rank.click()
    assert "are not known yet" in explorer.message.value
    explorer.compare.click()
    explorer.job.wait()
    assert explorer.after is not None and "nearest training images" in alt(explorer._near)
    assert explorer.message.value == ""


def test_a_stopped_comparison_leaves_nothing(monkeypatch):
    monkeypatch.setattr(MODULE, "AT_ONCE", 0)
    explorer, gate = features(run_of("cnn", squares()), squares(), split="test"), threading.Event()
    monkeypatch.setattr(MODULE, "reference_of", lambda *given: gate.wait(5))
    explorer.compare.click()
    assert explorer.job.running
    explorer.job.stop.click()
    explorer.channel.value = 3  # and the user goes on meanwhile
    assert "channel 3" in alt(explorer._looked_at)
    gate.set()
    explorer.job.wait()
    assert explorer.reference is None and "compare with the training images" in explorer._not_yet.value


def test_controls_follow(explorer):
    assert explorer.of.options == (("all classes", -1), ("top", 0), ("bottom", 1))
    explorer.of.value = 1
    assert explorer.case == 1 and "labelled bottom" in explorer._prediction.value
    explorer.image._go(+1)
    assert explorer.case == 3
    before = explorer._maps.value
    explorer.scale.value = EACH
    assert explorer._maps.value != before and f"colours {EACH}" in alt(explorer._maps)
    explorer.layer.value = "stem"
    assert "1 to 4 of 4" in alt(explorer._maps) and len(explorer.channel.options) == 4


def test_the_pages_of_the_channels():
    wide = mt.build("cnn", squares(), widths=(30, 4, 4))
    explorer = features(run_of(wide, squares()), squares(), split="test")
    explorer.layer.value = "stem"
    assert "1 to 24 of 30" in alt(explorer._maps)
    explorer.pages._go(+1)
    assert "25 to 30 of 30" in alt(explorer._maps)
    explorer.channel.value = explorer.channel.options[-1][1]
    assert f"channel {explorer.channel.value} of layer stem" in alt(explorer._looked_at)


# Every kind of run ------------------------------------------------------------------------------


def test_several_labels():
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]] * 4)
    many = mt.from_arrays(
        *[(blobs(20, seed)[0], labels) for seed in range(3)], classes=["nodule", "effusion"], name="many"
    )
    explorer = features(run_of("cnn", many), many, split="val")
    assert torch.allclose(explorer.before, explorer._run.model(normalise(many.val.images[:1])).sigmoid()[0], atol=1e-5)
    assert "labelled effusion" in explorer._prediction.value
    explorer.image.number.value = 3
    assert "labelled nodule, effusion" in explorer._prediction.value
    explorer.image.number.value = 4
    assert "labelled no label" in explorer._prediction.value and explorer.message.value == ""


def test_volumes_show_their_middle_slice():
    volumes = mt.from_arrays(*[blobs(8, seed, depth=16) for seed in range(3)], classes=["top", "bottom"], name="cubes")
    explorer = features(run_of("cnn", volumes), volumes, split="test")
    explorer.layer.value = "stem"
    assert explorer.maps.shape == (4, 8, 8, 8) and len(explorer.nearest) == 8
    assert explorer._colours[0].shape == (4, 8, 8, 3) and explorer.message.value == ""


@pytest.mark.parametrize("model", ["lenet", "vgg", "resnet18", "bag_of_patches", "patches_together"])
def test_other_networks(model):
    explorer = features(run_of(model, squares()), squares(), split="test")
    assert explorer.message.value == "" and explorer.after is not None
    assert explorer.still().png.startswith(b"\x89PNG")


def test_a_layer_that_is_called_twice_is_left_out():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.relu = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 3, 3), nn.ReLU()
            self.last = nn.Linear(3, 2)

        def forward(self, x):
            return self.last(self.relu(self.second(self.relu(self.first(x)))).amax((2, 3)))

    explorer = features(run_of(Twice(), squares()), squares(), split="test")
    assert [name for _, name in explorer.layer.options] == ["first", "second"]


# Sentences --------------------------------------------------------------------------------------


def organs():
    pairs = [(blobs(6, seed)[0], (blobs(6, seed)[0] > 200).astype(np.uint8)) for seed in range(3)]
    return mt.from_arrays(*pairs, task="segmentation", classes=["background", "organ"], name="organs")


def ages():
    pairs = [(blobs(6, seed)[0], np.linspace(0, 1, 6)) for seed in range(3)]
    return mt.from_arrays(*pairs, task="regression", classes=["age"], name="ages")


def clips():
    pairs = [blobs(6, seed, depth=4) for seed in range(3)]
    return mt.from_arrays(*pairs, classes=["a", "b"], name="clips", sequence=True)


@pytest.mark.parametrize(
    "model, make, words",
    [
        ("unet", organs, "use explorers.segmentation"),
        ("cnn", ages, "is a regression and predicts a number"),
        ("gru", clips, "use explorers.sequence"),
        ("vit", squares, "vit is a transformer.*use explorers.attention"),
        ("mlp", squares, "mlp has no layer with feature maps"),
    ],
)
def test_a_run_without_features_is_told_where_to_go(model, make, words):
    dataset = make()
    with pytest.raises(InputError, match=words) as refused:
        features(run_of(model, dataset), dataset, split="test")
    assert len(str(refused.value)) < 300 and "\n" not in str(refused.value)


def test_other_arguments_are_refused():
    run = run_of("cnn", squares())
    with pytest.raises(InputError, match="features takes a Run and its Dataset, not CNN and str"):
        features(run.model, "squares", split="test")
    with pytest.raises(InputError, match="split.*val.*test"):
        features(run, squares(), split="train")
    other = mt.from_arrays(*[blobs(20, seed, size=18) for seed in range(3)], classes=["top", "bottom"], name="other")
    with pytest.raises(InputError, match="not on this data set"):
        features(run, other, split="test")


# On the page ------------------------------------------------------------------------------------


def test_every_picture_has_words_with_numbers(explorer):
    explorer.rank.click()
    explorer.job.wait()
    for widget in (explorer._looked_at, explorer._maps, explorer._effects, explorer._near):
        assert re.search(r"\d\.\d", alt(widget))
    still = explorer.still()
    assert "nearest training images" in still.alt and VIEW in explorer._repr_mimebundle_()
    assert isinstance(explorer, FeaturesExplorer) and 'features(run, dataset, "test")' in explorer._code()


def test_phantoms_say_so():
    few = mt.data.phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 20, "val": 9, "test": 9})
    explorer = features(run_of("cnn", few), few, split="test")
    for widget in (explorer._looked_at, explorer._maps, explorer._near):
        assert alt(widget).startswith("Phantom images")
    assert explorer.way.value == ZERO


def test_controls_are_live():
    """A few times what it takes on an idle machine."""
    few = mt.data.phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 30, "test": 30})
    run = Run(mt.build("cnn", few).eval(), few.card, mt.Recipe(epochs=1), few.provenance)
    explorer = features(run, few, split="test")
    explorer.compare.click()
    explorer.job.wait()
    seconds = []
    for number in range(2, 12):
        start = time.perf_counter()
        explorer.image.number.value = number
        explorer.channel.value = number
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.5  # of two moves
