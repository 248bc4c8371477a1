"""The latent explorer: the point moves where it is told to, and its neighbours are the nearest."""

import html
import re
import statistics
import time
from functools import cache

import numpy as np
import pytest
import torch
from conftest import blobs
from sklearn.decomposition import PCA

import medtutor as mt
from medtutor.data import normalise, phantoms
from medtutor.errors import InputError
from medtutor.explorers.latent import LatentExplorer, Space, encoded, latent
from medtutor.models.autoencoder import VAE, Autoencoder, Translator, kl
from medtutor.widgets.explorer import VIEW


def trained(model, images, steps=80):
    """The model after some steps on uint8 images; of a VAE with beta 0.1."""
    x = normalise(images)
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(steps):
        out = model(x)
        if isinstance(model, VAE):
            image, mean, log_variance = out
            loss = ((image - x) ** 2).flatten(1).sum(1).mean() + 0.1 * kl(mean, log_variance).sum(1).mean()
        else:
            loss = ((out - x) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


@cache
def squares():
    return mt.from_arrays(blobs(48, 0), blobs(21, 1), blobs(19, 2), classes=["top", "bottom"], name="tiny")


@cache
def model_of(kind=Autoencoder, latents=8):
    torch.manual_seed(0)
    return trained(kind(shape=(16, 16), latents=latents, widths=(8, 16)), squares().train.images)


@cache
def chests():
    return phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 60, "val": 20, "test": 30})


def untrained(dataset, kind=Autoencoder, **options):
    torch.manual_seed(0)
    return kind(channels=dataset.card.channels, shape=dataset.card.shape, **options)


@pytest.fixture
def explorer():
    return latent(model_of(), squares(), split="test")


def alt(widget):
    """The alt text of the picture in an HTML widget."""
    return html.unescape(re.search(r'<img alt="([^"]*)"', widget.value).group(1))


def pictures(explorer):
    return [
        widget.value
        for widget in (explorer._image_shown, explorer._point_shown, explorer._map_shown, explorer._strip_shown)
    ]


def codes_of(model, images):
    with torch.no_grad():
        return model.encode(normalise(images)).numpy()


# The space ----------------------------------------------------------------------------------


def test_axes_are_the_principal_directions_of_the_codes():
    space = Space(model_of(), squares().train.images)
    pca = PCA(6).fit(space.codes)
    assert np.abs(np.sum(space.axes * pca.components_, axis=1)) == pytest.approx(np.ones(6), abs=1e-3)
    assert space.shares == pytest.approx(pca.explained_variance_ratio_, abs=1e-4)
    assert space.spreads**2 == pytest.approx(pca.explained_variance_, rel=1e-3)
    assert space.coordinates(space.codes).std(axis=0, ddof=1) == pytest.approx(np.ones(6), rel=1e-3)
    for axis in range(6):
        low, high = space.decoded(
            np.stack(
                [
                    space.mean - space.spreads[axis] * space.axes[axis],
                    space.mean + space.spreads[axis] * space.axes[axis],
                ]
            )
        )
        assert high.mean() >= low.mean()


def test_a_move_along_an_axis_leaves_all_else():
    space = Space(model_of(), squares().train.images)
    moved = space.moved(space.codes[3], 2, -1.7)
    before, after = space.coordinates(space.codes[3]), space.coordinates(moved)
    assert after[2] == pytest.approx(-1.7, abs=1e-4)
    assert np.delete(after, 2) == pytest.approx(np.delete(before, 2), abs=1e-4)
    difference = moved - space.codes[3]
    assert np.linalg.norm(difference) == pytest.approx(abs(difference @ space.axes[2]), rel=1e-4)


def test_nearest_are_those_of_all_distances():
    space = Space(model_of(), squares().train.images)
    codes = codes_of(model_of(), squares().test.images)
    distances, near = space.nearest(codes, 3)
    every = np.linalg.norm(codes[:, None] - space.codes[None], axis=2)
    assert distances == pytest.approx(np.sort(every, axis=1)[:, :3], abs=1e-4)
    assert (near == np.argsort(every, axis=1)[:, :3]).all()
    assert (space.nearest(space.codes, 1)[0] == 0).all()


def test_random_points_spread_as_the_codes_do():
    space, generator = Space(model_of(), squares().train.images), np.random.default_rng(0)
    drawn = np.stack([space.random(generator) for _ in range(4000)])
    assert drawn.mean(axis=0) == pytest.approx(space.mean, abs=0.1 * space.spreads[0])
    assert np.cov(drawn.T) == pytest.approx(np.cov(space.codes.T), abs=0.1 * space.spreads[0] ** 2)


