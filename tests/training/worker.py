"""Started by test_processes.py under torchrun: trains, and the main process prints what it saw."""

import json
import sys

import torch
from conftest import blobs

import medtutor as mt
from medtutor.training import loop
from medtutor.training.processes import finish

losses = []
step = loop._Trainer.step


def recorded(self, rows, generator):
    losses.append(step(self, rows, generator))
    return losses[-1]


loop._Trainer.step = recorded
# 50 train, 33 val, 27 test cases: none of them splits evenly, nor does the batch of 15.
data = mt.from_arrays(blobs(50, 0), blobs(33, 1), blobs(27, 2), mirror=(-1,))
# Muon makes much of gradients near zero, and so of their last digits, in which the two differ.
recipe = mt.Recipe(epochs=2, batch_size=15, rotation=5.0, learning_rate=1e-3, optimiser="adamw")
run = mt.fit(mt.build(sys.argv[1], data), data, recipe, device="cpu", progress=False)
finish()
if int(__import__("os").environ["RANK"]) == 0:
    print(
        json.dumps(
            {
                "losses": losses,
                "processes": run.processes,
                "val": run.predictions["val"].tolist(),
                "auc": run.val.auc,
                "labels": run.labels["test"].tolist(),
                "test": len(run.predictions["test"]),
                "threads": torch.get_num_threads(),
            }
        )
    )
