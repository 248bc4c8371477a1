"""A lecture: the explorers that fit a run, each made when it is opened; sentences for what does not fit."""

import pytest
import torch
from conftest import blobs
from test_every_explorer import MADE, clips, many_squares, organs, run_of, squares

import medtutor as mt
from medtutor.errors import InputError
from medtutor.explorers import lecture
from medtutor.explorers.lecture import KINDS, fitting
from medtutor.models.gan import Generator
from medtutor.training.gan_run import GANRun

OF_CLASSES = ["attribution", "classification", "confidence"]


def named_pneumoniamnist():
    """A run and its data set of the name and size of the frontier's."""
    parts = [blobs(24, seed, 28) for seed in range(3)]
    dataset = mt.from_arrays(*parts, classes=["top", "bottom"], name="pneumoniamnist")
    return run_of("mlp", dataset), dataset


FITS = {
    "cnn": (lambda: (run_of("cnn", squares()), squares()), [*OF_CLASSES, "features", "reading"]),
    "cnn, many": (
        lambda: (run_of("cnn", many_squares()), many_squares()),
        [*OF_CLASSES, "features", "monitor", "reading"],
    ),
    "vit": (
        lambda: (run_of("vit", squares(), patch=4, width=16, depth=1, heads=2), squares()),
        [*OF_CLASSES, "attention", "reading"],
    ),
    "unet": (lambda: (run_of("unet", organs(), widths=(4, 8, 8)), organs()), ["segmentation", "draw_mask"]),
    "lstm": (lambda: (run_of("lstm", clips()), clips()), ["sequence"]),
    "of the frontier": (named_pneumoniamnist, [*OF_CLASSES, "reading", "frontier"]),
}


@pytest.mark.parametrize("name", FITS)
def test_those_that_fit_are_offered(name):
    made, wanted = FITS[name]
    assert list(fitting(*made())) == wanted


def test_every_kind_is_offered_for_some_run_and_is_an_explorer_of_that_name():
    assert set().union(*(wanted for _, wanted in FITS.values())) == set(KINDS) <= set(MADE)


def test_an_explorer_is_made_when_it_is_opened_and_once(monkeypatch):
    run, dataset = run_of("cnn", squares()), squares()
    shown = lecture(run, dataset)
    assert list(shown.explorers) == ["attribution"]
    for name in ("confidence", "attribution", "confidence"):
        shown.chosen.value = name
        visible = [each for each in shown.children[1:] if each.layout.display != "none"]
        assert [place.children for place in visible] == [(shown.explorers[name].box,)]
        assert shown.message.value == ""
    assert list(shown.explorers) == ["attribution", "confidence"]


def test_one_alone_has_no_buttons():
    shown = lecture(run_of("cnn", squares()), squares(), only="features")
    assert list(shown.explorers) == ["features"] and shown.chosen.layout.display == "none"


def test_what_goes_wrong_is_said_and_the_others_stay(monkeypatch):
    def broken(run, dataset):
        raise RuntimeError("no room")

    monkeypatch.setitem(KINDS, "confidence", KINDS["confidence"]._replace(make=broken))
    shown = lecture(run_of("cnn", squares()), squares())
    shown.chosen.value = "confidence"
    assert "RuntimeError: no room" in shown.message.value and "confidence" not in shown.explorers
    shown.chosen.value = "attribution"
    assert shown.message.value == ""


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ("zzz", "unknown explorer 'zzz'. Known: attribution, classification, confidence, features, reading"),
        ("confidenc", "did you mean confidence"),
        ("attention", r"attention does not fit this run: cnn has no attention .*\. What fits: attribution, class"),
        ("frontier", "frontier does not fit this run: it shows models of pneumoniamnist at 28 pixels"),
        ("explore", "unknown explorer 'explore'"),
    ],
)
def test_another_name_is_told_what_fits(only, words):
    with pytest.raises(InputError, match=words) as told:
        lecture(run_of("cnn", squares()), squares(), only=only)
    assert "\n" not in str(told.value)


def test_a_run_that_nothing_fits_and_a_foreign_data_set_are_refused():
    numbers = mt.from_arrays(
        *[(squares().train.images.numpy()[:, 0], torch.arange(24).float().numpy() + seed) for seed in range(3)],
        task="regression",
        classes=["age"],
        name="ages",
    )
    with pytest.raises(InputError, match="the run is a regression"):
        lecture(run_of("cnn", numbers), numbers)
    with pytest.raises(InputError, match="the run was made on tiny"):
        lecture(run_of("cnn", squares()), organs())
    with pytest.raises(InputError, match="takes a Run"):
        lecture("runs/xray")


def test_a_generator_has_its_explorer():
    torch.manual_seed(0)
    gan = GANRun(Generator(latents=8, shape=(16, 16), widths=(16, 8)).eval())
    assert list(lecture(gan).explorers) == ["generator"]
    assert list(lecture(gan, squares()).explorers) == ["generator"]
    with pytest.raises(InputError, match="unknown explorer 'attention'. Known: generator"):
        lecture(gan, only="attention")
