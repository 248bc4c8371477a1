"""The generator explorer: what is said to be near is near, the game is fair, and nobody's image is called a
patient's.
"""

import html
import re
import statistics
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data import normalise, phantoms
from medtutor.errors import InputError
from medtutor.explorers import generator_panels
from medtutor.explorers.generator import GeneratorExplorer, generator
from medtutor.explorers.generator_game import Game
from medtutor.explorers.generator_parts import Reference, code_of, directions, on_arc, seeded
from medtutor.explorers.generator_words import verdict as _verdict
from medtutor.metrics.generative import nearest
from medtutor.models.gan import Discriminator, Generator
from medtutor.training.gan import GANRun, draw, fit_gan
from medtutor.widgets.explorer import VIEW

SIZE = dict(shape=(16, 16), widths=(16, 8))


@cache
def squares():
    return mt.from_arrays(blobs(48, 0), blobs(41, 1), blobs(45, 2), classes=["top", "bottom"], name="tiny")


@cache
def trained(classes=2):
    """A few steps: it draws grey noise, but it has a film."""
    torch.manual_seed(0)
    networks = (
        Generator(latents=8, classes=classes, **SIZE),
        Discriminator(shape=(16, 16), classes=classes, widths=(8, 16)),
    )
    train = squares().train
    labels = train.labels if classes else None
    return fit_gan(*networks, normalise(train.images), labels, steps=12, batch_size=16, frames=4, progress=False)


def untrained(**options):
    torch.manual_seed(0)
    return GANRun(Generator(**{"latents": 8, **SIZE, **options}).eval())


@cache
def chests():
    return phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 25, "test": 30})


@pytest.fixture
def explorer():
    return generator(trained(), squares())


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def images_of(explorer):
    return (explorer._point_shown, explorer._axes_shown, explorer._strip_shown, explorer._samples_shown)


# Codes --------------------------------------------------------------------------------------


class Linear(torch.nn.Linear):
    """A generator whose images are a matrix times the code: its response is known."""

    classes, latents, channels, shape = 0, 3, 1, (2, 2)

    def __init__(self):
        super().__init__(3, 4, bias=False)
        self.weight.data = torch.tensor([[0.1, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]])

    def prior(self, count, generator=None):
        return torch.randn(count, 3, generator=generator)

    def forward(self, z, labels=None):
        return super().forward(z).view(-1, 1, 2, 2)


def test_directions_are_those_of_the_largest_response_and_point_to_the_brighter():
    axes, shares = directions(Linear(), 3)
    assert axes.numpy() == pytest.approx(np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]]), abs=1e-4)
    assert shares == pytest.approx(np.array([9, 1, 0.01]) / 10.01, abs=1e-4)


def test_directions_are_at_right_angles_and_of_length_one():
    axes, shares = directions(trained().generator)
    assert (axes @ axes.T).numpy() == pytest.approx(np.eye(3), abs=1e-5)
    assert 1 >= shares[0] >= shares[1] >= shares[2] > 0 and shares.sum() <= 1


def test_on_the_arc_a_code_keeps_its_length():
    first, last = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    assert on_arc(first, last, 0.5) == pytest.approx(torch.tensor([2**0.5, 2**0.5]))
    assert on_arc(first, last, 0.0).equal(first) and on_arc(first, last, 1.0) == pytest.approx(last, abs=1e-6)
    assert on_arc(first, 2 * first, 0.5) == pytest.approx(1.5 * first)  # in one line: no arc


def test_a_code_is_what_the_sliders_say():
    network = trained().generator
    axes = directions(network)[0]
    assert code_of(network, 3)[0].equal(seeded(network, 3))
    moved = code_of(network, 3, truncation=0.5, moves=(0.0, -2.0), axes=axes)[0]
    assert moved == pytest.approx(0.5 * seeded(network, 3) - 2 * axes[1])
    assert code_of(network, 3, moves=(1.0,))[0] == pytest.approx(seeded(network, 3) + axes[0])
    walked = code_of(network, 3, towards=4, along=1.0, truncation=0.5)[0]
    assert walked == pytest.approx(0.5 * seeded(network, 4), abs=1e-5)


def test_a_seed_draws_what_sample_draws(explorer):
    explorer.seed.value, explorer.kind.value, explorer.truncation.value = 7, 1, 0.6
    assert explorer.image.equal(trained().sample(1, 1, seed=7, truncation=0.6))


# Real images --------------------------------------------------------------------------------


