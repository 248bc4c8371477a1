"""The experiments about drawn images, on a few phantoms and with an untrained generator: what is compared with what,
and that it is fair.
"""

from types import SimpleNamespace

import pytest
import torch

from medtutor.data import catalog
from medtutor.data.phantoms import draw
from medtutor.data.subsets import few_of
from medtutor.models.gan import Generator
from medtutor.review import claims
from medtutor.review.cases import PerCase, unpacked
from medtutor.review.experiments import gan as trials
from medtutor.review.experiments.gan import LABELS, drawn_or_real, few_shot_augmentation
from medtutor.training import Recipe, few_shot
from medtutor.training.few_shot import ARMS, POOL
from medtutor.training.gan import GANRun


@pytest.fixture(scope="module")
def xray():
    return draw(catalog.card("pneumoniamnist"), {"train": 160, "val": 40, "test": 30})


@pytest.fixture
def quick(monkeypatch):
    """A generator that was never trained in place of the one that ships, and few steps everywhere."""
    torch.manual_seed(0)
    untrained = GANRun(Generator(classes=2, widths=(16, 8, 8)).eval())
    monkeypatch.setattr(trials, "load_gan", lambda name: untrained)
    for name, value in dict(EPOCHS=1, POOL=80, WIDTHS=(4, 8)).items():
        monkeypatch.setattr(few_shot, name, value)
    for name, value in dict(LABELS=(5,), SIZES=dict(latents=4, widths=(4, 8))).items():
        monkeypatch.setattr(trials, name, value)
    monkeypatch.setattr(trials.gan_of, "__defaults__", (2, False))  # steps of a GAN


def test_an_untrained_generator_is_told_apart_and_real_images_are_not(xray, quick):
    told = trials.told_apart(Recipe(epochs=1, seed=0), xray)
    assert {name for name, each in told.items() if isinstance(each, PerCase)} == {
        *(f"{source} told by {judge}" for source in ("GAN", "VAE", "real") for judge in ("a CNN", "features")),
        "GAN learned from",
        "real learned from",
    }
    found = {name: each.number if isinstance(each, PerCase) else each for name, each in told.items()}
    assert found["GAN told by features"] > 0.9 > 0.75 > found["real told by features"]
    assert len(unpacked(told["GAN told by a CNN"].values, 1)) == len(xray.val)
    assert found["GAN recall"] < found["real recall"] and found["GAN KID"] > found["real KID"]
    assert all(isinstance(value, float) for value in found.values())


def test_the_share_of_right_answers_is_kept_by_held_out_image():
    right = [[True, True, False, True], [False, False, True, False]]
    case = trials._of_held_out(right)
    assert case.number == 4 / 8 and unpacked(case.values, 1) == pytest.approx([0.625, 0.625, 0.125, 0.625], abs=1e-3)


def test_real_images_that_take_the_place_of_drawn_ones_are_not_those_the_judge_learned_from(xray, quick, monkeypatch):
    judged, told = [], trials._told_by_cnn
    monkeypatch.setattr(trials, "_told_by_cnn", lambda *given: (judged.append(given), told(*given))[1])
    trials.told_apart(Recipe(epochs=1, seed=1), xray)
    (_, (real, in_place), (held_out, unseen), _), *others = judged
    parts = [{image.numpy().tobytes() for image in images} for images in (real, in_place, held_out, unseen)]
    assert all(not (one & other) for i, one in enumerate(parts) for other in parts[:i])
    assert len(real) == len(in_place) and len(held_out) == len(unseen) == len(xray.val)
    # Each source is judged with the same real images.
    assert all(torch.equal(given[1][0], real) and len(given[1][1]) == len(in_place) for given in others)


def test_every_arm_sees_as_many_images_and_of_each_class_the_same(xray, quick, monkeypatch):
    seen, trained = {}, few_shot.small_cnn

    def watch(dataset, learned_from, unseen, seed, **changes):
        seen[arm] = learned_from, changes
        return trained(dataset, learned_from, unseen, seed, **changes)

    monkeypatch.setattr(few_shot, "small_cnn", watch)
    few = few_of(xray, 5, seed=0)
    sources = {"own": trials.gan_of(xray, few, seed=0), "shipped": trials.load_gan("any")}
    for arm in ARMS:
        assert 0 <= trials.classifier_of(xray, few, arm, sources, seed=0).test.auc <= 1
    known = {image.numpy().tobytes() for image in few.images}
    for arm, (pool, changes) in seen.items():
        assert torch.bincount(pool.labels).tolist() == [40, 40]
        real = sum(image.numpy().tobytes() in known for image in pool.images)
        assert real == (80 if ARMS[arm][0] is None else 40)
        assert (changes == {}) is ARMS[arm][1]


def test_the_few_labelled_images_are_training_images_and_others_with_another_seed(xray):
    few, same, other = few_of(xray, 5, seed=0), few_of(xray, 5, seed=0), few_of(xray, 5, seed=1)
    assert torch.bincount(few.labels).tolist() == [5, 5]
    train = {image.numpy().tobytes() for image in xray.train.images}
    assert all(image.numpy().tobytes() in train for image in few.images)
    assert torch.equal(few.images, same.images) and not torch.equal(few.images, other.images)


def test_the_arms_are_those_of_the_experiment(xray, quick):
    found = trials.augmented(Recipe(seed=0), xray)
    assert set(found) == {f"{arm} 5" for arm in ARMS}
    assert all(each.labels == tuple(xray.test.labels.tolist()) for each in found.values())


def test_half_of_the_pool_divides_by_every_number_of_labels():
    """So that in no arm one labelled image is shown more often than another."""
    assert all(POOL // 2 % (2 * count) == 0 for count in LABELS)


@pytest.mark.parametrize("experiment", [drawn_or_real, few_shot_augmentation])
def test_the_contrasts_of_the_claims_are_measured(experiment):
    """Each claim about drawn images names contrasts that its experiment yields."""

    class Any(dict):
        def __missing__(self, key):
            return 0.5

    training = SimpleNamespace(values=Any(), cases={})
    names = {each.name for each in experiment({"x": None}, (0, 1), lambda *_, measure: training)}
    for each in claims():
        if each.trial == experiment.__name__:
            assert set(each.rule.contrasts) <= names
