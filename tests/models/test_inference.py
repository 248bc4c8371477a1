"""A model that is asked comes back in the mode it was in, each of its modules."""

import pytest
import torch
from torch import nn

from medtutor.models.inference import device_of, evaluating


def partly_frozen():
    """A network in training whose first normalisation is not."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.BatchNorm2d(2)).train()
    model[1].eval()
    return model


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_every_module_is_back_in_its_own_mode(error):
    model = partly_frozen()
    before = [module.training for module in model.modules()]
    try:
        with evaluating(model) as same:
            assert same is model and not any(module.training for module in model.modules())
            if error:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert [module.training for module in model.modules()] == before == [True, True, False, True]


def test_a_model_in_eval_mode_is_not_touched():
    """So that a thread may ask while another one does."""

    class Watched(nn.Linear):
        def train(self, mode=True):
            calls.append(mode)
            return super().train(mode)

    calls = []
    model = nn.Sequential(Watched(2, 2)).eval()
    calls.clear()
    with evaluating(model):
        pass
    assert calls == []


def test_a_model_without_weights_is_on_the_cpu():
    assert device_of(nn.Flatten()) == torch.device("cpu") == device_of(nn.Linear(1, 1))
