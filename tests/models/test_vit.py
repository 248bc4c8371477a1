"""Vision transformers: attention by hand and as torch has it, windows by brute force, torchvision's networks."""

from functools import partial
from math import log, prod

import pytest
import torch
import torch.nn.functional as F
from seeded import images, made
from torch import nn

import medtutor as mt
from medtutor.data import card
from medtutor.errors import InputError
from medtutor.models import MODELS, build, parameter_count
from medtutor.models.vit import Attention, Block, ViT, WindowedAttention, WindowedViT, attend

SMALL = {"width": 16, "depth": 2, "heads": 2}
WINDOWS = [
    ((4, 4), 2, 0),
    ((4, 4), 2, 1),
    ((6, 3), 3, 0),
    ((6, 9), 3, 1),
    ((4, 12), 4, 3),
    ((7, 7), 7, 3),
    ((3, 3), 1, 0),
]


def tokens(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def copied(ours, theirs):
    """The weights of ours into torch's MultiheadAttention."""
    theirs.in_proj_weight.data.copy_(ours.queries_keys_values.weight)
    theirs.in_proj_bias.data.copy_(ours.queries_keys_values.bias)
    theirs.out_proj.load_state_dict(ours.mix.state_dict())
    return theirs.eval()


def lively(model):
    """The model with biases and norms that are not those of a fresh one, where a missing one would not show."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if "bias" in name or "norm" in name or "weight" == name.split(".")[-1] and parameter.dim() == 3:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


# Attention ------------------------------------------------------------------------------------


def test_two_tokens_by_hand():
    """Scores 0, 0 and 0, log 3: the first token looks at both alike, the second three times as long at itself."""
    queries = torch.tensor([[0.0, 0, 0, 0], [2 * log(3), 0, 0, 0]])  # divided by the root of 4
    keys = torch.tensor([[0.0, 9, 9, 9], [1.0, -9, 9, 5]])
    values = torch.tensor([[8.0, 0, 0, 4], [4.0, 4, 0, 0]])
    expected = torch.tensor([[6.0, 2, 0, 2], [5.0, 3, 0, 1]])
    torch.testing.assert_close(attend(queries, keys, values), expected)
    apart = torch.tensor([[False, True], [False, False]])
    expected[0] = values[0]
    torch.testing.assert_close(attend(queries, keys, values, attn_mask=apart), expected)


def test_attention_is_torchs_own():
    queries, keys, values = tokens(3, 2, 4, 9, 8)
    apart = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(1)) < 0.4
    apart[:, :, range(9), range(9)] = False
    torch.testing.assert_close(attend(queries, keys, values), F.scaled_dot_product_attention(queries, keys, values))
    ours = attend(queries, keys, values, attn_mask=apart)
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(queries, keys, values, attn_mask=~apart))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_many_heads_are_torchs_multihead_attention(heads):
    """The same weights give the same answer, and every head the same weights of attention."""
    ours, x, seen = lively(made(Attention, 16, heads)), tokens(2, 5, 16), []
    theirs = copied(ours, nn.MultiheadAttention(16, heads, batch_first=True))
    ours.softmax.register_forward_hook(lambda module, taken, weights: seen.append(weights))
    answer, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), answer)
    torch.testing.assert_close(seen[0], weights)
    assert weights.shape == (2, heads, 5, 5) and ours.everywhere(weights) is weights
    assert parameter_count(ours) == parameter_count(theirs)


def as_torchs(block, width, heads, expansion):
    theirs = nn.TransformerEncoderLayer(
        width, heads, expansion * width, activation="gelu", batch_first=True, norm_first=True
    )
    copied(block.attention, theirs.self_attn)
    pairs = (
        (block.norm1, theirs.norm1),
        (block.norm2, theirs.norm2),
        (block.mlp[0], theirs.linear1),
        (block.mlp[2], theirs.linear2),
    )
    for mine, other in pairs:
        other.load_state_dict(mine.state_dict())
    return theirs.eval()


@pytest.mark.parametrize("readout", ["mean", "class"])
def test_the_blocks_are_torchs_encoder_layers(readout):
    model = lively(made(ViT, depth=3, readout=readout))
    theirs = [as_torchs(block, 64, 4, 2) for block in model.blocks]
    x = model.tokens(images(2, 1, 28, 28))
    torch.testing.assert_close(model.blocks(x), nn.Sequential(*theirs)(x), atol=1e-5, rtol=1e-5)
    assert [parameter_count(block) for block in model.blocks] == [parameter_count(layer) for layer in theirs]


@pytest.mark.parametrize("patch, depth", [(4, 3), (7, 2)])
def test_with_a_class_token_it_is_torchvisions_network(patch, depth):
    """The same weights give the same answer in torchvision's VisionTransformer; the epsilon of its norms is
    exchanged.
    """
    from torchvision.models import VisionTransformer

    theirs = VisionTransformer(28, patch, depth, 4, 64, 128, num_classes=5, norm_layer=nn.LayerNorm).eval()
    ours = lively(made(ViT, channels=3, classes=5, patch=patch, depth=depth, readout="class"))
    theirs.conv_proj.load_state_dict(ours.embedding[0].state_dict())
    theirs.class_token.data.copy_(ours.class_token.weight)
    theirs.encoder.pos_embedding.data.copy_(ours.positions.weight)
    for mine, other in zip(ours.blocks, theirs.encoder.layers, strict=True):
        copied(mine.attention, other.self_attention)
        pairs = (
            (mine.norm1, other.ln_1),
            (mine.norm2, other.ln_2),
            (mine.mlp[0], other.mlp[0]),
            (mine.mlp[2], other.mlp[3]),
        )
        for one, two in pairs:
            two.load_state_dict(one.state_dict())
    theirs.encoder.ln.load_state_dict(ours.norm.state_dict())
    theirs.heads.head.load_state_dict(ours.classifier.state_dict())
    x = images(2, 3, 28, 28)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)
    assert parameter_count(ours) == parameter_count(theirs)


# Windows --------------------------------------------------------------------------------------


def share_a_window(grid, window, shift):
    """bool (N, N): whether two tokens share a window, place by place and without rolling anything."""

    def number(at):
        return (at - shift) // window  # the first window is cut off at the edge

    places = [(row, column) for row in range(grid[0]) for column in range(grid[1])]
    return torch.tensor([[(number(a), number(b)) == (number(c), number(d)) for c, d in places] for a, b in places])


@pytest.mark.parametrize("grid, window, shift", WINDOWS)
def test_windows_are_full_attention_behind_a_mask(grid, window, shift):
    ours, x, seen = lively(made(WindowedAttention, 8, 2, grid, window, shift)), tokens(3, prod(grid), 8), []
    ours.inside.softmax.register_forward_hook(lambda module, taken, weights: seen.append(weights))
    full = copied(ours.inside, nn.MultiheadAttention(8, 2, batch_first=True))
    together = share_a_window(grid, window, shift)
    answer, weights = full(x, x, x, attn_mask=~together, average_attn_weights=False)
    torch.testing.assert_close(ours(x), answer, atol=1e-6, rtol=1e-5)
    every = ours.everywhere(seen[0])
    torch.testing.assert_close(every, weights, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(every.sum(-1), torch.ones(3, 2, prod(grid)))
    assert (every[..., ~together] == 0).all() and (every[..., together] > 0).all()


@pytest.mark.parametrize("grid, window, shift", [((4, 4), 2, 0), ((4, 4), 2, 1), ((6, 9), 3, 1), ((14, 14), 7, 3)])
def test_windows_are_torchvisions_without_its_bias_for_distance(grid, window, shift):
    from torchvision.models.swin_transformer import shifted_window_attention

    ours, x = lively(made(WindowedAttention, 8, 2, grid, window, shift)), tokens(2, *grid, 8)
    inside = ours.inside
    theirs = shifted_window_attention(
        x,
        inside.queries_keys_values.weight,
        inside.mix.weight,
        torch.zeros(1, 2, window**2, window**2),
        [window] * 2,
        2,
        [shift] * 2,
        qkv_bias=inside.queries_keys_values.bias,
        proj_bias=inside.mix.bias,
    )
    torch.testing.assert_close(ours(x.flatten(1, 2)), theirs.flatten(1, 2), atol=1e-5, rtol=1e-5)


def test_every_second_block_moves_its_windows():
    model = made(WindowedViT)
    assert model.grid == (14, 14) and [block.attention.shift for block in model.blocks] == [0, 3, 0, 3, 0]
    with torch.no_grad():
        found = model.attention(images(2, 1, 28, 28))
    for weights, shift in zip(found, (0, 3, 0, 3, 0), strict=True):
        assert weights.shape == (2, 4, 196, 196)
        assert ((weights > 0).all((0, 1)) == share_a_window((14, 14), 7, shift)).all()


def reach(model, grid, start):
    """bool (*grid): the tokens whose change the token at `start` feels after all blocks."""
    x = tokens(1, prod(grid), model.norm.normalized_shape[0]).requires_grad_()
    number = start[0] * grid[1] + start[1]
    gradient = torch.autograd.grad(model.blocks(x)[0, number].pow(3).sum(), x)[0]
    return gradient[0].abs().sum(-1).view(grid) > 0


def test_a_token_sees_its_window_and_with_the_second_block_beyond():
    one = reach(made(WindowedViT, depth=1), (14, 14), (6, 2))
    assert one[:7, :7].all() and one.sum() == 49
    # The second block's windows are rows 3 … 9 and, cut off, columns 0 … 2: of both windows of the first on the left.
    two = reach(made(WindowedViT, depth=2), (14, 14), (6, 2))
    assert two[:, :7].all() and two.sum() == 98


def test_where_one_window_holds_all_tokens_none_is_moved():
    model = made(WindowedViT, patch=4)
    assert model.grid == (7, 7) and [block.attention.shift for block in model.blocks] == [0] * 5
    wide = made(WindowedViT, shape=(28, 56), patch=4)
    assert wide.grid == (7, 14) and [block.attention.shift for block in wide.blocks] == [0, 3, 0, 3, 0]


# Sizes ----------------------------------------------------------------------------------------


def test_parameters_are_those_of_the_cnn():
    """What is compared with each other has the same size: 2 % in two dimensions, 5 % in three."""
    names = ("cnn", "vit", "hybrid")
    flat = [parameter_count(build(name, card("pneumoniamnist"))) for name in names]
    deep = [parameter_count(MODELS[name].model(1, (28, 28, 28), 2)) for name in names]
    assert flat == [173_066, 171_842, 174_794] and max(flat) / min(flat) < 1.02
    assert deep == [224_978, 227_202, 216_658] and max(deep) / min(deep) < 1.05
    assert parameter_count(build("windowed_vit", card("pneumoniamnist"))) == 180_482


@pytest.mark.parametrize(
    "model, shape, grid, covers",
    [
        (ViT, (28, 28), (7, 7), (28, 28)),
        (ViT, (64, 64), (7, 7), (70, 70)),
        (ViT, (56, 40), (10, 7), (60, 42)),
        (ViT, (28, 28, 28), (4, 4, 4), (28, 28, 28)),
        (ViT, (9, 16, 20), (3, 6, 7), (9, 18, 21)),
        (ViT, (5, 3), (5, 3), (5, 3)),
        (ViT, (1, 1), (1, 1), (1, 1)),
        (WindowedViT, (28, 28), (14, 14), (28, 28)),
        (WindowedViT, (64, 64), (14, 14), (70, 70)),
        (WindowedViT, (128, 128), (14, 14), (140, 140)),
        (WindowedViT, (30, 9), (35, 14), (35, 14)),
        (WindowedViT, (3, 3), (7, 7), (7, 7)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_sides_that_no_patch_divides_are_filled_up_with_black(model, shape, grid, covers, channels):
    network = made(model, channels, shape, 3, **SMALL)
    assert network.grid == grid and network.covers == covers
    x = images(2, channels, *shape)
    assert network(x).shape == (2, 3)
    black = torch.full((2, channels, *covers), -1.0)
    black[(..., *(slice(side) for side in shape))] = x
    torch.testing.assert_close(network.embedding(x), network.embedding[-1](black))
    assert [weights.shape for weights in network.attention(x)] == [(2, 2, prod(grid), prod(grid))] * 2


@pytest.mark.parametrize("readout", ["mean", "class"])
@pytest.mark.parametrize("shape", [(28, 28), (16, 16, 16)])
def test_each_token_is_its_patch_and_the_rows_add_up(shape, readout):
    """In the order of the grid, row by row, behind the class token."""
    network = made(ViT, 1, shape, 2, patch=4, positions=False, readout=readout, **SMALL)
    x, own = images(1, 1, *shape), readout == "class"
    changed = x.clone()
    changed[..., 4:8, 8:12] = 0  # of volumes: a column through all slices
    moved = (network.tokens(x) != network.tokens(changed)).any(-1)[0, own:].view(network.grid)
    expected = torch.zeros(network.grid, dtype=torch.bool)
    expected[..., 1, 2] = True
    assert (moved == expected).all()
    assert network.tokens(x).shape == (1, prod(network.grid) + own, 16)
    for weights in network.attention(x):
        assert weights.shape == (1, 2, prod(network.grid) + own, prod(network.grid) + own) and weights.min() > 0
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def shuffled(x, patch=4):
    """The image with its patches in another order."""
    side = x.shape[-1] // patch
    patches = F.unfold(x, patch, stride=patch)
    order = torch.randperm(side**2, generator=torch.Generator().manual_seed(2))
    return F.fold(patches[..., order], x.shape[-2:], patch, stride=patch)


@pytest.mark.parametrize("readout", ["mean", "class"])
def test_without_positions_an_image_is_a_bag_of_patches(readout):
    x = images(2, 1, 28, 28)
    bag, knowing = (made(ViT, positions=positions, readout=readout) for positions in (False, True))
    torch.testing.assert_close(bag(x), bag(shuffled(x)), atol=1e-6, rtol=1e-5)
    assert (knowing(x) - knowing(shuffled(x))).abs().max() > 1e-3
    assert parameter_count(knowing) - parameter_count(bag) == 64 * (49 + (readout == "class"))


def test_a_class_token_answers_alone_and_the_mean_is_that_of_all_tokens():
    x, found = images(2, 1, 28, 28), []
    for readout in ("mean", "class"):
        network = lively(made(ViT, readout=readout))
        hook = network.norm.register_forward_hook(lambda module, taken, given: found.append(given))
        answer = network(x)
        hook.remove()
        read = found[-1].mean(1) if readout == "mean" else found[-1][:, 0]
        torch.testing.assert_close(answer, network.classifier(read))
    assert found[0].shape == (2, 49, 64) and found[1].shape == (2, 50, 64)


# Looking at it --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vit", "windowed_vit", "hybrid"])
def test_looking_changes_nothing(name):
    model, x = made(partial(build, name, card("pneumoniamnist"))), images(2, 1, 28, 28)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    expected = model(x)
    found = model.attention(x)
    assert len(found) == len(model.blocks) and all((weights.sum(-1) - 1).abs().max() < 1e-5 for weights in found)
    assert torch.equal(model(x), expected)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()) and not model.training


def test_hooks_are_taken_off_when_the_image_does_not_fit():
    model = made(ViT)
    with pytest.raises(RuntimeError):
        model.attention(images(2, 1, 32, 32))
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["vit", "windowed_vit", "hybrid"])
def test_training_repeats_bit_for_bit_saves_and_loads(name, tiny, quick, tmp_path):
    def trained():
        return mt.fit(build(name, tiny, seed=1, **SMALL), tiny, quick, progress=False)

    run, again = trained(), trained()
    weights, other = run.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in weights.items())
    fresh = build(name, tiny, seed=1, **SMALL).state_dict()
    still = [key for key, _ in run.model.named_parameters() if torch.equal(weights[key], fresh[key])]
    assert not still  # every weight has learned
    run.save(tmp_path / "run")
    loaded = mt.Run.load(tmp_path / "run")
    assert torch.equal(loaded.predict(tiny.test.images), run.predictions["test"])
    x = images(2, 1, 16, 16)
    with torch.no_grad():
        found, expected = loaded.model.eval().attention(x), run.model.eval().attention(x)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["vit", "windowed_vit", "hybrid"])
def test_gradient_reaches_every_parameter(name):
    model = build(name, card("pneumoniamnist")).train()
    F.cross_entropy(model(images(4, 1, 28, 28)), torch.tensor([0, 1, 0, 1])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_one_module_for_each_sum_and_one_call_for_each_module():
    """What explanations hook is called once."""
    for name in ("vit", "windowed_vit", "hybrid"):
        model, calls = build(name, card("pneumoniamnist")), {}
        for part, module in model.named_modules():
            if not list(module.children()):
                module.register_forward_hook(lambda *_, part=part: calls.update({part: calls.get(part, 0) + 1}))
        model(images(2, 1, 28, 28))
        assert set(calls.values()) == {1}
        assert sum(part.endswith(("add1", "add2")) for part in calls) == 2 * len(model.blocks)
    assert isinstance(model.blocks[0], Block)


def test_in_channels_last_the_answer_is_the_same():
    for name in ("vit", "windowed_vit", "hybrid"):
        model, x = build(name, card("pneumoniamnist")).eval(), images(2, 1, 28, 28)
        expected = model(x)
        faster = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(faster, expected, atol=1e-5, rtol=1e-5)


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("vit", {"heads": 3}, "heads=3 do not divide the width of 64"),
        ("vit", {"heads": 0}, "heads=0 do not divide"),
        ("vit", {"depth": 0}, "depth=0 leaves no block"),
        ("vit", {"readout": "clas"}, "unknown readout 'clas'.*did you mean class"),
        ("vit", {"patch": 29}, "patch=29 does not fit into images of 28 x 28; give 1…28"),
        ("vit", {"patch": 0}, "patch=0 does not fit"),
        ("vit", {"patch": -4}, "patch=-4 does not fit"),
        ("vit", {"window": 7}, "does not take these options"),
        ("windowed_vit", {"heads": 5}, "heads=5 do not divide"),
        ("windowed_vit", {"window": 0}, "window=0 holds no token"),
        ("windowed_vit", {"readout": "class"}, "does not take these options"),
        ("hybrid", {"heads": 3}, "heads=3 do not divide"),
        ("hybrid", {"patch": 4}, "does not take these options"),
        ("hybrid", {"readout": "first"}, "unknown readout"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, words):
    with pytest.raises(InputError, match=words):
        build(name, card("pneumoniamnist"), **options)


def test_windows_are_for_images_only():
    with pytest.raises(InputError, match="takes images, but organmnist3d holds volumes"):
        build("windowed_vit", card("organmnist3d"))
