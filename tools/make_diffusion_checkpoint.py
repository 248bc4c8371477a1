"""Makes the diffusion model that ships with medtutor; `load_diffusion` reads it.

    python tools/make_diffusion_checkpoint.py --out FOLDER

With FOLDER medtutor/training/checkpoints/pneumoniamnist_diffusion it is the one that ships. About 0.12 s a
step of one quiet core that knows bfloat16, 73 steps an epoch: four minutes.
"""

import argparse
import sys

from medtutor.data import load, normalise
from medtutor.models.diffusion import Denoiser
from medtutor.models.randomness import seeded
from medtutor.training.diffusion import fit_diffusion

EPOCHS = 24


def make(folder, epochs=EPOCHS, progress=True):
    """Train a denoiser on the training images of PneumoniaMNIST and save it to a folder; the `DiffusionRun`."""
    dataset = load("pneumoniamnist", source="medmnist")  # never a phantom
    card, train = dataset.card, dataset.train
    with seeded(0):
        denoiser = Denoiser(card.channels, card.shape, len(card.classes))
    option = "" if epochs == EPOCHS else f" --epochs {epochs}"
    command = f"python tools/make_diffusion_checkpoint.py{option} --out FOLDER"
    run = fit_diffusion(
        denoiser, normalise(train.images), train.labels, epochs=epochs, progress=progress, command=command
    )
    run.save(folder)
    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer or more than the one that ships has")
    options = parser.parse_args()
    make(options.out, options.epochs, progress=sys.stderr.isatty())