def test_random_points_of_a_vae_are_of_its_prior():
    space, generator = Space(model_of(VAE), squares().train.images), np.random.default_rng(0)
    drawn = np.stack([space.random(generator) for _ in range(4000)])
    assert space.is_vae
    assert np.cov(drawn.T) == pytest.approx(np.eye(8), abs=0.1)


class HalfCollapsed(torch.nn.Linear):
    """A VAE whose last two numbers say nothing: their mean is 0, their variance 1."""

    def __init__(self):
        super().__init__(4, 256)

    def encode(self, x):
        means = x.unflatten(2, (4, 4)).mean((3, 4)).flatten(1)[:, :2]
        silent = torch.zeros_like(means)
        return torch.cat([means, silent], dim=1), torch.cat([silent - 8, silent], dim=1)

    def decode(self, z):
        return self(z).view(-1, 1, 16, 16)


def test_numbers_that_say_nothing_keep_no_images_apart():
    space = Space(HalfCollapsed(), squares().train.images)
    assert space.weights[2:] == pytest.approx([0, 0]) and (space.weights[:2] > 0.5).all()
    assert len(space.axes) == 2
    far = space.codes[:1] + np.float32([0, 0, 3, -3])
    assert space.nearest(far, 1)[0] == pytest.approx(0)


# The image and the point --------------------------------------------------------------------


def test_reconstruction_and_residual_are_the_models(explorer):
    explorer.image.value = 7
    x = normalise(squares().test.images[7:8])
    with torch.no_grad():
        back = model_of()(x).clamp(-1, 1)
    error = float(((x - back) ** 2).mean().sqrt()) / 2
    assert "image 8, bottom of the test split" in alt(explorer._image_shown)
    assert f"{error:.3f} of the range" in alt(explorer._image_shown) and f"{error:.3f}" in explorer._image_words.value
    assert explorer.point == pytest.approx(codes_of(model_of(), squares().test.images)[7], abs=1e-5)
    assert explorer.place == "the code of image 8"


def test_an_axis_moves_the_point_and_the_button_brings_it_back(explorer):
    code, before = explorer.point, pictures(explorer)
    explorer.axes[1].value = 2.5
    assert explorer.space.coordinates(explorer.point)[1] == pytest.approx(2.5, abs=1e-3)
    assert "moved to +2.5 along axis 2" in alt(explorer._point_shown)
    image, point, chart, strip = (old != new for old, new in zip(before, pictures(explorer)))
    assert (image, point, chart, strip) == (False, True, True, False)
    point = explorer.point
    explorer.axes[0].value += 1e-9  # as a browser rounds what it was given
    assert explorer.point is point
    explorer.axes[0].value = -2.0
    assert explorer.space.coordinates(explorer.point)[:2] == pytest.approx([-2, 2.5], abs=1e-3)
    assert explorer.place == "the code of image 1, moved to -2.0 along axis 1 and to +2.5 along axis 2"
    explorer.back.click()
    assert (explorer.point == code).all() and pictures(explorer) == before
    assert explorer.axes[1].value == pytest.approx(explorer.space.coordinates(code)[1], abs=0.051)


def test_neighbours_stand_beside_the_point_with_label_and_distance(explorer):
    explorer.axes[0].value = 1.0
    every = np.linalg.norm(explorer.space.codes - explorer.point, axis=1)
    assert list(explorer.neighbours) == list(np.argsort(every)[:3])
    for number, distance in zip(explorer.neighbours, explorer.distances):
        name = squares().card.classes[squares().train.labels[number]]
        assert f"{number + 1} ({name}) at {distance:.2f}" in alt(explorer._point_shown)
        assert distance == pytest.approx(every[number], abs=1e-3)


def test_a_point_near_nothing_real_is_said_to_be_so(explorer):
    assert explorer.beyond < 1
    explorer.axes[0].value = 4.0
    explorer.axes[1].value = -4.0
    assert explorer.beyond == 1 and "near nothing real" in explorer._point_words.value
    real = codes_of(model_of(), squares().test.images)
    farthest = np.linalg.norm(real[:, None] - explorer.space.codes[None], axis=2).min(axis=1).max()
    assert explorer.distances[0] > farthest


def test_images_of_the_split_fill_the_yardstick(explorer):
    beyond = []
    for number in range(19):
        explorer.image.value = number
        beyond.append(explorer.beyond)
    assert np.mean(beyond) == pytest.approx(0.5, abs=0.1)