def test_nearest_are_those_of_all_distances():
    reference = Reference(squares().train.images, squares().test.images)
    distances, numbers = reference.nearest(squares().val.images, 3)
    flat = [images.float().flatten(1).numpy() / 255 for images in (squares().val.images, squares().train.images)]
    every = np.linalg.norm(flat[0][:, None] - flat[1][None], axis=2)
    assert distances == pytest.approx(np.sort(every, axis=1)[:, :3], abs=1e-5)
    assert (numbers == np.argsort(every, axis=1)[:, :3]).all()
    assert distances[:, 0] == pytest.approx(nearest(squares().val.images, squares().train.images)[0].numpy(), abs=2e-3)


def test_a_copy_is_at_distance_nothing():
    reference = Reference(squares().train.images, squares().test.images)
    distances, numbers = reference.nearest(squares().train.images, 1)
    assert (distances == 0).all() and (numbers[:, 0] == np.arange(48)).all()


def test_the_yardstick_is_of_real_images_that_were_not_learned_from():
    reference = Reference(squares().train.images, squares().test.images)
    assert reference.real == pytest.approx(
        np.sort(nearest(squares().test.images, squares().train.images)[0].numpy()), abs=2e-3
    )
    assert reference.nearer(0) == 0 and reference.nearer(1e9) == 1
    assert reference.nearer(reference.real[22] + 1e-4) == pytest.approx(23 / 45)


def test_of_too_many_images_some_are_searched(monkeypatch):
    monkeypatch.setattr("medtutor.explorers.generator_parts.SEARCHED", 20 * 256)
    explorer = generator(trained(), squares())
    assert len(explorer._reference.numbers) == 20
    assert "20 of the 48 images are searched; a copy of another goes unseen" in explorer._caution
    assert explorer.neighbours[0] in explorer._reference.numbers


def test_a_copy_is_alone_with_one_image():
    reference = Reference(squares().train.images, squares().test.images)
    distances, _ = reference.nearest(squares().test.images, 2)
    assert reference.ratios == pytest.approx(np.sort(distances[:, 1] / distances[:, 0]))
    assert reference.alone(np.float32([1, 50])) == 0 and reference.alone(np.float32([1, 1])) == 1
    assert Reference(squares().train.images[:1], squares().test.images).alone(np.float32([1])) is None


def test_what_is_nearer_or_more_alone_than_real_images_is_suspect():
    assert (
        "may be a copy" in _verdict(0, 0.4)
        and "may be a copy" in _verdict(0.4, 0)
        and "may be a copy" in _verdict(0, None)
    )
    assert "compare the two" in _verdict(0.4, 0.02) and "no sign of a copy" in _verdict(0.4, 0.4)
    assert "less like anything" in _verdict(0.95, 0.4)


class Copying(Generator):
    """Draws train image 5, whatever the code."""

    def forward(self, z, labels=None):
        images = normalise(squares().train.images[5:6]).expand(len(z), -1, -1, -1)
        return images + 0 * super().forward(z, labels)


def test_a_copy_is_said_to_be_one():
    explorer = generator(GANRun(Copying(latents=8, **SIZE).eval()), squares())
    assert explorer.neighbours[0] == 5 and explorer.distances[0] == pytest.approx(0, abs=1e-4)
    assert "No real image is so: this may be a copy" in explorer._point_words.value
    assert "6 (bottom) at 0.00" in alt(explorer._point_shown)


def test_neighbours_stand_beside_the_image_with_label_and_distance(explorer):
    distances, numbers = explorer._reference.nearest(explorer.image)
    for far, number in zip(distances[0], numbers[0]):
        name = squares().card.classes[squares().train.labels[number]]
        assert f"{number + 1} ({name}) at {far:.2f}" in alt(explorer._point_shown)


# The walk -----------------------------------------------------------------------------------


def test_an_axis_moves_the_image_and_nothing_else(explorer):
    before, shown = explorer.point, [widget.value for widget in images_of(explorer)]
    explorer.axes[1].value = 2.5
    assert (explorer.point - before)[0] == pytest.approx(2.5 * explorer._directions[1], abs=1e-5)
    assert [widget.value != old for widget, old in zip(images_of(explorer), shown)] == [True, False, False, False]
    assert "moved +2.5 along axis 2" in alt(explorer._point_shown) and explorer.message.value == ""


def test_all_sliders_go_back(explorer):
    first, shown = explorer.point, [widget.value for widget in images_of(explorer)]
    explorer.axes[0].value, explorer.along.value, explorer.truncation.value = 1.0, 0.5, 0.3
    explorer.home.click()
    assert explorer.point.equal(first) and [widget.value for widget in images_of(explorer)] == shown


