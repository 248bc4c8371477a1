"""Uncertainty tells failures from good cases where it should, and says when it cannot."""

import math

import numpy as np
import pytest
import torch

from medtutor.data.augmentation import DEGRADATIONS, degrade
from medtutor.errors import InputError
from medtutor.reports.quality import FEATURES, QualityModel, flag, judge_flags, leave_one_out, uncertainty_features


def squares(sureness, shape=(16, 16)):
    """Probabilities (P, 2, …): a box, found with that probability and left out with the rest of it."""
    cases = []
    for sure in sureness:
        p = np.full(shape, 1 - sure)
        p[tuple(slice(4, 10) for _ in shape)] = sure
        cases.append(np.stack([1 - p, p]))
    return np.stack(cases)


@pytest.mark.parametrize("shape", [(16, 16), (14, 14, 14)])
def test_the_less_sure_the_higher_the_entropy_and_the_lower_the_self_dice(shape):
    features = uncertainty_features(torch.from_numpy(squares([0.999, 0.9, 0.6], shape)))
    assert list(features) == [name for name in FEATURES if name != "agreement"]
    assert (np.diff(features["entropy"]) > 0).all() and (np.diff(features["boundary entropy"]) > 0).all()
    assert (np.diff(features["self-Dice"]) < 0).all() and features["self-Dice"][0] > 0.95
    assert features["volume"].tolist() == [6 ** len(shape)] * 3 and features["components"].tolist() == [1] * 3


def test_features_by_hand():
    case = np.array([[[[0.2, 0.5 - 1e-9, 1.0, 0.0]], [[0.8, 0.5 + 1e-9, 0.0, 1.0]]]])
    features = uncertainty_features(case)
    entropy = -(0.8 * math.log2(0.8) + 0.2 * math.log2(0.2))
    assert features["entropy"][0] == pytest.approx((entropy + 1 + 0) / 3, abs=1e-6)
    assert features["self-Dice"][0] == pytest.approx(2 * 2.3 / (2.3 + 3), abs=1e-6)
    assert features["volume"][0] == 3 and features["components"][0] == 2


def test_nothing_predicted_is_the_worst_case():
    nothing = squares([0.3]).clip(max=0.7)
    nothing[:, 0], nothing[:, 1] = 0.9, 0.1
    features = {name: column[0] for name, column in uncertainty_features(nothing, [nothing]).items()}
    assert features == {
        "entropy": 1,
        "boundary entropy": 1,
        "self-Dice": 0,
        "volume": 0,
        "components": 0,
        "agreement": 0,
    }


def test_agreement_is_the_dice_with_the_other_predictions():
    given = squares([0.9])
    same, away = given, np.roll(given, 3, axis=-1)
    assert uncertainty_features(given, [same])["agreement"][0] == pytest.approx(1)
    assert uncertainty_features(given, [same, away])["agreement"][0] == pytest.approx(0.75)
    with pytest.raises(InputError, match="same images and shape"):
        uncertainty_features(given, [given[:, :, 1:]])
    with pytest.raises(InputError, match="same images and shape"):
        uncertainty_features(given, [])
    with pytest.raises(InputError, match="2 classes or more"):
        uncertainty_features(given[:, :1])


def cases(count=30, seed=0):
    """Features of which one follows the Dice and one does not."""
    rng = np.random.default_rng(seed)
    dice = rng.uniform(0.2, 0.95, count)
    return {"self-Dice": dice + rng.normal(0, 0.03, count), "noise": rng.normal(0, 5, count)}, dice


def test_the_model_learns_which_feature_follows_the_dice():
    features, dice = cases()
    model = QualityModel.fit(features, dice)
    assert model.weights["self-Dice"] > 10 * abs(model.weights["noise"])
    unseen, truth = cases(seed=1)
    assert np.abs(model.predict(unseen) - truth).mean() < 0.05
    wild = {"self-Dice": np.array([-9.0, 9.0]), "noise": np.zeros(2)}
    assert model.predict(wild).tolist() == [0, 1], "a Dice lies in 0…1"


def test_leaving_a_patient_out_leaves_all_of_him_out():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(8), 3)
    dice = np.repeat(rng.uniform(0.3, 0.9, 8), 3)
    # The features name the patient and know nothing else: what is learned of one is no use for the next.
    names = {f"is {p}": (patients == p).astype(float) for p in range(8)}
    leaky = np.abs(leave_one_out(names, dice) - dice).mean()
    honest = np.abs(leave_one_out(names, dice, groups=patients) - dice).mean()
    assert leaky < 0.3 * honest


