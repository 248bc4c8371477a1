"""Networks for sequences: shapes, what each can see, lengths, and the step by hand."""

import pytest
import seeded
import torch
from torch import nn

from medtutor.errors import InputError
from medtutor.models import parameter_count
from medtutor.models.conv_lstm import ConvLSTM, NextFrame
from medtutor.models.recurrent import HEADS, FrameEncoder, FrameSequence, lstm_step

BLIND = ("mean_frames", "max_min_frames")  # whatever the order: the same sum
ORDERED = ("lstm", "gru", "bilstm", "temporal_conv")
NAMES = (*HEADS, "conv_lstm")
# As the docstrings say: of each head, for two outputs.
PARAMETERS = {
    "single_frame": 3_266,
    "mean_frames": 3_266,
    "max_min_frames": 6_338,
    "fourier": 27_842,
    "lstm": 10_562,
    "gru": 7_938,
    "bilstm": 21_122,
    "temporal_conv": 12_930,
}


def made(name, **options):
    return seeded.made(ConvLSTM, **options) if name == "conv_lstm" else seeded.made(FrameSequence, head=name, **options)


def clips(count=3, frames=16, seed=0):
    return seeded.images(count, frames, 1, 28, 28, seed=seed)


def test_lstm_step_is_torchs():
    cell = nn.LSTMCell(5, 4)
    x, h, c = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    ours = lstm_step(x, h, c, cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, cell(x, (h, c))))


