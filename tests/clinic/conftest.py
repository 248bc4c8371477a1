"""Runs and tools of the clinic's tests, and a real PACS.

Orthanc, dciodvfy, dsrdump and dcmqi come from Debian (orthanc, dicom3tools, dcmtk) and PyPI; without them the tests
that need them are skipped with a line. With MEDTUTOR_NEEDS_CLINIC=1 that is an error instead.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import medtutor as mt
from medtutor.clinic.orthanc import missing, orthanc
from medtutor.data import card, phantoms
from medtutor.data.card import phantom_card
from medtutor.data.phantoms.hippocampus import draw
from medtutor.data.sources.decathlon import _as_slices
from medtutor.training import default_recipe
from medtutor.training.prediction import predict_logits

PACKAGES = {
    "dciodvfy": "apt-get install dicom3tools",
    "dsrdump": "apt-get install dcmtk",
    "dcmdump": "apt-get install dcmtk",
    "storescu": "apt-get install dcmtk",
    "segimage2itkimage": "pip install dcmqi",
    "tid1500reader": "pip install dcmqi",
}


def lacks(what):
    """Skips the test with a line, or fails it where nothing may be missing."""
    if os.environ.get("MEDTUTOR_NEEDS_CLINIC") == "1":
        pytest.fail(f"MEDTUTOR_NEEDS_CLINIC=1, but {what}", pytrace=False)
    pytest.skip(what)


@pytest.fixture
def tool():
    """A function that runs a program of `PACKAGES` and gives what it wrote; the test is skipped without it."""

    def run(name, *arguments):
        # dcmqi lies in the virtual environment; there pynetdicom's own storescu hides that of dcmtk.
        beside = Path(sys.executable).with_name(name)
        if beside.exists() and PACKAGES[name].startswith("pip"):
            found = str(beside)
        else:
            found = shutil.which(name, path="/usr/bin:/usr/local/bin") or shutil.which(name)
        if found is None:
            lacks(f"{name} is not installed: {PACKAGES[name]}")
        return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture(scope="session")
def archive():
    """A running `Orthanc`, on free ports of this machine, its files in a temporary folder; ended when all is over."""
    if lack := missing():
        lacks(lack)
    with orthanc() as running:
        yield running


@pytest.fixture
def fresh():
    """A running `Orthanc` that is empty, and this test's alone."""
    if lack := missing():
        lacks(lack)
    with orthanc() as running:
        yield running


@pytest.fixture(scope="session")
def xray():
    """Drawn chest X-rays, and a small CNN that was trained on them for an epoch."""
    dataset = phantoms.draw(card("pneumoniamnist"), {"train": 120, "val": 40, "test": 10})
    model = mt.build("cnn", dataset, seed=0, widths=(4, 8, 8))
    return mt.fit(model, dataset, mt.Recipe(epochs=1, seed=0), progress=False), dataset


@pytest.fixture(scope="session")
def hippocampus():
    """Drawn hippocampi, and a small U-Net that was trained on their slices: (run, (images, masks) of a test volume)."""
    name = card("hippocampus")
    volumes = draw({"train": 4, "val": 1, "test": 1})
    dataset = _as_slices(volumes, phantom_card(name), "phantom")
    model = mt.build("unet", dataset, seed=0, widths=(8, 16, 32))
    run = mt.fit(
        model, dataset, default_recipe(dataset.card, "unet", seed=0).but(epochs=2, batch_size=12), progress=False
    )
    # So short a training finds hardly anything: each class is given the 2 % of the pixels that are most like it.
    logits = predict_logits(run.model, dataset.train.images[::4])
    with torch.no_grad():
        bias = list(run.model.parameters())[-1]
        for number in (1, 2):
            bias[number] -= torch.quantile((logits[:, number] - logits[:, 0]).flatten()[::7], 0.98)
    images, masks, _ = volumes["test"]
    return run, (images[0, 0].numpy(), masks[0].numpy())