def test_wrong_features_are_refused():
    features, dice = cases()
    with pytest.raises(InputError, match="finite Dice for each"):
        QualityModel.fit(features, dice[1:])
    with pytest.raises(InputError, match="finite Dice for each"):
        QualityModel.fit(features, np.where(dice > 0.5, dice, np.nan))
    with pytest.raises(InputError, match="not a finite number"):
        QualityModel.fit({**features, "noise": features["noise"] * np.inf}, dice)
    with pytest.raises(InputError, match="those of the fit: self-Dice, noise"):
        QualityModel.fit(features, dice).predict({"self-Dice": dice})


def test_flags_are_judged_by_the_failures():
    predicted, dice = [0.9, 0.8, 0.6, 0.3], [0.85, 0.6, 0.75, 0.2]
    assert flag(predicted).tolist() == [False, False, True, True]
    quality = judge_flags(predicted, dice)
    assert quality.failures == 2 and quality.found == 0.5 and quality.false == 0.5
    assert quality.auroc == 0.75 and quality.error == pytest.approx(0.125)
    assert quality.correlation == pytest.approx(np.corrcoef(predicted, dice)[0, 1])
    assert "50% of 2 failures flagged" in str(quality)


def test_without_failures_there_is_no_auroc_and_the_text_says_so():
    quality = judge_flags([0.9, 0.8], [0.85, 0.9])
    assert math.isnan(quality.auroc) and math.isnan(quality.found) and quality.false == 0
    assert "AUROC not defined: no case has a Dice below 0.7" in str(quality)
    assert "every case has" in str(judge_flags([0.9, 0.8], [0.1, 0.2]))
    assert math.isnan(judge_flags([0.5, 0.5], [0.1, 0.9]).correlation)
    with pytest.raises(InputError, match="do not fit"):
        judge_flags([0.5], [0.5])


# Degraded images ----------------------------------------------------------------------------


def scans(shape):
    """Smooth random images, 0…255."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((2, *shape)), (0, *[1.5] * len(shape)))
    return np.clip(128 + 60 * noise / noise.std(), 1, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (16, 20, 24)])
@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_stronger_is_worse_and_a_seed_repeats(kind, shape):
    images = scans(shape)
    before = images.copy()
    worse = [degrade(images, kind, strength, 5) for strength in (0, 0.3, 1)]
    errors = [np.abs(each.astype(float) - images).mean() for each in worse]
    assert errors[0] == 0 and 0 < errors[1] < errors[2]
    assert worse[2].dtype == np.uint8 and worse[2].shape == images.shape
    np.testing.assert_array_equal(degrade(torch.from_numpy(images), kind, 1, np.random.default_rng(5)), worse[2])
    np.testing.assert_array_equal(images, before)
    assert (degrade(images, kind, 1, 6) != worse[2]).any() == (kind not in ("blur", "contrast"))


def test_a_shift_moves_the_masks_alike():
    images = scans((28, 28))
    masks = (images > 150).astype(np.uint8)
    moved, truth = (degrade(each, "shift", 0.7, 3) for each in (images, masks))
    np.testing.assert_array_equal(moved > 150, truth)
    assert (truth != masks).any()


def test_each_kind_does_what_it_says():
    images = scans((28, 28))[:1]
    spread = images.std()
    assert degrade(images, "contrast", 1).std() == pytest.approx(0.1 * spread, rel=0.1)
    assert degrade(images, "blur", 1).std() < 0.6 * spread
    flat = np.full((1, 64, 64), 128, np.uint8)
    assert degrade(flat, "noise", 0.5).std() == pytest.approx(30, rel=0.05)
    field = degrade(flat, "bias field", 0.5)
    assert 1.5 < max(field.max() / 128, 128 / field.min()) < 1.8, "half of a threefold change, as a power: 1.73"
    # Swaying turns phases in frequency space and no more: the energy of the image stays (Parseval).
    ghost, before = (each.astype(float) for each in (degrade(images, "ghost", 0.5), images))
    assert (ghost**2).mean() == pytest.approx((before**2).mean(), rel=0.01)


@pytest.mark.parametrize(
    "kind, strength, words", [("nois", 0.5, "did you mean noise"), ("noise", 2, "from 0 .nothing.")]
)
def test_wrong_degradations_are_refused(kind, strength, words):
    with pytest.raises(InputError, match=words):
        degrade(scans((8, 8)), kind, strength)


def test_images_that_are_not_bytes_are_refused():
    with pytest.raises(InputError, match="give uint8"):
        degrade(np.zeros((1, 8, 8)), "noise", 0.5)