def test_steps_by_hand_add_up_to_the_lstm_head():
    head, features = HEADS["lstm"](), torch.randn(2, 16, 48)
    layer = head.recurrence
    h = c = torch.zeros(2, 32)
    for x in features.unbind(1):
        h, c = lstm_step(x, h, c, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0 + layer.bias_hh_l0)
    assert torch.allclose(head(features), head.answer(h), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_shapes(name):
    model = made(name)
    assert model(clips()).shape == (3, 2)
    assert model.hidden(clips()).shape[:2] == (3, 16)
    assert model.answers_over_time(clips()).shape == (3, 16, 2)
    assert made(name, channels=3, shape=(20, 30), outputs=5, frames=7)(torch.zeros(2, 7, 3, 20, 30)).shape == (2, 5)


@pytest.mark.parametrize("name", HEADS)
def test_parameters(name):
    assert parameter_count(made(name).head) == PARAMETERS[name]


def test_parameters_of_encoder_and_conv_lstm():
    assert parameter_count(FrameEncoder()) == 38_672
    assert parameter_count(ConvLSTM()) == 82_882


@pytest.mark.parametrize("name", HEADS)
def test_a_head_on_cached_features_is_the_model(name):
    model = made(name)
    assert torch.equal(model.head(model.features(clips())), model(clips()))


@pytest.mark.parametrize("name", BLIND)
def test_heads_that_forget_the_order(name):
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(made(name)(clips()), made(name)(clips()[:, order]), atol=1e-6)


def test_fourier_forgets_when_and_which_way_but_not_the_order():
    model = made("fourier")
    assert torch.allclose(model(clips()), model(clips().flip(1)), atol=1e-5)
    assert torch.allclose(model(clips()), model(clips().roll(3, dims=1)), atol=1e-5)
    assert not torch.allclose(model(clips()), model(clips()[:, [0, 2, 1, *range(3, 16)]]), atol=1e-4)


@pytest.mark.parametrize("name", [*ORDERED, "conv_lstm"])
def test_heads_that_know_the_order(name):
    assert not torch.allclose(made(name)(clips()), made(name)(clips().flip(1)), atol=1e-4)


def test_a_single_frame_is_the_middle_one_or_any_in_training():
    model = made("single_frame")
    other = clips(seed=1)
    other[:, 8] = clips()[:, 8]
    assert torch.equal(model(clips()), model(other))
    model.train()
    assert len({tuple(model(clips(1)).flatten().tolist()) for _ in range(30)}) > 5


@pytest.mark.parametrize("name", NAMES)
def test_answers_over_time_are_those_of_shorter_clips(name):
    model, x = made(name), clips()
    over_time = model.answers_over_time(x)
    for end in (1, 5, 16):
        assert torch.allclose(over_time[:, end - 1], model(x[:, :end]), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_behind_the_end_of_a_clip_is_looked_at(name):
    model, x = made(name), clips()
    expected = torch.cat([model(x[:1, :4]), model(x[1:2, :11]), model(x[2:])])
    x[0, 4:], x[1, 11:] = torch.nan, 7.0
    assert torch.allclose(model(x, lengths=torch.tensor([4, 11, 16])), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "bilstm", "temporal_conv"])
def test_hidden_states_end_where_the_clip_ends(name):
    features = torch.randn(2, 16, 48)
    states = made(name).head.hidden(features, torch.tensor([5, 16]))
    assert (states[0, 5:] == 0).all() and states[0, :5].abs().sum() > 0 and states.shape[1] == 16


def test_memory_of_max_and_min_only_grows():
    states = made("max_min_frames").hidden(clips())
    assert (states[..., :48].diff(dim=1) >= 0).all() and (states[..., 48:].diff(dim=1) <= 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [1, 16])
def test_one_frame_and_black_frames_give_numbers_and_gradients(name, frames):
    model = made(name, frames=frames).train()
    answer = model(torch.full((2, frames, 1, 28, 28), -1.0))
    answer.sum().backward()
    assert answer.isfinite().all()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


def test_conv_lstm_with_1x1_maps_is_an_lstm():
    """On one pixel only the middle of each kernel counts: the step by hand, with those weights."""
    model = made("conv_lstm", shape=(4, 4))
    model.maps = nn.Identity()
    x = torch.randn(2, 6, 32, 1, 1)
    weight = model.gates.weight[:, :, 1, 1]
    h = c = torch.zeros(2, 16)
    for frame in x.unbind(1):
        h, c = lstm_step(frame[:, :, 0, 0], h, c, weight[:, :32], weight[:, 32:], model.gates.bias)
    assert torch.allclose(model(x), model.answer(h), atol=1e-5)


def test_conv_lstm_shows_its_maps():
    assert made("conv_lstm").hidden_maps(clips()).shape == (3, 16, 16, 7, 7)


def test_a_trained_encoder_is_copied_and_not_trained_further():
    first = made("max_min_frames", outputs=1)
    second = made("lstm", encoder=first.encoder)
    assert torch.equal(first.features(clips()), second.features(clips()))
    second(clips()).sum().backward()
    assert all(parameter.grad is None for parameter in second.encoder.parameters())
    assert all(parameter.requires_grad for parameter in first.encoder.parameters())
    assert parameter_count(first.encoder) == parameter_count(second.encoder)


def test_an_lstm_learns_the_order_of_two_frames():
    """Dark then bright, or bright then dark: no head that forgets the order can tell."""
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    features = torch.randn(64, 2, 48) * 0.1
    features[torch.arange(64), labels, :4] += 1
    head = HEADS["lstm"](frames=2)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(head(features), labels).backward()
        optimiser.step()
    assert (head(features).argmax(1) == labels).all()
    assert (head(features.flip(1)).argmax(1) != labels).all()


@pytest.mark.parametrize("lengths", [[0, 3, 4], [3, 4, 17], [3, 4], [1.0, 2.0, 3.0]])
def test_wrong_lengths_are_refused(lengths):
    with pytest.raises(InputError, match="3 whole numbers 1…16"):
        made("lstm")(clips(), lengths=torch.tensor(lengths))


def test_what_is_no_clip_is_refused():
    with pytest.raises(InputError, match=r"takes clips \(B, T, C, H, W\)"):
        made("lstm")(torch.zeros(2, 1, 28, 28))
    with pytest.raises(InputError, match="made for 16 frames"):
        made("fourier")(clips(frames=17))
    with pytest.raises(InputError, match="did you mean bilstm"):
        FrameSequence(head="bi-lstm")


def test_a_forecast_starts_as_a_copy_and_looks_at_the_past_only():
    torch.manual_seed(0)
    model, clips = NextFrame(), torch.randn(2, 5, 1, 9, 8)
    assert torch.equal(model(clips), clips)
    nn.init.normal_(model.change.weight)
    other = clips.clone()
    other[:, 3:] = 0
    with torch.no_grad():
        assert torch.equal(model(clips)[:, :3], model(other)[:, :3])
        assert not torch.equal(model(clips)[:, 3], model(other)[:, 3])
    with pytest.raises(InputError, match="takes clips"):
        model(clips[0])