def test_a_reference_image_is_measured_against_the_others():
    explorer = latent(model_of(), squares(), "train", "train")
    assert explorer.distances[0] == 0 and explorer.neighbours[0] == 0
    assert explorer._real.min() > 0 and "another of train" in explorer._point_words.value


def test_a_random_point_and_the_sliders_agree(explorer):
    explorer.random.click()
    assert explorer.place == "a random point of the Gaussian of the codes"
    assert [axis.value for axis in explorer.axes] == pytest.approx(
        explorer.space.coordinates(explorer.point), abs=0.051
    )
    first = explorer.point
    explorer.random.click()
    assert not np.allclose(first, explorer.point)
    assert "random point of the prior" in latent(model_of(VAE), squares(), split="test").random.description


def test_code_brings_a_random_point_back(explorer):
    explorer.image.value = 3
    for _ in range(2):
        explorer.random.click()
    explorer.axes[1].value = 0.5
    lines = explorer._code().split("\n")
    again = {"model": model_of(), "dataset": squares()}
    exec("\n".join(lines), again)
    assert again["explorer"].place == explorer.place and (again["explorer"].point == explorer.point).all()
    assert again["explorer"].still().png == explorer.still().png
    assert "explorer.draw(2)" in lines
    explorer.back.click()
    assert "draw" not in explorer._code()
    explorer.draw(-1)
    assert "seed must be from 0, not -1" in explorer.message.value


def test_a_point_beyond_the_sliders_is_not_pulled_back(explorer):
    far = explorer.space.moved(explorer.point, 0, 9.0)
    explorer._go(far, "far away")
    assert explorer.axes[0].value == 4.0 and (explorer.point == far).all()
    explorer.axes[1].value = 1.0
    assert explorer.space.coordinates(explorer.point)[0] == pytest.approx(9, abs=1e-3)


def test_previous_and_next_go_round(explorer):
    explorer.previous.click()
    assert explorer.image.value == 18
    explorer.next.click()
    assert explorer.image.value == 0
    explorer.image.value = 999
    assert explorer.image.value == 18


# The walk -----------------------------------------------------------------------------------


def test_a_walk_leads_from_one_code_to_the_other(explorer):
    codes = codes_of(model_of(), squares().test.images)
    explorer.start.value, explorer.end.value = 4, 11
    for share in (0.0, 0.5, 1.0):
        explorer.along.value = share
        assert explorer.point == pytest.approx((1 - share) * codes[4] + share * codes[11], abs=1e-4)
        assert f"marked at {share:.2f}" in alt(explorer._strip_shown)
    assert explorer.place == "1.00 of the way from image 5 to image 12"
    assert "image 5, top to image 12, bottom" in alt(explorer._strip_shown)


def test_a_walk_begins_between_two_classes(explorer):
    labels = squares().test.labels
    assert labels[explorer.start.value] != labels[explorer.end.value]


def test_each_step_of_the_strip_says_how_far_it_is_from_anything_real(explorer):
    space, (first, last) = explorer.space, explorer._ends
    steps = [
        np.linalg.norm(space.codes - ((1 - share) * first + share * last), axis=1).min()
        for share in np.linspace(0, 1, 7)
    ]
    assert ", ".join(f"{distance:.2f}" for distance in steps) in alt(explorer._strip_shown)


# Other data ---------------------------------------------------------------------------------


def test_colours():
    dataset = mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)])
    explorer = latent(untrained(dataset), dataset, split="test")
    explorer.axes[0].value = 1.0
    assert explorer.message.value == "" and explorer.still().png.startswith(b"\x89PNG")


def test_many_labels_numbers_and_masks():
    images = [blobs(20, seed)[0] for seed in range(3)]
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 5)
    many = mt.from_arrays(*[(part, labels) for part in images], classes=["nodule", "effusion"])
    explorer = latent(untrained(many), many, split="test")
    assert "classes: no label, one or more" in alt(explorer._map_shown) and "image 1, effusion" in alt(
        explorer._image_shown
    )
    number = mt.from_arrays(*[(part, np.linspace(20, 80, 20)) for part in images], task="regression", classes=["age"])
    assert "image 1, 20 of" in alt(latent(untrained(number), number, split="test")._image_shown)
    masks = mt.from_arrays(
        *[(part, (part > 200).astype(np.uint8)) for part in images], classes=["background", "square"]
    )
    assert "image 1 of" in alt(latent(untrained(masks), masks, split="test")._image_shown)


