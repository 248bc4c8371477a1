"""Speed, each figure as a ratio to a reference measured in the same run.

    data       ours against medmnist's Dataset in a DataLoader, images a second
    gemm       the share of the machine's matrix product rate that training sustains
    reference  the MedMNIST recipe (one epoch x 100) against ours, in processor time
    explorers  milliseconds from a moved control to the new picture, in the kernel

Absolute times differ from machine to machine and from minute to minute;
ratios measured side by side hardly do. `against` compares two revisions of medtutor so; `growth`
says what an epoch costs as images become more and larger, beside a machine that wastes nothing.
"""

import torch

from ..training.processes import choose_threads
from .common import images
from .data import measure_data
from .explorers import measure_explorers
from .gemm import measure_gemm
from .reference import measure_reference

PARTS = {"data": measure_data, "gemm": measure_gemm, "reference": measure_reference, "explorers": measure_explorers}


def measure_all(parts, report=None):
    """{part: {figure: value}} for the parts asked for; `report` gets a line for each."""
    choose_threads()
    dataset = images()
    figures = {"threads": torch.get_num_threads(), "torch": torch.__version__, "images": dataset.provenance}
    if report:
        report(f"{dataset.title}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for part in parts:
        figures[part] = PARTS[part](dataset)
        if report:
            report(f"\n{part}")
            for name, value in figures[part].items():
                report(f"  {name:58} {value:>12,.4g}" if isinstance(value, float) else f"  {name:58} {value!s:>12}")
    return figures


__all__ = ["PARTS", "measure_all"]
