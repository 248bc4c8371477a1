"""Networks and images that are the same in every run, for the tests of several models."""

import torch


def made(model, *arguments, **options):
    """A network of a class, its weights drawn with seed 0, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model(*arguments, **options).eval()


def images(*shape, seed=0):
    """Random numbers of -1…1."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
