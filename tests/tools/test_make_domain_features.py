"""The network behind the domain features, made again of tiny sets: never of test images."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import blobs
from safetensors.torch import load_file

import medtutor as mt
from medtutor.metrics.generative import domain_features

TOOL = Path(__file__).parents[2] / "tools" / "make_domain_features.py"
spec = spec_from_file_location(TOOL.stem, TOOL)
make_domain_features = module_from_spec(spec)
spec.loader.exec_module(make_domain_features)


@pytest.fixture
def tiny_sets(monkeypatch):
    """Two tiny sets in place of the published ones; all pixels of their test images are 7."""

    def load(name, source):
        test = np.full((10, 28, 28), 7, dtype=np.uint8), np.arange(10) % 2
        mixed = np.random.default_rng(0).permutation(40)  # every second image of blobs is of one class
        train, val = ([array[mixed] for array in blobs(40, seed, 28)] for seed in (len(name), 1))
        return mt.from_arrays(train, val, test, classes=["top", "bottom"], name=name)

    monkeypatch.setattr(make_domain_features, "load", load)
    monkeypatch.setattr(make_domain_features, "RECIPE", make_domain_features.RECIPE.but(epochs=1, batch_size=32))


def test_the_images_are_those_of_train_and_val_and_say_what_was_done_to_them(tiny_sets):
    dataset = make_domain_features.domain_images()
    assert dataset.card.classes[:2] == ("pneumoniamnist", "breastmnist") and dataset.card.classes[-1] == "contrast"
    for split in (dataset.train, dataset.val, dataset.test):
        assert (split.images.flatten(1).float().std(dim=1) > 1).all(), "an image of the test split"
    labels = dataset.train.labels
    assert (labels[:, :2].sum(dim=1) == 1).all() and (labels[:, -3:].sum(dim=1) <= 1).all()
    assert labels[:, -3:].any(dim=1).sum() == 2 * (7 + 7 + 7)


def test_what_is_written_is_what_the_package_loads(tiny_sets, tmp_path):
    make_domain_features.make(tmp_path)
    weights = load_file(tmp_path / "domain.safetensors")
    shipped = load_file(Path(mt.__file__).parent / "metrics/features/domain.safetensors")
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in shipped.items()
    }
    assert json.loads((tmp_path / "domain.json").read_text())["trained on"] == {"pneumoniamnist": 40, "breastmnist": 40}


def test_each_shipped_feature_has_mean_0_and_variance_1_on_the_train_images():
    found = mt.data.loading.find("pneumoniamnist"), mt.data.loading.find("breastmnist")
    if None in found:
        pytest.skip("needs the published images")
    images = [mt.load(name, source="medmnist").train.images for name in make_domain_features.SETS]
    features = domain_features(torch.cat(images))
    assert features.mean(dim=0).abs().max() < 0.01 and (features.var(dim=0) - 1).abs().max() < 0.05
