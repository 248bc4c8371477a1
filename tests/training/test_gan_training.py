"""GANs: the formulas, what the loop learns, the record, and what it says where something does not fit."""

import json
import runpy
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mutations import check_altered

from medtutor import files
from medtutor.errors import InputError, MedtutorError
from medtutor.models.gan import Critic, Discriminator, Generator
from medtutor.training import processes
from medtutor.training.gan import (
    GANRun,
    augment,
    critic_loss,
    discriminator_loss,
    fit_gan,
    generator_loss,
    gradient_penalty,
    load_gan,
    spread,
)


@pytest.fixture(scope="module")
def halves():
    """Images of two classes, bright above and bright below, in noise: (48, 1, 16, 16) and their labels."""
    labels = torch.arange(48) % 2
    images = 0.3 * torch.randn(48, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    for image, label in zip(images, labels):
        image[:, 8 * label : 8 * label + 8] += 1
    return images.clamp(-1, 1), labels


def pair(judge=Discriminator, classes=0, seed=0, shape=(16, 16)):
    torch.manual_seed(seed)
    return Generator(shape=shape, classes=classes, latents=8, widths=(16, 12, 8)), judge(
        shape=shape, classes=classes, widths=(8, 16, 16)
    )


train = partial(fit_gan, batch_size=16, learning_rate=2e-3, average=0.9, progress=False)
HALVES = dict(augmentation=dict(shift=1))


def test_the_losses_are_cross_entropies_of_the_verdicts():
    real, fake = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.0, 1.0])
    wanted = F.binary_cross_entropy_with_logits(real, torch.ones(3)) + F.binary_cross_entropy_with_logits(
        fake, torch.zeros(3)
    )
    assert torch.allclose(discriminator_loss(real, fake), wanted)
    assert torch.allclose(generator_loss(fake), F.binary_cross_entropy_with_logits(fake, torch.ones(3)))
    assert critic_loss(real, fake).item() == pytest.approx(-2 / 3 - 0.5)


def test_the_penalty_is_nought_at_slope_one_and_grows_with_its_square():
    real, fake = torch.randn(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    for slope in (1.0, 3.0, 0.0):
        penalty = gradient_penalty(lambda x, labels: slope * x.flatten(1).sum(1) / 4, real, fake)  # 16 pixels: norm 4
        assert penalty.item() == pytest.approx((slope - 1) ** 2, abs=1e-5)


def test_the_penalty_can_be_descended():
    critic = Critic(shape=(8, 8))
    gradient_penalty(critic, torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8)).backward()
    assert critic.features[0].weight.grad.abs().sum() > 0


STILL = dict(shift=0, brightness=0, contrast=0)


def test_each_variation_does_what_its_name_says():
    images = torch.rand(64, 1, 12, 10, generator=torch.Generator().manual_seed(0)) - 0.5
    before = images.clone()
    random = partial(torch.Generator().manual_seed, 1)
    assert torch.allclose(augment(images, **STILL), images, atol=1e-5)
    moved = augment(images, **{**STILL, "shift": 2}, generator=random())
    inner = moved[:, :, 4:8, 4:6].flatten(1)
    places = [images[:, :, 4 + y : 8 + y, 4 + x : 6 + x].flatten(1) for y in range(-2, 3) for x in range(-2, 3)]
    found = torch.stack([(inner - place).abs().max(1).values < 1e-4 for place in places])
    assert found.any(0).all() and found.any(1).sum() > 15  # each by whole pixels, and in most directions
    lit = augment(images, **{**STILL, "brightness": 0.3}, generator=random()) - images
    assert lit.flatten(1).std(1).max() < 1e-5 and 0.2 < lit.abs().max() <= 0.3 + 1e-5
    ratio = augment(images, **{**STILL, "contrast": 0.3}, generator=random()).flatten(1).std(1) / images.flatten(1).std(
        1
    )
    assert 0.7 <= ratio.min() < 0.8 and 1.2 < ratio.max() <= 1.3
    holes = augment(images + 2, **STILL, cutout=4, generator=random()) == 0
    assert (holes.flatten(1).sum(1) == 16).all()
    mirrored = augment(images, **STILL, mirror=True, generator=random())
    flipped = torch.isclose(mirrored, images.flip(-1), atol=1e-5).flatten(1).all(1)
    kept = torch.isclose(mirrored, images, atol=1e-5).flatten(1).all(1)
    assert (flipped ^ kept).all() and 20 < flipped.sum() < 44
    assert torch.equal(images, before)