def test_another_seed_and_another_class(explorer):
    explorer.another.click()
    assert explorer.seed.value == 1 and "seed 1, class top" in alt(explorer._point_shown)
    explorer.kind.value = 1
    assert "class bottom" in alt(explorer._point_shown) and "bottom, truncation 1.00" in alt(explorer._samples_shown)
    explorer.seed.value = 9999
    explorer.another.click()
    assert explorer.seed.value == 0


def test_a_walk_leads_from_one_seed_to_the_other(explorer):
    explorer.seed.value, explorer.towards.value = 3, 8
    explorer.along.value = 1.0
    assert explorer.point[0] == pytest.approx(seeded(trained().generator, 8), abs=1e-5)
    assert "seed 3 to seed 8, marked at 1.00" in alt(explorer._strip_shown)
    assert "1.00 of the way from seed 3 to seed 8" in alt(explorer._point_shown)


def test_truncation_nothing_makes_all_samples_alike(explorer):
    explorer.truncation.value = 0.0
    assert (
        "differ by 0 grey levels" in alt(explorer._samples_shown)
        and "code has length 0.0" in explorer._point_words.value
    )
    assert "real ones by" in alt(explorer._samples_shown)


def test_other_samples(explorer):
    before = alt(explorer._samples_shown)
    explorer.more.click()
    assert alt(explorer._samples_shown) != before


def test_as_code_draws_the_same_image(explorer):
    explorer.seed.value, explorer.kind.value, explorer.along.value, explorer.truncation.value = 3, 1, 0.4, 0.8
    explorer.axes[0].value = -1.5
    scope = {"adversary": trained()}
    exec(explorer.code.value, scope)
    assert scope["image"].equal(explorer.image[0])


def test_without_classes_there_is_no_list_of_them():
    explorer = generator(trained(0), squares())
    assert explorer.kind.layout.display == "none" and "class" not in explorer._where()
    scope = {"adversary": trained(0)}
    exec(explorer.code.value, scope)
    assert scope["image"].equal(explorer.image[0])


# The game -----------------------------------------------------------------------------------


def test_of_the_images_about_half_are_real_and_none_comes_twice():
    game = Game(trained(), squares().test.images, squares().test.labels, "test")
    for _ in range(45):
        game.answer(True)
    real = [turn.name for turn in game.answered if turn.is_real]
    assert 12 <= len(real) <= 33 and len(set(real)) == len(real)
    assert game.right == len(real)


def test_a_real_image_is_the_one_that_is_named():
    game = Game(trained(), squares().test.images, squares().test.labels, "test")
    for _ in range(20):
        game.answer(False)
    for turn in game.answered:
        number = re.search(r"image (\d+) of test", turn.name)
        assert (number is not None) == turn.is_real
        if number:
            assert turn.image.equal(squares().test.images[int(number.group(1)) - 1])


def test_answers_count_and_the_interval_is_wilsons(explorer):
    for _ in range(10):
        (explorer.real if explorer.game.turn.is_real else explorer.drawn).click()
    assert explorer.game.right == 10
    low, high = explorer.game.interval
    assert (low, high) == (pytest.approx(0.7225, abs=1e-3), 1.0)  # z² / (n + z²) for no mistake
    assert "10 of 10 right, 95% interval 72% to 100%" in alt(explorer._scores_shown)
    (explorer.drawn if explorer.game.turn.is_real else explorer.real).click()
    assert explorer._verdict.value.count("Wrong, the last one was") == 1
    assert alt(explorer._answered_shown).startswith("The last 10 images:") and "wrong" in alt(explorer._answered_shown)


def test_before_an_answer_nothing_gives_the_truth_away(explorer):
    seen = {}
    for _ in range(12):
        text = re.sub(r"number \d+", "", explorer._turn_alt)
        seen.setdefault(explorer.game.turn.is_real, set()).add(text)
        explorer.real.click()
    assert seen[True] == seen[False] and len(seen[True]) == 1


def test_a_new_game_begins_at_nothing_with_other_images(explorer):
    first = explorer.game.turn.image
    explorer.real.click()
    explorer.again.click()
    assert explorer.game.answered == [] and explorer.game.interval is None
    assert not explorer.game.turn.image.equal(first)
    assert "none answered" in alt(explorer._answered_shown).lower() or "No image" in alt(explorer._answered_shown)


def test_a_classifier_plays_too(explorer):
    assert "No classifier has tried yet" in alt(explorer._scores_shown)
    explorer.classify.click()
    explorer.job.wait()
    assert explorer.message.value == ""
    assert explorer.two_sample > 0.9  # twelve steps of training draw grey noise
    assert explorer.floor < explorer.two_sample
    assert f"on images new to it: {explorer.two_sample:.0%}" in alt(explorer._scores_shown)


