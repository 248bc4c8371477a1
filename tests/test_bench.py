"""The benchmark measures what it says; how fast is not for a test to judge."""

import pytest

from medtutor.bench import common, data
from medtutor.data import load


@pytest.fixture
def dataset(empty_home, monkeypatch):
    """Phantoms, as many as the real set has images."""
    monkeypatch.setattr(common, "load", lambda name: load(name, source="phantom"))
    return common.images()


def test_data(dataset, monkeypatch):
    median = common.median_seconds
    monkeypatch.setattr(data, "median_seconds", lambda work, repeats=1: median(work, 1))
    figures = data.measure_data(dataset)
    assert figures["times faster"] == pytest.approx(figures["medmnist, us per image"] / figures["ours, us per image"])
    assert figures["times faster"] > 1 and figures["times faster, augmented"] > 1


def test_the_reference_reads_the_very_same_images(dataset):
    from torchvision.transforms import ToTensor

    loader = common.reference_loader(dataset, "val", [ToTensor()])
    images, labels = next(iter(loader))
    assert ((images * 255).round().byte() == dataset.val.images[: len(images)]).all()
    assert (labels.squeeze(1) == dataset.val.labels[: len(labels)]).all()
