"""Training on masks: the loop learns, the Run keeps, and what cannot work is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import medtutor as mt
from medtutor.errors import InputError
from medtutor.training import default_recipe
from medtutor.training.losses import case_losses


def lesions(count, seed, shape=(16, 24)):
    """(images, masks): a bright disc in noise, and in every fourth image none."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 120, (count, *shape), dtype=np.uint8)
    rows, columns = np.indices(shape)
    masks = np.zeros((count, *shape), dtype=np.uint8)
    for number, (image, mask) in enumerate(zip(images, masks)):
        y, x = generator.uniform((4, 4), (shape[0] - 4, shape[1] - 4))
        mask[(rows - y) ** 2 + (columns - x) ** 2 < 9] = number % 4 > 0
        image[mask == 1] += 100
    return images, masks


@pytest.fixture(scope="module")
def dataset():
    patients = {"train": np.repeat(range(6), 4), "val": np.repeat(range(6, 8), 4), "test": np.repeat(range(8, 11), 4)}
    return mt.from_arrays(
        lesions(24, 0),
        lesions(8, 1),
        lesions(12, 2),
        classes=["background", "lesion"],
        patients=patients,
        spacing=(2, 1, 1),
    )


@pytest.fixture(scope="module")
def run(dataset):
    recipe = default_recipe(dataset.card, epochs=12, batch_size=6, shift=1.0)
    return mt.fit(mt.build("unet", dataset, widths=(8, 16)), dataset, recipe, progress=False)


def test_it_learns_and_measures_by_patient(run, dataset):
    assert run.test.n == 3 and run.test.dice > 0.7
    assert run.test.surface_dice > 0.5 and run.test.hd95 < 20
    assert set(run.test.of_class) == {"lesion"}
    assert set(run.history[0]) == {"epoch", "loss", "val_dice", "seconds"}
    assert run.predictions["test"].shape == (12, 2, 16, 24) and run.predictions["test"].dtype == torch.float16
    assert torch.equal(run.labels["test"], dataset.test.masks)
    assert {"dice", "hd95"} <= set(run.summary()["test"])


def test_the_run_comes_back_from_disk(run, dataset, tmp_path):
    run.save(tmp_path)
    again = mt.Run.load(tmp_path)
    assert again.test == run.test and again.card == run.card and str(again) == str(run)
    assert torch.equal(again.predict(dataset.test.images), run.predict(dataset.test.images))


def test_it_repeats_bit_for_bit(run, dataset):
    again = mt.fit(mt.build("unet", dataset, widths=(8, 16)), dataset, run.recipe, progress=False)
    assert again.test == run.test and torch.equal(again.predictions["test"], run.predictions["test"])


def test_volumes_train_too(dataset):
    volumes = dataset.as_volumes()
    recipe = default_recipe(volumes.card, epochs=1, shift=0.0)
    run = mt.fit(mt.build("unet", volumes, widths=(4, 8)), volumes, recipe, progress=False)
    assert run.predictions["val"].shape == (2, 2, 4, 16, 24) and run.test.n == 3


def test_mirrored_predictions_are_mirrored_back(run, dataset):
    """Averaged over its mirror image, the answer to a mirrored image is the mirrored answer."""
    from medtutor.training.prediction import predict_logits

    images = dataset.test.images
    there = predict_logits(run.model, images, mirror=(-1,))
    back = predict_logits(run.model, images.flip(-1), mirror=(-1,))
    assert torch.allclose(there, back.flip(-1), atol=1e-4)


def test_the_loss_of_a_case_by_hand():
    """Cross-entropy, the mean over pixels, plus one minus the soft Dice of the foreground."""
    torch.manual_seed(0)
    logits, masks = torch.randn(3, 3, 5, 4), torch.randint(0, 3, (3, 5, 4))
    chances = logits.softmax(dim=1)
    for case, loss in enumerate(case_losses(logits, masks, "segmentation")):
        entropy = -chances[case].gather(0, masks[case][None]).log().mean()
        dice = []
        for number in (1, 2):
            p, truth = chances[case, number], (masks[case] == number).float()
            dice.append((2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1))
        assert loss == pytest.approx((entropy + 1 - sum(dice) / 2).item(), rel=1e-5)


def test_empty_images_can_be_left_out(dataset):
    """A train split of 24 with 18 images that hold a lesion: 3 steps of 6 against 4."""
    from medtutor.training.loop import _Trainer
    from medtutor.training.processes import make_accelerator

    for skip, steps in ((True, 3), (False, 4)):
        recipe = default_recipe(dataset.card, batch_size=6, skip_empty=skip)
        trainer = _Trainer(mt.build("unet", dataset, widths=(4, 8)), dataset, recipe, make_accelerator("cpu"), False)
        assert trainer.steps == steps


def test_what_does_not_fit_is_refused(dataset, tiny):
    with pytest.raises(
        InputError, match="cnn answers with classes, but arrays is for segmentation; choose one of unet, fcn"
    ):
        mt.build("cnn", dataset)
    with pytest.raises(InputError, match="unet answers with a mask, but tiny is for binary; choose one of cnn"):
        mt.build("unet", tiny)
    with pytest.raises(InputError, match="shift_at_test must be 0"):
        mt.fit(
            mt.build("unet", dataset, widths=(4, 8)),
            dataset,
            default_recipe(dataset.card, shift_at_test=1),
            progress=False,
        )


def test_slices_that_make_no_volumes_are_refused_before_training(dataset):
    """Half of a volume was once measured with half of another one."""
    cut = {name: getattr(dataset.val, name)[:-1] for name in ("images", "masks", "patients")}
    with pytest.raises(InputError, match="the patients have unequal numbers of slices"):
        mt.fit(
            mt.build("unet", dataset, widths=(4, 8)), replace(dataset, val=replace(dataset.val, **cut)), progress=False
        )