def test_the_classifier_takes_any_number_of_images():
    dataset = mt.from_arrays(blobs(60, 0), blobs(60, 1), blobs(61, 2), classes=["top", "bottom"], name="more")
    explorer = generator(trained(), dataset)
    explorer.classify.click()
    explorer.job.wait()
    assert explorer.message.value == "" and explorer.two_sample > 0.9


def test_an_accuracy_can_be_given():
    explorer = generator(trained(), squares(), two_sample=0.83)
    assert "on images new to it: 83%" in alt(explorer._scores_shown) and explorer.floor is None


def test_a_classifier_that_has_too_few_images_says_so():
    few = mt.from_arrays(blobs(48, 0), blobs(8, 1), blobs(8, 2), classes=["top", "bottom"], name="few")
    explorer = generator(trained(), few)
    explorer.classify.click()
    explorer.job.wait()
    assert "at least 20" in explorer.message.value


# The film -----------------------------------------------------------------------------------


def test_each_moment_shows_its_frame_and_its_numbers():
    explorer = generator(trained(), squares(), part="film")
    steps = [row["step"] for row in trained().history]
    shown = []
    for number in range(1, len(trained().film) + 1):
        explorer.moment.value = number
        shown.append(explorer._frame_shown.value)
        assert f"moment {number} of {len(trained().film)}" in alt(explorer._frame_shown)
    assert len(set(shown)) == len(shown) and explorer.message.value == ""
    assert f"{trained().history[-1]['discriminator']:.2f}" in explorer._moment_words.value
    assert f"marked at {steps[-1]}" in alt(explorer._course_shown)
    explorer.moment.value = 1
    assert "Before the first step" in explorer._moment_words.value


def test_a_collapse_is_pointed_out():
    collapsed = replace(trained(), history=[{**row, "spread": 1.0} for row in trained().history], real_spread=40.0)
    assert "it is a collapse" in generator(collapsed, squares(), part="film")._moment_words.value


def test_marks_of_the_course_move_with_the_moment():
    chart = generator_panels.course([0, 10, 40], trained().history[:2], 30.0, True)
    assert (np.asarray(chart.at(0.2, 0.2)) != np.asarray(chart.at(0.8, 0.8))).any()
    assert np.asarray(chart.at(0.2, 0.2)).shape == np.asarray(chart.sheet).shape
    assert generator_panels.place_of(10, 40) == 0.5


# Without training, without data, other data ---------------------------------------------------


def test_an_untrained_generator_has_no_film():
    explorer = generator(untrained(), squares(), part="film")
    assert "fit_gan makes one" in explorer._panes["film"].children[0].value and "no film" in explorer.still().alt
    assert "after 0 steps" in explorer._title


def test_without_a_data_set_there_is_nothing_to_compare_with():
    explorer = generator(trained())
    assert explorer.distances is None and explorer.game is None
    assert "nothing real to compare with" in explorer.still().alt
    explorer.part.value = "game"
    assert "give the data set too" in explorer.still().alt
    explorer.seed.value = 5
    assert explorer.message.value == ""


def test_colours_and_few_numbers():
    dataset = mt.from_arrays(*[blobs(30, seed, channels=3) for seed in range(3)])
    explorer = generator(untrained(channels=3, latents=2), dataset)
    assert len(explorer.axes) == 2
    explorer.axes[1].value = 1.0
    explorer.real.click()
    assert explorer.message.value == "" and explorer.still().png.startswith(b"\x89PNG")
    one = generator(untrained(latents=1), squares())
    one.along.value = 0.5
    assert len(one.axes) == 1 and one.message.value == ""


def test_images_that_it_learned_from_can_be_given():
    few = replace(trained(), settings={"images": 10})
    explorer = generator(few, squares(), trained_on=squares().train.images[:10])
    assert explorer.neighbours.max() < 10 and explorer._caution == ""
    assert "It learned from 10 images, and 48 are searched here" in generator(few, squares())._caution
    explorer.classify.click()
    explorer.job.wait()
    assert "at least 20" in explorer.message.value  # ten have no number about a set


def test_other_images_than_it_learned_from_are_said_to_be_so():
    published = replace(untrained(shape=(28, 28)), provenance="medmnist")
    explorer = generator(published, chests())
    assert "learned from published images, the data set here is of phantoms" in explorer.box.children[0].value
    assert "nearness says nothing about copies" in explorer.still().alt
    assert "The nearest image of the data set" in explorer._point_words.value and "learned from" not in alt(
        explorer._point_shown
    )


