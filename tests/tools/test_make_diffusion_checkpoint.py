"""The tool behind the diffusion model that ships, on a tiny set."""

import runpy
from pathlib import Path

import numpy as np
import torch
from conftest import blobs

import medtutor as mt
from medtutor.training.diffusion import load_diffusion, read_diffusion

TOOL = Path(__file__).parents[2] / "tools" / "make_diffusion_checkpoint.py"


def test_what_is_written_has_the_shapes_of_what_ships(monkeypatch, tmp_path):
    tool = runpy.run_path(str(TOOL))
    mixed = np.random.default_rng(0).permutation(64)
    pair = [array[mixed] for array in blobs(64, 0, 28)]
    others = [blobs(64, seed, 28) for seed in (1, 2)]
    tiny = mt.from_arrays(pair, *others, classes=["top", "bottom"], name="tiny")
    monkeypatch.setitem(tool["make"].__globals__, "load", lambda name, source: tiny)
    tool["make"](tmp_path, epochs=1, progress=False)
    made, ships = read_diffusion(tmp_path), load_diffusion("pneumoniamnist")
    assert made.command == "python tools/make_diffusion_checkpoint.py --epochs 1 --out FOLDER"
    shapes = [{name: tensor.shape for name, tensor in run.denoiser.state_dict().items()} for run in (made, ships)]
    assert shapes[0] == shapes[1] and ships.epochs == tool["EPOCHS"]
    assert not torch.equal(made.sample(1, steps=1), ships.sample(1, steps=1))