def test_more_classes_than_colours_still_differ():
    dataset = mt.from_arrays(*[blobs(44, seed, size=22, classes=11) for seed in range(3)])
    explorer = latent(untrained(dataset), dataset, split="test")
    assert "class 10" in alt(explorer._map_shown)


def test_two_numbers_are_a_code_too():
    explorer = latent(untrained(squares(), latents=2), squares(), split="test")
    assert len(explorer.axes) == 2
    explorer.axes[1].value = 1.0
    assert explorer.message.value == ""


def test_the_model_is_left_as_it_was():
    model = untrained(squares(), VAE, latents=4).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    explorer = latent(model, squares(), split="test")
    point = explorer.point
    explorer.random.click()
    assert (
        (explorer.point != point).any()
        and model.training
        and all((value == before[name]).all() for name, value in model.state_dict().items())
    )


# Where no kernel runs, phantoms, errors -----------------------------------------------------


def test_bundle_has_the_widget_and_the_picture(explorer):
    explorer.axes[0].value = 1.5
    bundle = explorer._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == explorer.box.model_id
    assert bundle["text/html"].startswith("<img alt=") and "moved to +1.5 along axis 1" in bundle["text/plain"]
    assert explorer.still().png == explorer.still().png


def test_phantoms_are_marked_in_every_picture():
    explorer = latent(untrained(chests()), chests(), split="test")
    for widget in (
        explorer._image_shown,
        explorer._point_shown,
        explorer._map_shown,
        explorer._axes_shown,
        explorer._strip_shown,
    ):
        assert alt(widget).startswith("Phantom images, drawn by medtutor.")
    assert "PHANTOM" in explorer.still().alt


def test_every_control_has_a_label(explorer):
    for control in (
        *explorer.axes,
        explorer.image,
        explorer.previous,
        explorer.next,
        explorer.back,
        explorer.random,
        explorer.start,
        explorer.end,
        explorer.along,
    ):
        assert control.description


def test_an_error_inside_becomes_a_sentence(explorer, monkeypatch):
    monkeypatch.setattr(LatentExplorer, "_draw_map", lambda *_: 1 / 0)
    explorer.axes[0].value = 0.5
    assert "ZeroDivisionError" in explorer.message.value
    monkeypatch.undo()
    explorer.axes[0].value = 0.6
    assert explorer.message.value == ""


def test_what_it_cannot_do_is_said():
    with pytest.raises(InputError, match="Translator gives maps, .* give an Autoencoder or a VAE"):
        latent(Translator(), squares(), split="test")
    with pytest.raises(InputError, match="has no encode and decode"):
        latent(mt.build("mlp", squares()), squares(), split="test")
    with pytest.raises(InputError, match="NoneType has no encode"):
        latent(None, squares(), split="test")
    with pytest.raises(InputError, match="does not take images of 1 x 28 x 28"):
        latent(model_of(), chests(), split="test")
    colour = mt.from_arrays(*[blobs(20, seed, channels=3) for seed in range(3)])
    with pytest.raises(InputError, match="does not take images of 3 x 16 x 16"):
        latent(model_of(), colour, split="test")
    with pytest.raises(InputError, match="one number has no map"):
        latent(untrained(squares(), latents=1), squares(), split="test")
    with pytest.raises(InputError, match="unknown split 'tset'; did you mean test"):
        latent(model_of(), squares(), "tset")
    same = untrained(squares(), latents=3)
    torch.nn.init.zeros_(same.encoder.code.weight)
    with pytest.raises(InputError, match="codes of all images are the same"):
        latent(same, squares(), split="test")
    torch.nn.init.constant_(same.encoder.code.weight, float("nan"))
    with pytest.raises(InputError, match="NaN"):
        latent(same, squares(), split="test")


def test_volumes_and_sequences_are_refused():
    volumes = mt.from_arrays(*[blobs(20, seed, depth=9) for seed in range(3)])
    for dataset, what in ((volumes, "volumes"), (volumes.as_sequence(), "sequences")):
        with pytest.raises(InputError, match=f"holds {what}"):
            latent(model_of(), dataset, split="test")


def test_codes_of_a_vae_come_with_their_variances():
    means, variances = encoded(model_of(VAE), squares().test.images)
    assert means.shape == variances.shape == (19, 8) and (variances > 0).all()
    assert encoded(model_of(), squares().test.images)[1] is None


def test_a_move_of_the_slider_is_answered_in_time():
    """Ten times what it takes on an idle machine."""
    explorer = latent(untrained(chests()), chests(), split="test")
    seconds = []
    for step in range(20):
        start = time.perf_counter()
        explorer.axes[0].value = -1 + 0.1 * step
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.4