# Where no kernel runs, phantoms, errors -------------------------------------------------------


@pytest.mark.parametrize("part", ["walk", "game", "film"])
def test_bundle_has_the_widget_and_the_picture(part):
    explorer = generator(trained(), squares(), part=part)
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=") and "no patient" in bundle["text/plain"]
    assert explorer.still().png == explorer.still().png
    shown = [name for name, pane in explorer._panes.items() if pane.layout.display != "none"]
    assert shown == [part] == [explorer.part.value]


def test_every_drawn_image_is_said_to_be_of_no_patient(explorer):
    explorer.part.value = "film"
    for widget in (*images_of(explorer), explorer._turn_shown, explorer._frame_shown):
        assert "no patient" in alt(widget)


def test_phantoms_are_marked_in_every_picture():
    explorer = generator(untrained(shape=(28, 28), classes=2), chests())
    for widget in (*images_of(explorer), explorer._turn_shown, explorer._scores_shown, explorer._answered_shown):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert "PHANTOM" in explorer.still().alt
    assert generator(replace(trained(), provenance="phantom")).still().alt.startswith("Phantom images")


def test_every_control_has_a_label(explorer):
    for control in (
        *explorer.axes,
        explorer.seed,
        explorer.towards,
        explorer.along,
        explorer.kind,
        explorer.truncation,
        explorer.another,
        explorer.home,
        explorer.more,
        explorer.code,
        explorer.real,
        explorer.drawn,
        explorer.again,
        explorer.classify,
        explorer.moment,
        explorer.play,
        explorer.part,
    ):
        assert control.description


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(GeneratorExplorer, "_draw_point", lambda *_: 1 / 0)
    explorer.axes[0].value = 0.5
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.axes[0].value = 0.6
    assert explorer.message.value == ""


def test_the_generator_is_left_as_it_was():
    adversary = untrained()
    before = {name: value.clone() for name, value in adversary.generator.state_dict().items()}
    explorer = generator(adversary, squares())
    explorer.real.click()
    assert all((value == before[name]).all() for name, value in adversary.generator.state_dict().items())


def test_what_it_cannot_do_is_said():
    with pytest.raises(InputError, match="Generator is no GANRun; give what fit_gan"):
        generator(untrained().generator, squares())
    with pytest.raises(InputError, match="unknown part 'gmae'; did you mean game"):
        generator(trained(), squares(), part="gmae")
    with pytest.raises(InputError, match="split is 'train'; give 'val' or 'test'"):
        generator(trained(), squares(), split="train")
    with pytest.raises(InputError, match="two_sample is 83; give an accuracy 0…1"):
        generator(trained(), squares(), two_sample=83)
    with pytest.raises(InputError, match="draws 1 x 16 x 16 pixels, unlike pneumoniamnist"):
        generator(trained(), chests())
    with pytest.raises(InputError, match="has 2 classes, arrays has others"):
        generator(trained(), mt.from_arrays(*[blobs(30, seed, classes=3) for seed in range(3)]))
    with pytest.raises(InputError, match="uint8 tensor"):
        generator(trained(), squares(), trained_on=normalise(squares().train.images))
    with pytest.raises(InputError, match="trained_on needs the data set"):
        generator(trained(), trained_on=squares().train.images)
    with pytest.raises(InputError, match="the film has 1 moments, the history 3"):
        generator(replace(trained(), film=trained().film[:1]), squares())
    broken = untrained()
    torch.nn.init.constant_(broken.generator.layers[0].weight, float("nan"))
    with pytest.raises(InputError, match="draws NaN or infinity"):
        generator(broken, squares())


def test_volumes_and_sequences_are_refused():
    volumes = mt.from_arrays(*[blobs(20, seed, depth=9) for seed in range(3)])
    for dataset, what in ((volumes, "volumes"), (volumes.as_sequence(), "sequences")):
        with pytest.raises(InputError, match=f"holds {what}"):
            generator(trained(), dataset)


def test_a_move_of_a_slider_is_answered_in_time():
    """Ten times what it takes on an idle machine."""
    explorer = generator(untrained(shape=(28, 28), classes=2, latents=64, widths=(96, 64, 32)), chests())
    seconds = []
    for step in range(10):
        start = time.perf_counter()
        explorer.axes[0].value = -1 + 0.1 * step
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.4


def test_draw_and_sample_agree_on_codes(explorer):
    assert draw(trained().generator, explorer.point, torch.tensor([0])).equal(explorer.image)
