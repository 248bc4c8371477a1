"""What a model costs: operations by hand, and nothing of the model changed."""

import pytest
import torch
from torch import nn

from medtutor.data import card
from medtutor.errors import InputError
from medtutor.models import build, parameter_count
from medtutor.reports.cost import Cost, case_shape, forward_flops, measure_cost

XRAY, CINE, VESSELS = card("pneumoniamnist"), card("cine_filling"), card("vesselmnist3d")


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 4, 3, padding=1)
        self.classifier = nn.Linear(4, 2)

    def forward(self, x):
        return self.classifier(self.layer(x).mean((2, 3)))


def test_operations_of_a_layer_by_hand():
    # 28 x 28 places, 4 channels, 9 products each, and 4 x 2 of the linear layer; a product and its sum are two.
    assert forward_flops(OneLayer(), XRAY) == 2 * (28 * 28 * 4 * 9 + 4 * 2)


def test_attention_grows_with_the_square_of_the_tokens():
    """Of half the patch there are four times the tokens: linear layers cost four times as much, attention sixteen
    times.
    """
    width, depth, classes = 64, 5, 2
    for patch in (4, 2):
        tokens = (28 // patch) ** 2
        linear = (
            tokens * width * (3 * width + width + 2 * 2 * width)
        )  # queries, keys, values; mixing; the MLP there and back
        attention = 2 * tokens**2 * width
        expected = 2 * (tokens * width * patch**2 + depth * (linear + attention) + width * classes)
        assert forward_flops(build("vit", XRAY, patch=patch), XRAY) == expected


def test_equal_parameters_are_not_equal_work():
    cnn, vit, hybrid = (forward_flops(build(name, XRAY), XRAY) for name in ("cnn", "vit", "hybrid"))
    assert 2.1 < cnn / vit < 2.3 and 0.95 < cnn / hybrid < 1.05


@pytest.mark.parametrize("facts, shape", [(XRAY, (1, 28, 28)), (CINE, (16, 1, 28, 28)), (VESSELS, (1, 28, 28, 28))])
def test_the_shape_of_a_case(facts, shape):
    assert case_shape(facts) == shape


@pytest.mark.parametrize("name, facts", [("vit", XRAY), ("cnn", XRAY), ("lstm", CINE)])
def test_measuring_leaves_the_model_as_it_was(name, facts):
    model = build(name, facts).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    cost = measure_cost(model, facts, batch=2)
    assert cost.parameters == parameter_count(model) and cost.flops == forward_flops(model, facts)
    assert cost.train_ms > 0 and cost.predict_ms > 0 and cost.threads == torch.get_num_threads()
    assert not model.training and all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_without_times_nothing_is_timed():
    assert measure_cost(build("vit", XRAY), XRAY, timed=False) == Cost(171_842, forward_flops(build("vit", XRAY), XRAY))


@pytest.mark.parametrize("size", [1e20, 1e38])
def test_weights_that_overflow_in_a_step_are_not_touched(size):
    """A step at a rate of 0 still makes NaN of them where the gradient is infinite: 0 times infinity."""
    model = OneLayer()
    with torch.no_grad():
        model.classifier.weight.fill_(size)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    measure_cost(model, XRAY, batch=2)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_dropout_is_measured_too():
    model = nn.Sequential(OneLayer(), nn.Dropout(0.5))
    assert measure_cost(model, XRAY, batch=2).train_ms > 0


@pytest.mark.parametrize("batch", [0, 1, -3, 2.5, True, None])
def test_a_batch_that_cannot_be_is_refused(batch):
    with pytest.raises(InputError, match="batch must be"):
        measure_cost(OneLayer(), XRAY, batch=batch)