def test_gradients_pass_the_variations_and_the_same_seed_gives_the_same():
    images = torch.rand(4, 1, 8, 8, requires_grad=True)
    options = dict(cutout=2, zoom=0.1, mirror=True)
    first, again = (augment(images, **options, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    first.sum().backward()
    assert images.grad.abs().sum() > 0
    with pytest.raises(InputError, match="0…8"):
        augment(images, cutout=9)


def test_spread_is_a_distance_in_grey_levels():
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    assert spread(images) == 0
    images[1] = 30
    assert spread(images) == pytest.approx(30)
    with pytest.raises(InputError, match="at least 2"):
        spread(images[:1])


@pytest.mark.parametrize("judge, steps", [(Discriminator, 120), (Critic, 60)])
def test_a_generator_learns_what_each_class_looks_like(halves, judge, steps):
    made = train(*pair(judge, classes=2), *halves, steps=steps, **HALVES)
    samples = made.sample(40).float()
    lead = samples[:, :, :8].mean((1, 2, 3)) - samples[:, :, 8:].mean((1, 2, 3))  # above less below, in grey levels
    assert (lead[0::2] > 40).all() and (lead[1::2] < -40).all()


def test_without_classes_no_labels_are_needed(halves):
    made = train(*pair(), halves[0], steps=3)
    assert made.sample(5).shape == (5, 1, 16, 16)


def test_the_same_seed_gives_the_same_weights_bit_for_bit(halves):
    def weights(seed):
        return torch.cat(
            [each.flatten() for each in train(*pair(classes=2), *halves, steps=4, seed=seed).generator.parameters()]
        )

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


def test_bfloat16_learns_what_float32_learns(halves, monkeypatch):
    """Where the processor has no instructions for it, it is emulated here. A critic stays in float32."""
    monkeypatch.setattr(processes, "_has_bfloat16", lambda: True)
    monkeypatch.delenv("MEDTUTOR_PRECISION", raising=False)
    coarse = train(*pair(classes=2), *halves, steps=10)
    assert coarse.settings["precision"] == "bfloat16"
    assert train(*pair(Critic), halves[0], steps=1).settings["precision"] == "float32"
    monkeypatch.setenv("MEDTUTOR_PRECISION", "float32")
    fine = train(*pair(classes=2), *halves, steps=10)
    assert fine.settings["precision"] == "float32"
    assert coarse.history[-1]["discriminator"] == pytest.approx(fine.history[-1]["discriminator"], abs=0.05)
    assert {weight.dtype for weight in coarse.generator.parameters()} == {torch.float32}


def test_the_generator_learns_from_the_images_that_the_discriminator_saw_unless_told_otherwise(halves, monkeypatch):
    drawn = []
    prior = Generator.prior
    monkeypatch.setattr(
        Generator, "prior", lambda self, count, *given: drawn.append(count) or prior(self, count, *given)
    )
    for fresh, times in ((False, 3), (True, 6)):
        drawn.clear()
        made = train(*pair(), halves[0], steps=3, fresh=fresh)
        assert drawn.count(16) == times + 1 and made.settings["fresh"] is fresh  # and once for the film


def test_the_record_tells_how_it_went(halves):
    seen, threads = [], torch.get_num_threads()
    made = train(*pair(classes=2), *halves, steps=30, frames=4, report=lambda step, images: seen.append((step, images)))
    assert [step for step, _ in seen] == [0, 3, 13, 30]  # close to each other at first
    assert made.film.shape == (4, 16, 1, 16, 16) and made.film.dtype == torch.uint8
    assert all(torch.equal(images, frame) for (_, images), frame in zip(seen, made.film))
    assert [row["step"] for row in made.history] == [3, 13, 30] and made.steps == 30 and made.seconds > 0
    assert set(made.history[0]) == {"step", "discriminator", "generator", "spread"}
    assert made.history[-1]["spread"] == pytest.approx(spread(made.film[-1])) and made.real_spread > 20
    assert not made.generator.training and torch.get_num_threads() == threads


def test_the_weights_kept_are_a_running_mean(halves):
    generator, discriminator = pair()
    made = train(generator, discriminator, halves[0], steps=2, average=0.0)
    now, kept = generator.state_dict(), made.generator.state_dict()
    assert all(torch.equal(now[name], kept[name]) for name in now)  # keeps nothing of what was before
    smooth = train(*pair(), halves[0], steps=2, average=0.9).generator.state_dict()
    assert not torch.equal(smooth["layers.0.weight"], kept["layers.0.weight"])


def test_samples_are_of_the_asked_class_and_truncation_makes_them_more_alike(halves):
    made = train(*pair(classes=2), *halves, steps=30)
    assert torch.equal(made.sample(6), made.sample(6)) and not torch.equal(made.sample(6), made.sample(6, seed=1))
    assert torch.equal(made.sample(2, 1), made.sample(2, torch.tensor([1, 1])))
    assert torch.equal(made.sample(4)[1], made.sample(4, [1, 1, 0, 0])[1])
    assert (
        spread(made.sample(20, 0, truncation=0.3)) < spread(made.sample(20, 0))
        and spread(made.sample(4, 0, truncation=0)) == 0
    )
    for labels in (2, -1, [0, 1], [0.5] * 4):
        with pytest.raises(InputError, match="0…1"):
            made.sample(4, labels)
    with pytest.raises(InputError, match="count from 1"):
        made.sample(0)
    with pytest.raises(InputError, match="leave the labels out"):
        GANRun(pair()[0]).sample(2, 0)


def test_it_is_saved_while_it_learns_and_comes_back_whole(halves, tmp_path):
    about = dict(provenance="phantom", classes=("top", "bottom"), command="python make.py")
    steps = []
    made = train(
        *pair(classes=2),
        *halves,
        steps=9,
        frames=3,
        folder=tmp_path,
        about=about,
        report=lambda step, images: steps.append(GANRun.load(tmp_path).steps),
    )
    assert steps == [0, 2, 9]
    assert len(list(tmp_path.iterdir())) == 3  # the files of earlier moments are gone
    back = GANRun.load(tmp_path)
    assert torch.equal(back.sample(6), made.sample(6)) and torch.equal(back.film, made.film)
    assert back.history == made.history and back.settings == made.settings and back.real_spread == made.real_spread
    assert (back.provenance, back.classes, back.command) == ("phantom", ("top", "bottom"), "python make.py")


def test_an_untrained_one_is_saved_too(tmp_path):
    GANRun(pair()[0]).save(tmp_path)
    assert GANRun.load(tmp_path).film is None


def test_a_folder_that_does_not_fit_is_refused(halves, tmp_path):
    with pytest.raises(InputError, match="no gan.json"):
        GANRun.load(tmp_path)
    train(*pair(), halves[0], steps=1, folder=tmp_path)
    (weights,) = tmp_path.glob("generator-*")
    record, content = (tmp_path / "gan.json").read_text(), weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="altered or damaged"):
        GANRun.load(tmp_path)
    weights.unlink()
    with pytest.raises(InputError, match="is missing"):
        GANRun.load(tmp_path)
    weights.write_bytes(content)
    for altered, part in (
        ("{", "damaged"),
        ("[]", "another version"),
        (record.replace('"latents": 8', '"latents": 9'), "does not fit"),
    ):
        (tmp_path / "gan.json").write_text(altered)
        with pytest.raises(InputError, match=part):
            GANRun.load(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(halves, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MedtutorError, match="could not be written"):
        train(*pair(), halves[0], steps=1, folder=tmp_path / "file")


def test_a_training_without_safeguards_is_found_out_by_its_spread(halves):
    """The mean of two trainings: how far one collapses is chance."""
    found = []
    for seed in (0, 1):
        generator, _ = pair(seed=seed)
        bare = Discriminator(shape=(16, 16), widths=(8, 16, 16), spectral=False, minibatch=False)
        fair = train(*pair(seed=seed), halves[0], steps=120, **HALVES)
        unfair = train(generator, bare, halves[0], steps=120, augmentation=False, discriminator_rate=0.2)
        found.append((spread(unfair.sample(64)), spread(fair.sample(64))))
    of_unfair, of_fair = (sum(column) / len(found) for column in zip(*found))
    assert of_unfair < 0.6 * unfair.real_spread < 0.8 * of_fair


@pytest.mark.parametrize(
    "change, part",
    [
        (dict(batch_size=1), "a batch of one has no statistics"),
        (dict(batch_size=49), "48 images are fewer than a batch of 49"),
        (dict(steps=0), "steps is 0"),
        (dict(frames=1), "frames is 1"),
        (dict(learning_rate=0), "the learning rate is 0"),
        (dict(discriminator_rate=-1.0), "the learning rate is -1.0"),
        (dict(average=1), "average is 1"),
        (dict(labels=None), "give the labels too"),
        (dict(labels=torch.zeros(48)), "48 whole numbers"),
        (dict(labels=torch.arange(48)), "out of range 0…1"),
        (dict(labels=torch.zeros(48, dtype=int)), "all images are of one class"),
        (dict(images=torch.zeros(48, 1, 16, 16, dtype=torch.uint8)), "torch.uint8"),
        (dict(images=torch.full((48, 1, 16, 16), torch.nan)), "no finite numbers"),
        (dict(images=torch.zeros(48, 1, 12, 16)), "the generator draws images of shape"),
        (dict(discriminator=Discriminator(shape=(16, 16))), "build both for the same"),
        (dict(discriminator=Discriminator(shape=(28, 28), classes=2)), "does not take images"),
        (dict(augmentation=dict(blur=2)), "augmentation"),
    ],
)
def test_what_does_not_fit_is_said_before_work_starts(halves, change, part):
    generator, discriminator = pair(classes=2)
    given = dict(generator=generator, discriminator=discriminator, images=halves[0], labels=halves[1], steps=2) | change
    with pytest.raises(InputError, match=part) as raised:
        train(**given, report=lambda *_: pytest.fail("work had started"))
    assert "\n" not in str(raised.value)


def test_labels_for_networks_that_know_none_are_refused(halves):
    with pytest.raises(InputError, match="leave the labels out"):
        train(*pair(), *halves, steps=1)


def test_a_loss_that_is_no_number_stops_it(halves):
    with pytest.raises(
        MedtutorError,
        match="the loss of the (discriminator|generator) is (nan|inf) at step .*; lower the learning rate",
    ):
        train(*pair(Critic), halves[0], steps=30, learning_rate=1e12)


def test_the_shipped_generators_say_how_they_were_made():
    with pytest.raises(InputError, match="unknown generator 'nobody'"):
        load_gan("nobody")
    from medtutor.training.gan_run import CHECKPOINTS

    recipes = runpy.run_path(str(Path(__file__).parents[2] / "tools/make_gan_checkpoints.py"))["CHECKPOINTS"]

    shipped = {path.parent.name for path in CHECKPOINTS.glob("*/gan.json")}
    assert shipped == set(recipes)
    for name in shipped:
        made = load_gan(name)
        assert name in made.command and made.provenance == "medmnist" and len(made.classes) == made.generator.classes
        assert made.settings == json.loads(json.dumps(made.settings)) and made.steps == recipes[name][2]["steps"]
        assert all(path.stat().st_size < 2_000_000 for path in (CHECKPOINTS / name).iterdir())


# --- files of others, and what is read ----------------------------------------------------


def test_a_folder_with_other_files_is_refused_before_training(halves, tmp_path):
    (tmp_path / "mine.safetensors").write_text("mine")
    with pytest.raises(InputError, match="no generator's, such as mine.safetensors"):
        train(*pair(), halves[0], steps=1, folder=tmp_path, report=lambda *_: pytest.fail("work had started"))
    with pytest.raises(InputError, match="no generator's, such as mine.safetensors"):
        GANRun(pair()[0]).save(tmp_path)
    assert (tmp_path / "mine.safetensors").read_text() == "mine"


def test_weights_of_somebody_else_stay(tmp_path):
    GANRun(pair()[0]).save(tmp_path)
    (tmp_path / "mine.safetensors").write_text("mine")
    GANRun(pair(seed=1)[0]).save(tmp_path)
    assert (tmp_path / "mine.safetensors").read_text() == "mine" and len(list(tmp_path.iterdir())) == 4


def same(one, other):
    names = ("history", "real_spread", "seconds", "steps", "seed", "settings", "provenance", "classes", "command")
    weights = [made.generator.state_dict() for made in (one, other)]
    return (
        all(getattr(one, name) == getattr(other, name) for name in names)
        and torch.equal(one.film, other.film)
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    )


def signed(record):
    """What a careful forger does: a fresh SHA-256."""
    if isinstance(record, dict):
        record["sha256"] = files.digest({key: value for key, value in record.items() if key != "sha256"})
    return record


@pytest.mark.parametrize("resign", [None, signed])
def test_an_altered_record_is_found_out_or_means_the_same(halves, tmp_path, resign):
    train(*pair(classes=2), *halves, steps=3, frames=3, folder=tmp_path)
    check_altered(tmp_path / "gan.json", lambda: GANRun.load(tmp_path), same, resign=resign)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda record: record.update(files=None), "files must be an object"),
        (lambda record: record["files"].pop("film"), "files must name generator and film"),
        (lambda record: record["network"].update(latents=10**12), "network.latents must be from 0"),
        (lambda record: record["network"].update(widths="8"), "network.widths must be a list"),
        (lambda record: record["network"].update(depth=2), "network.depth is not known"),
        (lambda record: record.update(classes=["one"]), "classes must name the 2 of the network"),
        (lambda record: record["history"].pop(), r"film must be uint8 \(2"),
        (lambda record: record["history"][1].update(step=1), r"history\[1\].step must be from 2"),
        (lambda record: record["history"][0].update(spread=300), r"history\[0\].spread must be from 0 to 255"),
        (lambda record: record["history"][0].pop("generator"), r"history\[0\] must hold step"),
        (lambda record: record.update(steps=-1), "steps must be from 0"),
        (lambda record: record.update(seed="0"), "seed must be a whole number"),
        (lambda record: record.update(real_spread=None), "real_spread must be a finite number"),
        (lambda record: record.update(provenance="web"), "unknown provenance"),
    ],
)
def test_a_record_that_cannot_be_names_the_field_and_the_remedy(halves, tmp_path, change, words):
    train(*pair(classes=2), *halves, steps=3, frames=3, folder=tmp_path)
    record = json.loads((tmp_path / "gan.json").read_text())
    change(record)
    (tmp_path / "gan.json").write_text(json.dumps(signed(record)))
    with pytest.raises(InputError, match=words) as raised:
        GANRun.load(tmp_path)
    assert str(raised.value).endswith("copy the folder again")
