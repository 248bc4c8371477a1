"""Hybrids: which part sees what, and that each is as large as what it is compared with."""

import pytest
import torch
from conftest import blobs
from seeded import images, made
from torch import nn

import medtutor as mt
from medtutor.data import card
from medtutor.errors import InputError
from medtutor.models import MODELS, build, parameter_count
from medtutor.models.autoencoder import VAE, Autoencoder
from medtutor.models.cnn import BagOfPatches, ResidualBlock
from medtutor.models.hybrid import CineSegmenter, Hybrid, Tokens, TransformerUNet
from medtutor.models.unet import UNet
from medtutor.models.vit import Block, ViT

SMALL = {"widths": (4, 8, 12)}


# Convolutions, then attention -----------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, grid",
    [
        ((28, 28), (7, 7)),
        ((64, 64), (16, 16)),
        ((30, 21), (8, 6)),
        ((8, 8), (2, 2)),
        ((28, 28, 28), (4, 4, 4)),
        ((9, 12, 17), (2, 2, 3)),
    ],
)
@pytest.mark.parametrize("channels, readout", [(1, "mean"), (3, "class")])
def test_the_stem_makes_the_tokens(shape, grid, channels, readout):
    model, x = made(Hybrid, channels, shape, 3, depth=1, readout=readout), images(2, channels, *shape)
    assert model.grid == grid and model.covers == shape
    assert model.embedding(x).shape == (2, 64, *grid) and model(x).shape == (2, 3)
    count = torch.Size(grid).numel() + (readout == "class")
    assert [weights.shape for weights in model.attention(x)] == [(2, 4, count, count)]


def test_other_stems():
    model = made(Hybrid, widths=(4, 8, 12), depth=1)
    assert model.grid == (4, 4) and model(images(2, 1, 28, 28)).shape == (2, 2)
    assert made(Hybrid, widths=(6,)).grid == (14, 14)
    assert mt.build("hybrid", card("pneumoniamnist"), widths=(4, 8)).options == {"widths": (4, 8)}


def test_it_differs_from_the_vit_by_its_embedding_and_two_blocks():
    hybrid, vit = made(Hybrid), made(ViT)
    assert len(hybrid.blocks) == 3 and len(vit.blocks) == 5 and hybrid.grid == vit.grid
    mine, other = ({name: value.shape for name, value in model.state_dict().items()} for model in (hybrid, vit))
    changed = {name.split(".")[0] for name in mine.keys() ^ other.keys()} | {
        name for name in mine.keys() & other.keys() if mine[name] != other[name]
    }
    assert changed == {"embedding", "embedding.0.weight", "blocks"}
    assert sum(isinstance(module, ResidualBlock) for module in hybrid.modules()) == 2
    # Blocks with the same weights do the same.
    vit.blocks[:3].load_state_dict(hybrid.blocks.state_dict())
    tokens = torch.randn(2, 49, 64)
    assert torch.equal(vit.blocks[:3](tokens), hybrid.blocks(tokens))


# A U-Net that sees all at once ------------------------------------------------------------------


# What it shares with every U-Net, sizes and parameters among them, test_unet.py asks.


def test_its_coarsest_level_is_a_convolution_block_and_two_blocks_of_attention():
    coarsest = made(TransformerUNet).encoder[-1]
    assert coarsest(torch.zeros(1, 48, 7, 5)).shape == (1, 58, 7, 5)
    assert sum(isinstance(module, Block) for module in coarsest.modules()) == 2
    assert not any(
        isinstance(module, Block) for level in made(TransformerUNet).encoder[:-1] for module in level.modules()
    )


def test_without_its_tokens_it_is_the_unet():
    plain, ours = made(UNet, **SMALL), made(TransformerUNet, **SMALL)
    x, weights = images(2, 1, 16, 12), ours.state_dict()
    plain.load_state_dict({name: weights[name.replace("encoder.2.", "encoder.2.0.")] for name in plain.state_dict()})
    assert (ours(x) - plain(x)).abs().max() > 1e-4
    ours.encoder[-1][1] = nn.Identity()
    assert torch.equal(ours(x), plain(x))


