"""Any torch model: what it takes its forward pass decides, what it answers is read rightly, and else one sentence says
why not.
"""

import copy
import threading

import pytest
import torch
import torch.nn.functional as F
from test_attribution import same, state
from torch import nn

import medtutor as mt
from medtutor.data.dataset import normalise
from medtutor.errors import InputError
from medtutor.explanation import (
    METHODS,
    attention_of,
    cascade,
    deletion,
    explain,
    explain_batch,
    infidelity,
    insertion,
    layers,
    methods_for,
    pointing_game,
    randomised,
    receptive_field,
    score,
    sensitivity,
    similarity,
    weighted_layers,
)
from medtutor.explanation.overlay import colours, overlay
from medtutor.explanation.subject import Subject

CHEAP = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "kernel_shap": {"samples": 20, "patch": 4},
    "rise": {"samples": 20, "cells": 3},
    "occlusion": {"window": 6, "stride": 6},
}
OF_A_CNN = [name for name in METHODS if name != "attention_rollout"]
FORWARD_ONLY = ["occlusion", "kernel_shap", "rise"]


def image(channels=1, side=12):
    return torch.randint(0, 256, (channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def network(channels=1, classes=2):
    """A small one that every method but the attention's can explain."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, classes),
        ).eval()


class Around(nn.Module):
    """A network with something done to its input or its output."""

    def __init__(self, answer, **kwargs):
        super().__init__()
        self.net, self.answer = network(**kwargs), answer

    def forward(self, x):
        return self.answer(self.net, x)


def ask(model, method, picture=None, **options):
    return explain(model, image() if picture is None else picture, method, **CHEAP.get(method, {}), **options)


# --- what a model takes ---------------------------------------------------------------------


def test_the_forward_pass_decides_what_a_model_takes():
    """Its first convolution takes three channels; the model makes them of one itself."""
    model = Around(lambda net, x: net(x.repeat(1, 3, 1, 1)), channels=3)
    for method in (
        "saliency",
        "integrated_gradients",
        "deep_lift",
        "grad_cam",
        "guided_backprop",
        "occlusion",
        "kernel_shap",
    ):
        assert ask(model, method).map.shape == (12, 12), method
    assert layers(model)["net.0"] == (4, 28, 28) and receptive_field(model).shape == (28, 28)
    assert deletion(model, image(), ask(model, "occlusion"), steps=2).auc >= 0
    with pytest.raises(InputError, match=r"Around cannot take an image of shape \(3, 12, 12\)"):
        explain(model, image(3), "saliency")
    with pytest.raises(InputError, match="lrp cannot see 'repeat'"):
        explain(model, image(), "lrp")


class Turned(nn.Module):
    """Rows and channels change places before a linear layer."""

    def __init__(self, turn=True):
        super().__init__()
        self.turn, self.flatten = turn, nn.Flatten()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.linear = nn.Linear(3 * 4 * 4, 2)

    def forward(self, x):
        return self.linear(self.flatten(x.transpose(1, 3) if self.turn else x))


def test_lrp_wants_the_image_as_it_is_at_the_first_layer():
    """Else the bounds of the pixels would be mixed up, and the map wrong without a word."""
    assert explain(Turned(False), image(3, 4), "lrp").completeness_error < 1e-4
    expanded = Around(lambda net, x: net(x.expand(-1, 3, -1, -1)), channels=3)
    for model, picture in ((Turned(), image(3, 4)), (expanded, image())):
        with pytest.raises(InputError, match="lrp needs a first layer that takes the image as it is"):
            explain(model, picture, "lrp")


def test_images_that_are_not_square(data_sides=(20, 12)):
    model = mt.models.CNN(1, data_sides, 2, widths=(4, 8, 8))
    picture = torch.randint(0, 256, (1, *data_sides), dtype=torch.uint8)
    for method in OF_A_CNN:
        found = ask(model, method, picture)
        assert found.map.shape == data_sides and torch.isfinite(found.map).all(), method
    assert explain(model, picture, "grad_cam").raw.shape == (1, 5, 3)


@pytest.mark.parametrize(
    "model, words",
    [
        (
            nn.Sequential(nn.Conv2d(1, 4, 30), nn.Flatten(), nn.Linear(4, 2)),
            r"cannot take an image of shape \(1, 12, 12\): Calculated",
        ),
        (
            nn.Sequential(
                nn.Conv2d(1, 4, 12), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten(), nn.Linear(4, 2)
            ),
            "cannot take an image",
        ),
        (
            nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2)),
            "layer 0 has no weights yet; give the model one batch",
        ),
        (network().to("meta"), "layer 0 has weights without numbers"),
        (
            Around(lambda net, x, table: net(x)),
            "cannot take an image of shape .* missing 1 required positional argument",
        ),
        (Around(lambda net, x: [][1]), "cannot take an image of shape .* list index out of range"),
        (mt.models.recurrent.FrameSequence(1, (12, 12), 2, frames=4), "takes clips"),
    ],
)
def test_a_model_that_does_not_take_the_image_says_why(model, words):
    for call in (lambda: explain(model, image()), lambda: deletion(model, image(), (torch.zeros(12, 12), 0))):
        with pytest.raises(InputError, match=words):
            call()


def test_a_lazy_model_is_left_lazy():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    for call in (lambda: explain(model, image()), lambda: randomised(model), lambda: layers(model)):
        with pytest.raises(InputError, match="no weights yet"):
            call()
    assert isinstance(model[0], nn.LazyConv2d) and isinstance(model[0].weight, nn.parameter.UninitializedParameter)


# --- what a model answers --------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [lambda net, x: net(x), lambda net, x: net(x)[:, 0], lambda net, x: net(x).squeeze()]
)
def test_one_output_is_the_logit_of_class_1(answer):
    model = Around(answer, classes=1)
    with torch.no_grad():
        logit = model.net(normalise(image()[None])).item()
    assert logit > 0
    yes, no = explain(model, image(), "saliency", target=1), explain(model, image(), "saliency", target=0)
    assert yes.predicted.index == no.predicted.index == explain(model, image(), "saliency").target.index == 1
    assert yes.score == pytest.approx(logit) == -no.score
    assert yes.probability == pytest.approx(torch.tensor(logit).sigmoid().item()) == pytest.approx(1 - no.probability)
    negative = Around(lambda net, x: -answer(net, x), classes=1)
    assert explain(negative, image(), "saliency").predicted.index == 0
    for batch in ([image()], [image()] * 3):
        assert [one.predicted.index for one in explain_batch(model, batch, "saliency")] == [1] * len(batch)


@pytest.mark.parametrize("method", OF_A_CNN)
def test_of_one_output_the_maps_are_those_of_two_opposite_ones(method):
    one, two = network(classes=1), network(classes=2)
    two.load_state_dict(
        {**one.state_dict(), **{f"7.{name}": torch.cat([-value, value]) for name, value in one[7].state_dict().items()}}
    )
    for target in (0, 1):
        found, expected = ask(one, method, target=target), ask(two, method, target=target)
        torch.testing.assert_close(found.map, expected.map, rtol=1e-4, atol=1e-6)
        assert found.completeness_error == pytest.approx(expected.completeness_error, abs=1e-4)


@pytest.mark.parametrize(
    "end, classes, expected",
    [
        (lambda scores: scores.log_softmax(1), 3, lambda scores: scores.softmax(1)),
        (lambda scores: scores.softmax(1), 3, lambda scores: scores.softmax(1)),
        (lambda scores: scores.exp() / scores.exp().sum(1, keepdim=True), 3, lambda scores: scores.softmax(1)),
        (lambda scores: scores.sigmoid(), 3, lambda scores: scores.sigmoid()),
        (lambda scores: scores.sigmoid(), 1, lambda scores: torch.cat([1 - scores.sigmoid(), scores.sigmoid()], 1)),
        (
            lambda scores: scores.sigmoid()[:, 0],
            1,
            lambda scores: torch.cat([1 - scores.sigmoid(), scores.sigmoid()], 1),
        ),
    ],
)
def test_probabilities_are_not_made_probabilities_again(end, classes, expected):
    model = Around(lambda net, x: end(net(x)), classes=classes)
    with torch.no_grad():
        chances = expected(model.net(normalise(image()[None])))[0]
    for target in range(len(chances)):
        found = ask(model, "integrated_gradients", target=target)
        assert found.probability == pytest.approx(chances[target].item(), abs=1e-5)
        assert deletion(model, image(), found, steps=1).value[0] == pytest.approx(chances[target].item(), abs=1e-5)
    assert found.predicted.index == chances.argmax()


@pytest.mark.parametrize(
    "answer, words",
    [
        (
            lambda net, x: (net(x), x),
            r"returns tuple; .*one score for each class, \(B, classes\): give a module whose forward returns only",
        ),
        (lambda net, x: {"logits": net(x)}, "returns dict"),
        (lambda net, x: None, "returns NoneType"),
        (lambda net, x: "benign", "returns str"),
        (lambda net, x: net(x).mean(0, keepdim=True).expand(5, 2), r"returns \(5, 2\)"),
        (lambda net, x: x, r"returns \(1, 1, 12, 12\)"),
        (lambda net, x: net(x).argmax(1), "returns torch.int64, no scores"),
        (lambda net, x: net(x).to(torch.complex64), "returns torch.complex64, no scores"),
        (lambda net, x: net(x)[:, :0], r"returns \(1, 0\)"),
        (lambda net, x: net(x) / 0, "answers NaN or infinity"),
        (lambda net, x: net(x) + net(x).mean(0), "answers an image otherwise when another one stands beside it"),
        (lambda net, x: net(F.batch_norm(x, None, None, training=True)), "answers an image otherwise"),
        (lambda net, x: net(F.dropout(x)), "draws random numbers in eval mode"),
        (lambda net, x: net(x + 0.01 * torch.randn_like(x)), "draws random numbers in eval mode"),
    ],
)
def test_an_answer_that_cannot_be_explained_is_named(answer, words):
    model, before = Around(answer), torch.get_rng_state()
    for call in (
        lambda: explain(model, image()),
        lambda: infidelity(model, image(), (torch.zeros(12, 12), 0)),
        lambda: cascade(model, [image()]),
    ):
        with pytest.raises(InputError, match=words):
            call()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "answer",
    [
        lambda net, x: net(x.detach()),
        lambda net, x: torch.inference_mode()(net)(x),
        lambda net, x: net[7].bias.expand(len(x), 2),
    ],
)
def test_gradients_that_there_are_not_are_named_with_the_methods_that_need_none(answer):
    for method in set(OF_A_CNN) - {"grad_cam"}:  # which only needs those of a layer
        if method in FORWARD_ONLY:
            assert torch.isfinite(ask(Around(answer), method).map).all()
        else:
            with pytest.raises(InputError, match="needs gradients, and none .* choose occlusion or kernel_shap"):
                ask(Around(answer), method)


def test_broken_gradients_are_named():
    model = Around(lambda net, x: net(torch.sqrt(x + 1)))
    black = torch.zeros(1, 12, 12, dtype=torch.uint8)
    for method in ("saliency", "integrated_gradients", "gradient_shap"):
        with pytest.raises(InputError, match="finds NaN or infinity on the way .* choose occlusion or kernel_shap"):
            ask(model, method, black)
    assert torch.isfinite(ask(model, "occlusion", black).map).all()


def test_a_model_that_says_the_same_of_everything_has_a_map_and_scores_of_zero():
    model = network()
    nn.init.zeros_(model[7].weight)
    for method in OF_A_CNN:
        found = ask(model, method)
        assert not found.map.any(), method
        pixels = colours(found.map), overlay(image(), found.map)
        assert (pixels[0] == 255).all() and (pixels[1] == image().permute(1, 2, 0).numpy()).all()
        assert pointing_game(found, torch.ones(12, 12)) == 1 and similarity(found, found) == 0
    found = score(model, image(), ask(model, "kernel_shap"))
    assert (found.infidelity, found.sensitivity, found.to_randomised, found.completeness_error) == (0, 0, 0, 0)
    assert found.deletion == found.insertion == pytest.approx(model[7].bias.softmax(0).max().item(), abs=1e-5)


# --- how a model is made and wrapped -------------------------------------------------------------


def made_in_inference_mode():
    with torch.inference_mode():
        return network()


def hooked():
    model = network()
    model[3].register_forward_hook(lambda module, taken, given: given)
    model[4].register_full_backward_hook(lambda module, taken, given: None)  # deep_lift would be wrong by half
    model[7].register_full_backward_hook(lambda module, taken, given: (2 * taken[0],))
    model[0].weight.register_hook(lambda gradient: 1 / 0)
    return model


WRAPPED = {
    "in train mode": lambda: network().train(),
    "frozen": lambda: network().requires_grad_(False),
    "made in inference mode": made_in_inference_mode,
    "data parallel": lambda: nn.DataParallel(network()),
    "compiled": lambda: torch.compile(network()),
    "traced by fx": lambda: torch.fx.symbolic_trace(network()),
    "hooked": hooked,
    "double": lambda: network().double(),
    "half": lambda: network().half(),
    "bfloat16": lambda: network().bfloat16(),
    "in place": lambda: nn.Sequential(
        *[nn.ReLU(inplace=True) if isinstance(part, nn.ReLU) else part for part in network()]
    ),
    "functional": lambda: Around(lambda net, x: torch.func.functional_call(net, dict(net.named_parameters()), (x,))),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_maps_are_those_of_the_plain_model_however_it_is_wrapped(name):
    model, tolerance = WRAPPED[name](), {"half": 0.02, "bfloat16": 0.3}.get(name, 1e-4)
    for method in OF_A_CNN:
        found, expected = ask(model, method, target=1), ask(network(), method, target=1)
        scale = expected.map.abs().max().item()
        torch.testing.assert_close(
            found.map, expected.map, rtol=0, atol=tolerance * scale, msg=lambda text: f"{method}: {text}"
        )
        assert found.map.dtype == torch.float32 and found.score == pytest.approx(expected.score, abs=5e-3)
    found = score(model, image(), found)
    assert 0 <= found.infidelity <= 1 and found.sensitivity >= 0 and 0 <= found.deletion <= 1
    assert methods_for(model) == OF_A_CNN and list(weighted_layers(model))[0].endswith("7")


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_it_does_not_matter_what_the_caller_has_switched_off(guard):
    for method in OF_A_CNN:
        with guard():
            found = ask(network(), method, target=1)
        torch.testing.assert_close(found.map, ask(network(), method, target=1).map)


def test_a_wrapped_transformer_shows_its_attention():
    model = mt.models.ViT(1, (12, 12), 2, width=8, depth=1, heads=2)
    for wrapped in (nn.DataParallel(model), torch.compile(model)):
        assert torch.equal(attention_of(wrapped, image()).weights, attention_of(model, image()).weights)
        assert explain(wrapped, image(), "attention_rollout").map.shape == (12, 12)


def test_what_calls_itself_attention_but_is_something_else_is_named():
    model = network()
    model.attention, model.grid = (lambda x: [torch.ones(len(x), 2, 3, 3)]), (6, 6)
    for call in (lambda: attention_of(model, image()), lambda: explain(model, image(), "attention_rollout")):
        with pytest.raises(
            InputError, match=r"attention\(\) of Sequential does not give one tensor \(B, heads, N, N\) a block"
        ):
            call()


def scripted(**kwargs):
    return torch.jit.trace(network(**kwargs), torch.zeros(2, 1, 12, 12))


def test_torchscript_is_explained_where_no_layer_need_be_seen():
    for model in (scripted(), torch.jit.freeze(scripted()), nn.Sequential(scripted(), nn.Identity())):
        for method in OF_A_CNN:
            if METHODS[method].guard is None:
                torch.testing.assert_close(
                    ask(model, method, target=1).map, ask(network(), method, target=1).map, rtol=1e-3, atol=1e-5
                )
            else:
                with pytest.raises(
                    InputError,
                    match="TorchScript hides those of .*; choose one of saliency, .* occlusion, kernel_shap, rise$",
                ):
                    ask(model, method)
        found = ask(model, "occlusion")
        assert 0 <= deletion(model, image(), found).auc <= 1 and sensitivity(model, image(), found, samples=2) >= 0
        with pytest.raises(InputError, match="has no|no weights|no reset_parameters"):
            score(model, image(), found)
    assert ask(scripted(classes=1), "saliency").predicted.index == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_model_is_explained_by_its_scores_alone():
    dynamic = torch.ao.quantization.quantize_dynamic(network(), {nn.Linear}, dtype=torch.qint8)
    for method in OF_A_CNN:
        if method in FORWARD_ONLY:
            found, expected = ask(dynamic, method, target=1), ask(network(), method, target=1)
            torch.testing.assert_close(found.map, expected.map, rtol=0.1, atol=0.1 * expected.map.abs().max().item())
        else:
            with pytest.raises(
                InputError,
                match="needs gradients, and none passes the quantised layers .* choose occlusion or kernel_shap",
            ):
                ask(dynamic, method)
    assert 0 <= infidelity(dynamic, image(), found, samples=4) <= 1
    for call in (lambda: randomised(dynamic), lambda: score(dynamic, image(), found)):
        with pytest.raises(InputError, match="quantised layers of Sequential cannot be randomised"):
            call()


def test_an_exported_model_is_explained_where_its_batch_may_grow():
    batch = {0: torch.export.Dim("batch", min=1, max=4096)}
    example = torch.zeros(2, 1, 12, 12)
    model = torch.export.export(network(), (example,), dynamic_shapes=({**batch},)).module()
    for method in ("saliency", "integrated_gradients", "occlusion", "kernel_shap"):
        torch.testing.assert_close(
            ask(model, method, target=1).map, ask(network(), method, target=1).map, rtol=1e-3, atol=1e-5
        )
    with pytest.raises(InputError, match="cannot take an image"):
        explain(torch.export.export(network(), (example,)).module(), image())


def test_weights_that_cannot_be_made_random_are_not_taken_for_random():
    """Under a weight norm or a spectral norm, reset_parameters() leaves what was learned."""
    for norm in (nn.utils.weight_norm, nn.utils.spectral_norm):
        model = network()
        norm(model[3])
        for call in (lambda: randomised(model), lambda: cascade(model, [image()], "saliency")):
            with pytest.raises(InputError, match="reset_parameters.. of 3 leaves its weight_.* as it was"):
                call()
        assert ask(model, "saliency").map.any()


def test_a_model_that_cannot_be_copied_is_named():
    model = network()
    model.lock = threading.Lock()
    for call in (lambda: explain(model, image()), lambda: randomised(model)):
        with pytest.raises(InputError, match="Sequential cannot be copied .*lock.* take what holds this off the model"):
            call()


# --- the model comes back as it was --------------------------------------------------------------


class Counting(nn.Module):
    """It keeps books in its forward pass, in a buffer, a tensor, a list and a weight of unit length."""

    def __init__(self):
        super().__init__()
        self.net, self.seen, self.kept = network(), [], torch.zeros(1)
        self.register_buffer("passes", torch.zeros(1))

    def forward(self, x):
        with torch.no_grad():
            self.passes.fill_(len(x))
            self.kept.fill_(len(x))
        self.seen.append(len(x))
        return self.net(x)


def test_everything_leaves_a_model_as_it_was():
    model = Counting().train()
    model.net[1].eval()
    model.net[3].weight.requires_grad_(False)
    model.net[0].weight.grad = torch.ones_like(model.net[0].weight)
    model.net[2].register_forward_hook(lambda *_: None)
    before, books = state(model), copy.deepcopy((model.passes, model.seen, model.kept))
    found, refused = (
        ask(model, "smoothgrad"),
        ("lrp", "deep_lift"),
    )  # what fills the books is computed outside of any module
    for call in (
        *(lambda method=method: ask(model, method) for method in OF_A_CNN if method not in refused),
        lambda: score(model, image(), found),
        lambda: insertion(model, image(), found),
        lambda: layers(model),
        lambda: receptive_field(model),
        lambda: randomised(model),
        lambda: cascade(model, [image()], "saliency"),
        lambda: weighted_layers(model),
        lambda: methods_for(model),
    ):
        call()
        assert same(before, state(model)) and same(books, (model.passes, model.seen, model.kept))


def test_a_twin_shares_the_weights_and_nothing_else():
    model = Counting()
    net = Subject.of(model).net
    assert net.net[3].weight.data_ptr() == model.net[3].weight.data_ptr() or net.net[7].weight is model.net[7].weight
    assert net.passes is not model.passes and net.seen is not model.seen
