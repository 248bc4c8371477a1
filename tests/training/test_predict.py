"""What a trained model is asked: arrays as a user has them are answered, anything else gets one sentence."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.errors import InputError
from medtutor.models.hybrid import Fusion
from medtutor.training.fusion import predict_fusion
from medtutor.training.gan import spread
from medtutor.training.heads import features_of
from medtutor.training.prediction import predict_logits

SIDE = 8
QUICK = mt.Recipe(epochs=1, batch_size=8, shift=0.0, shift_at_test=0, label_smoothing=0.0, mirror=False)
KINDS = ("grey", "colour", "volumes", "clips", "masks")


@cache
def run(kind):
    """A run on 8 x 8 pixels."""
    if kind == "masks":
        data = mt.from_arrays(
            *[(images, (images > 200).astype(np.uint8)) for images, _ in map(squares, range(3))], task="segmentation"
        )
        model = mt.build("unet", data, widths=(4, 8))
    elif kind == "clips":
        data = mt.from_arrays(
            *[(np.stack([images] * 3, 1), labels) for images, labels in map(squares, range(3))], sequence=True
        )
        model = mt.build("gru", data)
    else:
        more = {"colour": {"channels": 3}, "volumes": {"depth": SIDE}}.get(kind, {})
        data = mt.from_arrays(*[squares(seed, **more) for seed in range(3)])
        model = mt.build("cnn", data, widths=(4, 8, 8))
    return mt.fit(model, data, QUICK, progress=False), data


def squares(seed, **more):
    return blobs(12, seed, size=SIDE, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_lists_and_read_only_arrays_are_answered_as_tensors_are(kind):
    trained, data = run(kind)
    images = data.test.images
    wanted = trained.predict(images)
    array = images.numpy().copy()
    array.flags.writeable = False
    for given in (
        array,
        list(images),
        [image.numpy() for image in images],
        images[::1].transpose(-1, -2).transpose(-1, -2),
    ):
        assert torch.equal(trained.predict(given), wanted)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "colour"])
def test_grey_images_need_no_axis_for_the_channel(kind):
    trained, data = run(kind)
    flat = data.test.images.squeeze(2 if kind == "clips" else 1)
    assert torch.equal(trained.predict(flat), trained.predict(data.test.images))
    assert torch.equal(trained.predict(flat.numpy()), trained.predict(data.test.images))


@pytest.mark.parametrize("kind", KINDS)
def test_one_case_alone_is_a_batch_of_one(kind):
    trained, data = run(kind)
    assert torch.equal(trained.predict(data.test.images[3]), trained.predict(data.test.images[3:4]))


def test_a_clip_may_be_longer_or_shorter_than_those_of_the_training():
    trained, data = run("clips")
    assert (
        trained.predict(data.test.images[:, :1]).shape
        == trained.predict(data.test.images.repeat(1, 2, 1, 1, 1)).shape
        == (12, 2)
    )


def test_a_model_of_clips_of_one_length_says_so():
    data = run("clips")[1]
    trained = mt.fit(mt.build("fourier", data), data, QUICK, progress=False)
    try:
        assert trained.predict(data.test.images[:, :1]).shape == (12, 2)
    except InputError as error:
        assert "does not take clips of 1 frames" in str(error) and "give clips of 3" in str(error)


# {name: of the test images, what is wrong}
WRONG = {
    "floats 0 to 1": lambda images: images.float() / 255,
    "floats 0 to 255": lambda images: images.float(),
    "float array": lambda images: images.numpy() / 255,
    "int16": lambda images: images.to(torch.int16),
    "int64 array": lambda images: images.numpy().astype(np.int64),
    "bool": lambda images: images > 100,
    "NaN": lambda images: torch.full_like(images.float(), torch.nan),
    "larger": lambda images: torch.cat([images, images], dim=-1),
    "smaller": lambda images: images[..., 1:],
    "two channels more": lambda images: images.repeat_interleave(3, dim=-3 if images.dim() == 4 else 2),
    "one channel": lambda images: images[0, ..., 0, :, :] if images.dim() > 4 else images[0, 0],
    "one more axis": lambda images: images[None],
    "no image": lambda images: images[:0],
    "empty list": lambda images: [],
    "unlike": lambda images: [images[0], images[0, ..., 1:]],
    "text": lambda images: "images",
    "nothing": lambda images: None,
    "a number": lambda images: 3,
    "a sparse tensor": lambda images: images.to_sparse(),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_model_cannot_take_is_refused_in_a_sentence(kind, wrong):
    trained, data = run(kind)
    with pytest.raises(InputError) as refused:
        trained.predict(WRONG[wrong](data.test.images))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250


def test_wrong_logits_are_not_read_as_probabilities():
    for kind, shape in (
        ("grey", (2,)),
        ("grey", (5, 3)),
        ("grey", (2, 4, 2)),
        ("masks", (5, 2)),
        ("masks", (5, 3, 8, 8)),
    ):
        with pytest.raises(InputError, match="read takes what"):
            run(kind)[0].read(torch.zeros(shape))
    with pytest.raises(InputError, match="read takes what"):
        run("grey")[0].read([[0.0, 1.0]])


# Others that look at images ------------------------------------------------------------------

TABLE = torch.zeros(12, 2)
LOOK = {
    "predict_logits": ("grey", lambda images: predict_logits(run("grey")[0].model, images)),
    "predict_fusion": ("grey", lambda images: predict_fusion(Fusion(shape=(SIDE, SIDE)), images, TABLE)),
    "features_of": ("clips", lambda images: features_of(run("clips")[0].model, images)),
    "spread": ("grey", lambda images: spread(images)),
}


@pytest.mark.parametrize(
    "wrong", ["floats 0 to 1", "int16", "NaN", "no image", "empty list", "text", "nothing", "a number"]
)
@pytest.mark.parametrize("name", LOOK)
def test_others_that_look_at_images_refuse_them_too(name, wrong):
    kind, look = LOOK[name]
    with pytest.raises(InputError) as refused:
        look(WRONG[wrong](run(kind)[1].test.images))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "table, words",
    [
        (TABLE[:11], "12 images (and|but) 11 rows"),
        (TABLE.repeat(2, 1), "12 images (and|but) 24 rows"),  # was cut off without a word
        (TABLE[0], "of shape"),
        (TABLE.long(), "torch.int64"),
        (TABLE / 0 + 1, None),  # NaN: nothing is known
        (TABLE + torch.inf, "no infinity"),
        (TABLE.repeat(1, 2), "a table of 4 columns"),
        ("table", "no array"),
    ],
)
def test_a_table_has_one_row_for_each_image(table, words):
    images, model = run("grey")[1].test.images, Fusion(shape=(SIDE, SIDE))
    if words is None:
        assert predict_fusion(model, images.numpy(), table.numpy()).isfinite().all()
        return
    with pytest.raises(InputError, match=words):
        predict_fusion(model, images, table)
    assert model.training  # left as it was
