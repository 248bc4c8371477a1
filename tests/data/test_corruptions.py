"""Corruptions: five steps each, every one further from the image than the one before, and the same with one seed."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF

from medtutor.data import card, phantoms
from medtutor.data.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from medtutor.errors import InputError

XRAYS = phantoms.draw(card("pneumoniamnist"), {"train": 2, "val": 2, "test": 40}).test.images


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_each_severity_is_further_away(kind):
    away = []
    for severity in range(SEVERITIES + 1):
        worse = corrupted(XRAYS, kind, severity)
        assert worse.dtype == np.uint8 and worse.shape == tuple(XRAYS.shape)
        away.append(np.abs(worse.astype(float) - XRAYS.numpy()).mean())
    if kind == "pixelate":  # 28 pixels halved are whole blocks, which change less than blocks that are cut
        away.pop(4)
    assert away[0] == 0 and (np.diff(away) > 0).all(), away
    assert len(CORRUPTIONS[kind].severities) == SEVERITIES and CORRUPTIONS[kind].meaning


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_one_seed_one_corruption_and_the_images_are_left_alone(kind):
    before = XRAYS.clone()
    first, again, other = (corrupted(XRAYS, kind, 4, seed) for seed in (1, 1, 2))
    assert (first == again).all() and torch.equal(XRAYS, before)
    assert (first != other).any() == ("noise" in kind or kind == "another scanner")


def test_there_are_the_thirteen_kinds_of_medmnist_c_for_these_x_rays_and_a_scanner():
    assert len(CORRUPTIONS) == 14 and "another scanner" in CORRUPTIONS


def test_gamma_blur_and_brightness_are_torchvisions():
    for kind, theirs in (
        ("gamma up", lambda x: TF.adjust_gamma(x, 1.3)),
        ("brightness down", lambda x: TF.adjust_brightness(x, 0.7)),
        ("gaussian blur", lambda x: TF.gaussian_blur(x, 7)),
    ):
        found = corrupted(XRAYS, kind, 3).astype(int)
        # They cut a kernel off, and round down: a few grey levels.
        assert np.abs(found - theirs(XRAYS).numpy().astype(int)).max() <= 4, kind


def test_images_without_the_axis_of_the_channel():
    flat = XRAYS[:, 0].numpy()
    assert (corrupted(flat, "contrast up", 2) == corrupted(XRAYS, "contrast up", 2)[:, 0]).all()


@pytest.mark.parametrize(
    "images, kind, severity, words",
    [
        (XRAYS, "rust", 1, "unknown corruption 'rust'"),
        (XRAYS, "pixelate", 6, "severity must be from 0 to 5, not 6"),
        (XRAYS, "pixelate", 1.5, "severity must be a whole number"),
        (XRAYS.float(), "pixelate", 1, "grey uint8"),
        (XRAYS[:0], "pixelate", 1, "one or more"),
        (XRAYS.repeat(1, 3, 1, 1), "pixelate", 1, "grey uint8"),
    ],
)
def test_bad_input_is_one_sentence(images, kind, severity, words):
    with pytest.raises(InputError, match=words):
        corrupted(images, kind, severity)
