"""The table of methods: each beside its untrained twin, and maps that need no network."""

import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor.data.planting import plant_spots
from medtutor.errors import InputError
from medtutor.explanation import METHODS, methods_for, trust_table
from medtutor.explanation.trust import COLUMNS, WITHOUT_NETWORK, trust_of_each
from medtutor.reports import methods_table

FEW = ["saliency", "grad_cam"]


@pytest.fixture(scope="module")
def planted():
    grey = mt.from_arrays(*[blobs(count, seed, size=28) for seed, count in enumerate((96, 20, 20))], name="grey")
    return plant_spots(grey)


@pytest.fixture(scope="module")
def run(planted):
    return mt.fit(
        mt.build("cnn", planted, widths=(4, 8, 8)), planted, mt.Recipe(epochs=2, batch_size=16), progress=False
    )


@pytest.fixture(scope="module")
def ill(planted):
    """(images, targets, evidence) of a few test images with a spot."""
    chosen = (planted.test.labels == 1).nonzero()[:4, 0]
    return planted.test.images[chosen], [1] * len(chosen), planted.test.evidence[chosen]


def test_every_column_of_every_method(run, ill):
    table = trust_table(run, *ill, curves=2)
    assert list(table) == [*methods_for(run), *WITHOUT_NETWORK]
    assert set(METHODS) - set(table) == {"attention_rollout"}  # a CNN has no attention
    for method in methods_for(run):
        assert set(table[method]) == set(COLUMNS)
    for name in WITHOUT_NETWORK:
        assert set(table[name]) == {"hit", "mass", "deletion", "insertion"}
    # Chance: the share of the image that is evidence.
    share = ill[2].float().mean().item()
    assert abs(table["random map"]["mass"] - share) < 0.02
    assert all(0 <= row["hit"] <= 1 and 0 <= row["deletion"] <= 1 for row in table.values())


def test_the_table_is_the_mean_over_images(run, ill):
    table, each = trust_table(run, *ill, methods=FEW, curves=2), trust_of_each(run, *ill, methods=FEW, curves=2)
    assert [len(each["saliency"][column]) for column in ("hit", "similar all", "deletion")] == [4, 4, 2]
    for method, row in table.items():
        for column in set(row) - {"ms"}:
            assert row[column] == pytest.approx(sum(each[method][column]) / len(each[method][column]))
        assert all(touch >= hit for touch, hit in zip(each[method]["touch"], each[method]["hit"]))


def test_without_evidence_there_is_no_hit(run, ill):
    table = trust_table(run, ill[0], ill[1], methods=FEW, curves=1)
    assert "hit" not in table["saliency"] and "deletion" in table["saliency"]
    told = methods_table(table, "four images", phantom=True)
    assert "hit" not in told.head and "similar all" in told.head and "ms" not in told.head
    assert [row[0] for row in told.rows] == [*FEW, *WITHOUT_NETWORK]
    assert told.rows[-1][-1] == "", "edges have no network to be made random"
    assert str(told).startswith("PHANTOM") and "four images" in str(told)


def test_the_same_seed_gives_the_same_table(run, ill):
    def timeless(table):
        return {method: {name: value for name, value in row.items() if name != "ms"} for method, row in table.items()}

    first, second, other = (timeless(trust_table(run, *ill, methods=FEW, curves=1, seed=seed)) for seed in (3, 3, 4))
    assert first == second != other


def test_attention_stands_beside_the_gradients_of_a_transformer(planted, ill):
    vit = mt.fit(
        mt.build("vit", planted, width=16, depth=2), planted, mt.Recipe(epochs=1, batch_size=16), progress=False
    )
    table = trust_table(vit, *ill, methods=["saliency", "attention_rollout"], curves=1)
    assert list(table) == ["saliency", "attention_rollout", *WITHOUT_NETWORK]
    assert set(table["attention_rollout"]) == set(table["saliency"]) == set(COLUMNS)
    assert table["attention_rollout"]["similar head"] == pytest.approx(1)  # it never asks the head
    assert table["saliency"]["similar head"] < 0.999 and table["attention_rollout"]["similar all"] < 0.9


def test_no_images_is_a_sentence(run):
    with pytest.raises(InputError, match="no image"):
        trust_table(run, torch.zeros(0, 1, 28, 28, dtype=torch.uint8), [])


def test_what_does_not_belong_together_is_a_sentence(run, ill):
    images, targets, evidence = ill
    for arguments, options, words in (
        ((images, targets[:-1], evidence), {}, f"there are {len(images) - 1} targets for {len(images)} images"),
        ((images, 1, evidence), {}, "there are no targets"),
        ((images, None, evidence), {}, "there are no targets"),
        ((images, targets, evidence[:1]), {}, f"there are 1 maps of evidence for {len(images)} images"),
        ((images, targets, 3), {}, "there are no maps of evidence"),
        ((images.float(), targets, evidence), {}, "torch.float32; give uint8"),
        ((images, targets, evidence), {"methods": "saliency"}, "methods is 'saliency'; give a list of names"),
        ((images, targets, evidence), {"methods": ["saliency", "salience"]}, "did you mean saliency"),
        ((images, targets, evidence), {"seed": -1}, "seed must be from 0"),
        ((images, targets, evidence), {"curves": 0}, "curves must be from 1"),
    ):
        with pytest.raises(InputError, match=words):
            trust_table(run, *arguments, **{"methods": FEW, "curves": 1} | options)
    of_tensors = trust_table(
        run, list(images.numpy()), torch.tensor(targets), list(evidence), methods=["saliency"], curves=1
    )
    plain = trust_table(run, *ill, methods=["saliency"], curves=1)
    assert all(
        of_tensors[name][column] == plain[name][column] for name in plain for column in plain[name] if column != "ms"
    )


def test_the_areas_of_a_regression_are_in_its_units():
    images, numbers = torch.randint(0, 256, (40, 12, 12), dtype=torch.uint8), torch.linspace(20.0, 80.0, 40)
    ages = mt.from_arrays(*[(images, numbers)] * 3, task="regression", classes=["age"])
    run = mt.fit(mt.build("mlp", ages, width=8), ages, mt.Recipe(epochs=1, batch_size=16), progress=False)
    table = trust_table(run, images[:2, None], [0, 0], methods=["saliency"], curves=2)
    said = run.predict(images[:2, None])
    for area in ("deletion", "insertion"):
        assert table["saliency"][area] == pytest.approx(float(said.mean()), abs=15) and table["saliency"][area] > 15
    assert not any("probability" in meaning for meaning in COLUMNS.values())
