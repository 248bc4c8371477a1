"""Images as users hand them over: what is meant is taken, what is not gets one sentence."""

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.data.images import as_image, as_images, case_shape
from medtutor.errors import InputError

GREY, COLOUR, VOLUME, CLIP = (1, 6, 5), (3, 6, 5), (1, 4, 6, 5), (7, 1, 6, 5)


def drawn(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_shape_of_a_case_is_that_of_its_card():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 6), dtype=np.uint8)
    data = mt.from_arrays(*[(images, [0, 1, 0, 1])] * 3)
    assert case_shape(data.card) == tuple(data.train.images.shape[1:]) == (1, 6, 6, 6)
    clips = mt.from_arrays(*[(images, [0, 1, 0, 1])] * 3, sequence=True)
    assert case_shape(clips.card) == tuple(clips.train.images.shape[1:]) == (6, 1, 6, 6)


@pytest.mark.parametrize("shape", [GREY, COLOUR, VOLUME, CLIP])
def test_arrays_tensors_and_lists_of_them_are_the_same_images(shape):
    images = drawn(3, *shape)
    backwards = images.flip(0).numpy()[::-1]  # negative strides
    for form in (images, images.numpy(), list(images), tuple(images.numpy()), backwards, images.contiguous()[:, :]):
        assert torch.equal(as_images(form, shape), images)
        if shape is not CLIP:  # of which nothing is known but its axes
            assert torch.equal(as_images(form), images)
    assert torch.equal(as_image(images[0], shape), images[0])
    assert torch.equal(as_image(images.transpose(-1, -2)[0].transpose(-1, -2), shape), images[0])


def test_one_channel_needs_no_axis():
    assert torch.equal(as_image(drawn(6, 5), GREY), drawn(*GREY))
    assert torch.equal(as_image(drawn(6, 5)), drawn(*GREY))
    assert torch.equal(as_image(drawn(4, 6, 5).numpy(), VOLUME), drawn(*VOLUME))
    assert as_images([drawn(6, 5).numpy(), drawn(*GREY)], GREY).shape == (2, *GREY)


def test_a_read_only_array_is_taken_without_a_warning(recwarn):
    pixels = np.broadcast_to(drawn(6, 5).numpy(), GREY)
    assert torch.equal(as_image(pixels, GREY), drawn(*GREY)) and not recwarn


@pytest.mark.parametrize(
    "image, words",
    [
        (drawn(*GREY).float(), "the image is torch.float32; give uint8 0…255"),
        (np.full(GREY, np.nan), "the image is float64; give uint8 0…255"),
        (drawn(*GREY).numpy().astype(np.int16), "the image is int16; give uint8"),
        (drawn(*GREY) > 3, "the image is torch.bool; give uint8"),
        (np.array([["a"]]), "the image is <U1; give uint8"),
        (None, "the image is NoneType; give uint8"),
        ("scan.png", "the image is str; give uint8"),
        ([[0]], "the image is list; give uint8"),
        (drawn(*GREY).to_sparse(), "give uint8"),
        (drawn(), r"shape \(\); net takes \(1, 6, 5\), channels first"),
        (drawn(5), r"shape \(5,\); net takes \(1, 6, 5\)"),
        (drawn(6, 4), r"shape \(1, 6, 4\); net takes \(1, 6, 5\)"),
        (drawn(6, 5, 1), r"shape \(6, 5, 1\); net takes \(1, 6, 5\), channels first"),
        (drawn(*COLOUR), r"shape \(3, 6, 5\); net takes \(1, 6, 5\)"),
        (drawn(1, *GREY), r"shape \(1, 1, 6, 5\); net takes \(1, 6, 5\)"),
        (drawn(0, 5), r"shape \(1, 0, 5\); net takes"),
    ],
)
def test_what_is_no_image_of_the_model_gets_one_sentence(image, words):
    with pytest.raises(InputError, match=words):
        as_image(image, GREY, "net")
    with pytest.raises(InputError, match=words):
        as_images([image], GREY, "net")


@pytest.mark.parametrize(
    "images, shape, words",
    [
        ([], GREY, "there is no image: the list is empty"),
        (drawn(0, *GREY), GREY, "there is no image: the batch is empty"),
        (drawn(*GREY), GREY, r"the images have shape \(1, 6, 5\); net takes \(N, 1, 6, 5\), channels first"),
        (drawn(6, 5), None, r"the images have shape \(6, 5\); net takes \(N, C, H, W\), channels first"),
        (drawn(2, *VOLUME), GREY, r"the images have shape \(2, 1, 4, 6, 5\); net takes \(N, 1, 6, 5\)"),
        (drawn(2, 6, 5, 3), COLOUR, r"the image has shape \(6, 5, 3\); net takes \(3, 6, 5\), channels first"),
        (
            [drawn(6, 5), drawn(5, 5)],
            None,
            r"the images have shapes \(1, 6, 5\) and \(1, 5, 5\); give images of one size",
        ),
        ([drawn(6, 5), drawn(*VOLUME)], None, "give images of one size"),
        (drawn(2, *GREY).float() / 255, GREY, "the image is torch.float32; give uint8"),
        (drawn(2, 6, *GREY), CLIP, r"the image has shape \(6, 1, 6, 5\); net takes \(7, 1, 6, 5\)"),
    ],
)
def test_many_images_that_do_not_fit(images, shape, words):
    with pytest.raises(InputError, match=words):
        as_images(images, shape, "net")


def test_a_none_in_the_shape_stands_for_any_number():
    assert as_image(drawn(*COLOUR), (None, None, None)).shape == COLOUR
    with pytest.raises(InputError, match=r"takes \(1, H, W\)"):
        as_image(drawn(*COLOUR), (1, None, None))
    with pytest.raises(InputError, match=r"takes \(C, D, H, W\)"):
        as_image(drawn(6, 5), (None, None, None, None))