def test_its_coarsest_level_feels_the_whole_image():
    """One logit and all pixels, where the convolutions of the U-Net end long before the border."""
    x = images(1, 1, 96, 96).requires_grad_()
    felt = {}
    for model in (UNet, TransformerUNet):
        logits = made(model, **SMALL)(x)
        felt[model] = (torch.autograd.grad(logits[0, 0, 0, 0], x)[0][0, 0] != 0).any(1)
    assert not felt[UNet][48:].any()
    assert felt[TransformerUNet][48:].float().mean() > 0.9


@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 2)])
def test_tokens_are_blocks_on_the_places_of_a_map(shape):
    module, x = made(Tokens, 8, 2, 2, 2), torch.randn(2, 8, *shape)
    assert isinstance(module.blocks[0], Block) and len(module.blocks) == 2
    expected = module.blocks(torch.stack([x[(..., *place)] for place in torch.ones(shape).nonzero().tolist()], dim=1))
    assert module(x).shape == x.shape
    torch.testing.assert_close(module(x).flatten(2).transpose(1, 2), expected)


@pytest.mark.parametrize("heads", [5, 0])
def test_heads_that_do_not_fit_the_coarsest_level(heads):
    with pytest.raises(InputError, match=f"heads={heads} do not divide the 58 channels"):
        TransformerUNet(heads=heads)


def test_the_transformer_unet_trains_repeats_and_loads(quick, tmp_path):
    splits = [blobs(count, seed)[0] for seed, count in enumerate((24, 8, 8))]
    lesions = mt.from_arrays(
        *[(split, (split > 200).astype("uint8")) for split in splits],
        task="segmentation",
        classes=["background", "lesion"],
    )
    run, again = (mt.fit(build("transformer_unet", lesions, **SMALL), lesions, quick, progress=False) for _ in range(2))
    other = again.model.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in run.model.state_dict().items())
    assert run.val.dice is not None
    run.save(tmp_path / "run")
    assert torch.equal(mt.Run.load(tmp_path / "run").predict(lesions.test.images), run.predict(lesions.test.images))


# Masks of a beating heart -----------------------------------------------------------------------


def cine(recurrent=True, **options):
    autoencoder = made(Autoencoder, 3, (20, 24), latents=10, widths=(4, 8))
    return autoencoder, made(CineSegmenter, autoencoder, 1, (20, 24), hidden=6, recurrent=recurrent, **options)


@pytest.mark.parametrize("recurrent", [True, False])
def test_clips_become_masks(recurrent):
    autoencoder, model = cine(recurrent)
    masks = model(images(2, 5, 1, 20, 24))
    assert masks.shape == (2, 5, 3, 20, 24)
    assert model(images(1, 1, 1, 20, 24)).shape == (1, 1, 3, 20, 24)
    expected = {"encoder", "code", "decoder"} | ({"recurrence", "change"} if recurrent else set())
    assert {name for name, _ in model.named_children()} == expected


def test_each_mask_is_drawn_by_the_autoencoder_from_a_code():
    autoencoder, model = cine(recurrent=False)
    x = images(2, 5, 1, 20, 24)
    for frame in range(5):
        codes = model.code(model.encoder(x[:, frame]))
        torch.testing.assert_close(model(x)[:, frame], autoencoder.decode(codes), atol=1e-6, rtol=1e-5)


def test_only_the_lstm_looks_at_other_frames_and_both_ways():
    for recurrent in (True, False):
        _, model = cine(recurrent)
        x = images(1, 5, 1, 20, 24)
        other = x.clone()
        other[:, 2] = images(1, 1, 20, 24, seed=1)
        felt = [not torch.allclose(a, b, atol=1e-7) for a, b in zip(model(x)[0], model(other)[0])]
        assert felt == ([True] * 5 if recurrent else [False, False, True, False, False])


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_decoder_is_a_frozen_copy_and_the_rest_learns(recurrent):
    autoencoder, model = cine(recurrent)
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    optimiser = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], 1e-2)
    model.train()(images(2, 5, 1, 20, 24)).pow(2).mean().backward()
    for name, parameter in model.named_parameters():
        if name.startswith("decoder"):
            assert parameter.grad is None and not parameter.requires_grad
        else:
            assert parameter.grad.abs().max() > 0, name
    optimiser.step()
    assert all(torch.equal(value, before[f"decoder.{name}"]) for name, value in model.decoder.state_dict().items())
    assert all(parameter.requires_grad for parameter in autoencoder.parameters())
    with torch.no_grad():
        model.decoder.layers[0].weight.zero_()
    assert all(torch.equal(value, before[name]) for name, value in autoencoder.state_dict().items())


