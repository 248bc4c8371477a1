"""A model that is asked, not trained: its mode is lent, and given back whatever happens."""

from contextlib import contextmanager

import torch


@contextmanager
def evaluating(model):
    """The model in eval mode within; afterwards each of its modules is in the mode of before.

    Of a model that is in eval mode throughout nothing is touched, so that threads may share it.
    """
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield model
    finally:
        for module in training:
            module.training = True


def device_of(model):
    """The device that a model is on; of one without weights the CPU."""
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
