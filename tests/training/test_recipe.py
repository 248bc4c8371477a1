"""`Recipe`: what is named counts, the rest is that of the data set and the model; numbers out of range are refused."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.checks import LARGEST_SEED
from medtutor.data import card, names, phantoms
from medtutor.errors import InputError
from medtutor.models import MODELS
from medtutor.training import default_recipe

EVERY = [field.name for field in fields(mt.Recipe)]


def own(name="arrays", **options):
    return mt.from_arrays(*[blobs(count, seed, **options) for seed, count in enumerate((48, 21, 19))], name=name)


def masks(depth=None):
    """Few images, or volumes, with a square to find."""
    splits = []
    for seed, count in enumerate((12, 6, 6)):
        images, _ = blobs(count, seed, depth=depth)
        splits.append((images, (images > 200).astype(np.uint8)))
    return mt.from_arrays(*splits, classes=["background", "square"], task="segmentation")


# What is not named ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("model", [None, "vit", "cnn"])
def test_what_is_not_named_is_that_of_the_set_and_the_model(name, model):
    whole = default_recipe(card(name), model)
    assert mt.Recipe().filled(card(name), model) == whole and set(whole.named) == set(EVERY)
    assert mt.Recipe(epochs=3, shift=1.0).filled(card(name), model) == whole.but(epochs=3, shift=1.0)
    assert whole.filled(card("pathmnist")) is whole


@pytest.mark.parametrize("depth, model", [(None, "unet"), (8, "unet")])
def test_a_segmentation_with_only_its_epochs_named_trains_as_its_default(depth, model):
    """Of 64 cases in a batch, as a classification has them, a few volumes would make one single step."""
    dataset = masks(depth)
    build = lambda: mt.build(model, dataset, widths=(4, 8))  # noqa: E731
    named = mt.fit(build(), dataset, mt.Recipe(epochs=1), progress=False)
    default = mt.fit(build(), dataset, default_recipe(dataset, model, epochs=1), progress=False)
    assert named.recipe == default.recipe and named.recipe.batch_size == (2 if depth else 16)
    assert all(
        torch.equal(a, b) for a, b in zip(named.model.state_dict().values(), default.model.state_dict().values())
    )


def test_the_run_records_what_was_used_and_keeps_it(tiny, tmp_path):
    run = mt.fit(mt.build("vit", tiny, width=16, depth=1), tiny, mt.Recipe(epochs=1, seed=2), progress=False)
    assert run.recipe == default_recipe(tiny, "vit", epochs=1, seed=2) and run.recipe.learning_rate == 1e-3
    run.save(tmp_path)
    assert mt.Run.load(tmp_path).recipe == run.recipe
    assert mt.Run(run.model, tiny.card, mt.Recipe(epochs=3), "arrays").recipe == default_recipe(tiny, "vit", epochs=3)


def test_an_interrupted_run_goes_on_with_the_same_few_words(tiny):
    from test_loop import interrupt_in, same

    def trained(**options):
        return mt.fit(
            mt.build("cnn", tiny, widths=(4, 8)), tiny, mt.Recipe(epochs=2, batch_size=16), progress=False, **options
        )

    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(patch, epoch=1)
        stopped = trained()
    assert stopped.interrupted and same(trained(resume=stopped), trained())


def test_only_what_was_named_is_shown():
    assert repr(mt.Recipe()) == "Recipe()" and repr(mt.Recipe(epochs=15)) == "Recipe(epochs=15)"
    assert repr(mt.Recipe(epochs=15, seed=3)) == "Recipe(epochs=15, seed=3)"
    whole = default_recipe(card("breastmnist"))
    assert all(f"{name}=" in repr(whole) for name in EVERY)
    for recipe in (mt.Recipe(), mt.Recipe(epochs=15), whole):
        assert eval(repr(recipe), {"Recipe": mt.Recipe}) == recipe


def test_equality_changes_and_json_know_what_is_not_named():
    recipe = mt.Recipe(epochs=4)
    assert recipe == mt.Recipe(epochs=4) != mt.Recipe() and hash(recipe) == hash(mt.Recipe(epochs=4))
    assert recipe.but(epochs=None) == mt.Recipe() and recipe.but(mirror=False).named == {
        "epochs": 4,
        "mirror": False,
        "seed": 0,
    }
    for each in (recipe, default_recipe(card("breastmnist"))):
        assert mt.Recipe(**json.loads(json.dumps(each.as_dict()))) == each


# Whose recipe --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*names(), "models", "sets", "every", "images", "volumes", "sequences", "segmentation of images"]
)
def test_the_name_of_a_users_own_images_chooses_nothing(name):
    plain = own()
    assert default_recipe(own(name)) == default_recipe(own(name).card) == default_recipe(plain)
    assert own(name).card.published == ()


def test_published_sets_and_their_phantoms_keep_their_recipe():
    assert default_recipe(card("breastmnist")).epochs == 55 and default_recipe(card("adrenalmnist3d")).epochs == 11
    few = {"train": 4, "val": 4, "test": 4}
    assert default_recipe(phantoms.draw(card("breastmnist"), few)).epochs == 55
    assert (
        default_recipe(mt.load("marks_shapes")) == default_recipe(card("marks_shapes"))
        and default_recipe(card("marks_shapes")).shift == 0
    )
    assert phantoms.draw(card("breastmnist"), few).card.published == () != card("breastmnist").published


def test_a_derived_set_has_the_recipe_of_its_name():
    dataset = phantoms.draw(card("breastmnist"), {"train": 8, "val": 4, "test": 4})
    fewer = replace(
        dataset, train=replace(dataset.train, images=dataset.train.images[:4], labels=dataset.train.labels[:4])
    )
    renamed = replace(dataset, card=replace(dataset.card, name="breastmnist-50%"))
    assert default_recipe(fewer).epochs == 55 and default_recipe(renamed).epochs == 5


def test_a_published_card_does_not_make_own_images_published():
    dataset = replace(own(), card=card("breastmnist"))
    assert default_recipe(dataset).epochs == 5 and dataset.provenance == "arrays"


def test_a_run_on_own_images_of_a_published_name_stands_alone(tiny, quick):
    from medtutor.reports import compare

    run = mt.fit(mt.build("mlp", tiny), own("breastmnist"), quick, progress=False)
    assert len(compare(run)) == 1
    with pytest.raises(InputError, match="made on your own arrays"):
        run.dataset()


# Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": True},
        {"epochs": "3"},
        {"epochs": 10**9},
        {"batch_size": 16.5},
        {"batch_size": None, "seed": None},
        {"learning_rate": float("inf")},
        {"learning_rate": True},
        {"weight_decay": -0.1},
        {"mirror": 1},
        {"mirror": "yes"},
        {"skip_empty": 0},
        {"rotation": 400},
        {"scale": 1.0},
        {"shift": float("nan")},
        {"average": -0.1},
        {"label_smoothing": 1},
        {"shift_at_test": 50},
        {"shift_at_test": 1.5},
        {"seed": 2**63},
        {"seed": LARGEST_SEED + 1},
        {"seed": 10**400},
        {"seed": -1},
        {"learning_rate": 10**400},
        {"epochs": [3]},
        {"rotation": np.zeros(2)},
    ],
)
def test_numbers_that_cannot_be_are_refused_in_one_sentence(values):
    with pytest.raises(InputError, match=f"recipe: ({'|'.join(values)})") as raised:
        mt.Recipe(**values)
    assert "\n" not in str(raised.value)


def test_numbers_of_numpy_and_torch_are_those_of_python():
    recipe = mt.Recipe(
        epochs=np.int64(3),
        learning_rate=np.float32(0.5),
        mirror=np.bool_(False),
        seed=torch.tensor(2),
        shift=np.array(1.0),
    )
    assert recipe == mt.Recipe(epochs=3, learning_rate=0.5, mirror=False, seed=2, shift=1.0)
    assert [type(value) for value in recipe.named.values()] == [int, float, bool, float, int]
    json.dumps(recipe.as_dict())


def test_a_wrong_name_is_said():
    with pytest.raises(InputError, match="no 'epoch'"):
        default_recipe(card("breastmnist"), epoch=3)
    assert default_recipe(card("breastmnist"), epochs=None).epochs == 55


@pytest.mark.parametrize(
    "recipe, words",
    [
        ({"shift": 17.0}, "shift must be at most 16"),
        ({"shift_at_test": 10}, None),
        ({"seed": LARGEST_SEED, "epochs": 1}, None),
    ],
)
def test_moves_are_held_to_the_image(tiny, recipe, words):
    fit = lambda: mt.fit(mt.build("mlp", tiny), tiny, mt.Recipe(**{"epochs": 1, **recipe}), progress=False)  # noqa: E731
    if words is None:
        assert fit().test is not None
    else:
        with pytest.raises(InputError, match=words):
            fit()


def test_views_that_would_take_for_ever_are_refused_before_work_starts():
    volumes = mt.from_arrays(*[blobs(8, seed, depth=16) for seed in range(3)], mirror=(-1, -2, -3))
    with pytest.raises(
        InputError, match="averages each prediction over 74,088 moved and mirrored copies; give at most 2"
    ):
        mt.fit(mt.build("mlp", volumes), volumes, mt.Recipe(shift_at_test=10), progress=False)


def test_the_default_of_a_very_small_image_fits_it():
    dataset = mt.from_arrays(*[blobs(12, seed, size=16) for seed in range(3)])
    small = replace(
        dataset,
        **{
            name: replace(getattr(dataset, name), images=getattr(dataset, name).images[..., 1:2, 2:3])
            for name in ("train", "val", "test")
        },
    )
    small = replace(small, card=replace(dataset.card, shape=(1, 1)))
    assert mt.fit(mt.build("mlp", small), small, mt.Recipe(epochs=1), progress=False).recipe.shift == 0.5


def test_what_is_no_recipe_and_no_data_set_is_said(tiny):
    model = mt.build("mlp", tiny)
    with pytest.raises(InputError, match="must be a Recipe, not dict"):
        mt.fit(model, tiny, {"epochs": 3})
    with pytest.raises(InputError, match="takes a Dataset, not Card"):
        mt.fit(model, tiny.card)


def test_every_model_that_learns_at_another_rate_is_one_that_build_makes():
    from medtutor.training.recipe import _shipped

    assert set(_shipped()["models"]) <= set(MODELS) and set(_shipped()["sets"]) <= set(names())


def test_an_optimiser_brings_the_epochs_that_it_needs(tiny):
    breast, vessel = card("breastmnist"), card("vesselmnist3d")
    muon, adamw = default_recipe(breast), default_recipe(breast, optimiser="adamw")
    assert (muon.optimiser, adamw.optimiser) == ("muon", "adamw") and adamw.epochs == 2 * muon.epochs
    assert default_recipe(breast, "vit").epochs == adamw.epochs  # a model's optimiser does, too
    assert mt.Recipe(optimiser="adamw").filled(tiny).epochs > mt.Recipe().filled(tiny).epochs
    assert default_recipe(vessel).optimiser == "adamw"
    with pytest.raises(InputError, match="recipe: optimiser must be one of"):
        default_recipe(breast, optimiser=["muon"])