def test_the_length_of_the_code_is_that_of_the_autoencoder():
    assert cine(latents=10)[1].code.out_features == 10
    assert CineSegmenter(VAE(1, (28, 28), latents=7))(images(1, 2, 1, 28, 28)).shape == (1, 2, 1, 28, 28)
    with pytest.raises(InputError, match="latents=16, but the autoencoder has 10"):
        cine(latents=16)


# A CNN that cannot see globally -----------------------------------------------------------------


def far_halves(seed=0):
    """Images with something in the upper left and the lower right corner, and mid-grey far around."""
    x = torch.zeros(2, 2, 1, 40, 40)
    x[:, :, :, :8, :8] = images(2, 2, 1, 8, 8, seed=seed)
    x[:, :, :, -8:, -8:] = images(2, 2, 1, 8, 8, seed=seed + 1)
    return x


def mixed(model):
    """f(a, b) - f(a, b') - f(a', b) + f(a', b'): 0 where the answer is a sum of what each corner gives."""
    a, b = far_halves()[0].double(), far_halves(seed=5)[0].double()
    ab, ba = a.clone(), b.clone()
    ab[..., 20:, :], ba[..., 20:, :] = b[..., 20:, :], a[..., 20:, :]
    with torch.no_grad():
        return (model(a) - model(ab) - model(ba) + model(b)).abs().max().item()


def shaken(**options):
    """A bag with statistics and biases that are not those of a fresh one."""
    model = made(BagOfPatches, shape=(40, 40), **options).double()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.bias.normal_(0, 0.2)
    return model


def test_a_bag_adds_up_what_far_places_say_and_together_does_not():
    assert mixed(shaken()) < 1e-12
    assert mixed(shaken(together=True)) > 1e-4


def test_no_gradient_of_one_corner_depends_on_the_other():
    """The cross-derivative is exactly 0: what two places say together a bag cannot know."""
    for together in (False, True):
        model = shaken(together=together)
        gradients = []
        for seed in (0, 5):
            x = far_halves()[0].double()
            x[..., 20:, :] = far_halves(seed=seed)[0][..., 20:, :]
            x.requires_grad_()
            gradients.append(torch.autograd.grad(model(x)[:, 1].sum(), x)[0][..., :20, :])
        assert torch.equal(*gradients) != together


def test_the_answer_of_a_bag_is_the_mean_over_places():
    model, x = shaken(), images(2, 1, 40, 40).double()
    each = model.pool[0](model.features(x))
    assert each.shape == (2, 2, 10, 10)
    torch.testing.assert_close(model(x), each.mean((2, 3)))


def test_the_receptive_field_of_a_bag_is_13_pixels():
    from medtutor.explanation import receptive_field

    for name in ("bag_of_patches", "patches_together"):
        model = build(name, card("pneumoniamnist"))
        felt = receptive_field(model, layer="features") > 0
        expected = torch.zeros(28, 28, dtype=torch.bool)
        expected[6:19, 6:19] = True  # 13 around pixel 12, the middle of place 3 of 7
        assert torch.equal(felt, expected)
    assert (receptive_field(build("cnn", card("pneumoniamnist"))) > 0).sum() > 13 * 13


def test_bags_share_their_features():
    bag, together = made(BagOfPatches), made(BagOfPatches, together=True)
    assert parameter_count(bag.features) == parameter_count(together.features)
    assert (parameter_count(bag), parameter_count(together)) == (66_442, 70_266)
    assert (
        MODELS["bag_of_patches"].model is BagOfPatches
        and build("patches_together", card("pneumoniamnist")).pool(torch.zeros(1, 80, 7, 7)).numel() == 80
    )
    for model in (bag, together):
        assert made(BagOfPatches, 3, (21, 34), 4, together=model is together)(images(2, 3, 21, 34)).shape == (2, 4)
