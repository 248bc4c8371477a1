"""Augmentation moves pixels, never labels, and repeats."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import v2

from medtutor.data import augmentation, card, names
from medtutor.data.augmentation import apply_affine, apply_affine_to_masks, draw_affine, test_views
from medtutor.errors import InputError


def generator():
    return torch.Generator().manual_seed(0)


def test_nothing_asked_for_changes_nothing():
    for shape in ((9, 7), (5, 9, 7)):
        images = torch.rand(3, 1, *shape)
        moved = apply_affine(images, draw_affine(3, shape, generator=generator()))
        assert torch.allclose(moved, images, atol=1e-5)


def test_mirror_flips_only_the_axes_given():
    """Over many draws an image is seen as it is or flipped, about half each."""
    for shape, axis in (((6, 8), -1), ((6, 8), -2), ((5, 6, 8), -3), ((5, 6, 8), -1)):
        image = torch.rand(1, 1, *shape)
        many = image.expand(200, -1, *[-1] * len(shape))
        moved = apply_affine(many, draw_affine(200, shape, mirror=(axis,), generator=generator()))
        same = (moved - image).flatten(1).abs().amax(1) < 1e-4
        flipped = (moved - image.flip(axis)).flatten(1).abs().amax(1) < 1e-4
        assert (same ^ flipped).all() and 60 < flipped.sum() < 140


def test_shift_is_in_pixels():
    image = torch.zeros(1, 1, 11, 11)
    image[0, 0, 5, 5] = 1
    affine = draw_affine(1, (11, 11))
    affine[0, 0, 2] = 2 * 2 / 11  # what a shift of two pixels along x becomes
    moved = apply_affine(image, affine)
    assert moved[0, 0, 5, 3] > 0.99
    drawn = draw_affine(2000, (10, 20), shift=3.0, generator=generator())[:, :, 2]
    assert torch.allclose(drawn.abs().amax(0), torch.tensor([3 * 2 / 20, 3 * 2 / 10]), rtol=0.02)


def test_rotation_keeps_length_and_stays_in_range():
    for dims in (2, 3):
        matrix = draw_affine(500, (8,) * dims, rotation=14.0, generator=generator())[:, :, :dims]
        assert torch.allclose(matrix @ matrix.transpose(1, 2), torch.eye(dims).expand(500, -1, -1), atol=1e-5)
        if dims == 2:
            degrees = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]).rad2deg()
            assert 13 < degrees.abs().max() <= 14.001


def test_a_disc_stays_a_disc_whatever_the_sides():
    """The same map by torchvision, which turns in pixels; and a disc's width is its height again."""
    for shape in ((56, 40), (40, 56), (32, 32)):
        rows, columns = torch.meshgrid(*(torch.arange(side) - (side - 1) / 2 for side in shape), indexing="ij")
        disc = ((rows - 4).square() + (columns + 3).square() <= 100).float()[None, None]
        affine = draw_affine(20, shape, rotation=30.0, generator=generator())
        moved = apply_affine(disc.expand(20, -1, -1, -1), affine)
        for case, matrix in zip(moved, affine):
            # What torchvision turns by, anticlockwise, maps places of the old image to those of the new.
            degrees = torch.atan2(matrix[1, 0] * shape[0] / shape[1], matrix[0, 0]).rad2deg().item()
            theirs = v2.functional.rotate(disc[0], degrees, interpolation=v2.InterpolationMode.BILINEAR)
            assert (case - theirs).abs().max() < 1e-3
            height, width = (case[0].amax(axis).gt(0.5).sum().item() for axis in (1, 0))
            assert abs(height - width) <= 1 and abs(height - 21) <= 1


def test_a_ball_stays_a_ball_between_slices_that_lie_far_apart():
    """In millimetres: a voxel of 3 x 1 x 1 mm, turned about all axes, also without regard to it."""
    shape, spacing = (12, 32, 40), (3.0, 1.0, 1.0)
    places = torch.meshgrid(
        *((torch.arange(side) - (side - 1) / 2) * step for side, step in zip(shape, spacing)), indexing="ij"
    )
    ball = (sum(place.square() for place in places) <= 100).float()[None, None].expand(30, -1, -1, -1, -1)
    kept, sheared = (
        apply_affine(ball, draw_affine(30, shape, rotation=40.0, spacing=step, generator=generator()))
        for step in (spacing, None)
    )
    assert ((kept > 0.5) != (ball > 0.5)).float().mean() < 0.01 < ((sheared > 0.5) != (ball > 0.5)).float().mean()


def test_each_case_moves_on_its_own_and_the_same_seed_repeats():
    first = draw_affine(4, (8, 8), rotation=10, scale=0.1, shift=1, generator=generator())
    again = draw_affine(4, (8, 8), rotation=10, scale=0.1, shift=1, generator=generator())
    assert torch.equal(first, again)
    assert len({tuple(row.flatten().tolist()) for row in first}) == 4


def test_a_mask_moves_with_its_image():
    """The same affine map; between two classes no third one appears."""
    masks = torch.zeros(6, 12, 10, dtype=torch.uint8)
    masks[:, 3:8, 2:6] = 2
    affine = draw_affine(6, (12, 10), rotation=30, scale=0.2, shift=2, mirror=(-1,), generator=generator())
    moved = apply_affine_to_masks(masks, affine)
    assert moved.dtype == torch.uint8 and moved.shape == masks.shape and moved.unique().tolist() == [0, 2]
    as_images = apply_affine(masks.unsqueeze(1).float(), affine).squeeze(1)
    # Bilinear and nearest agree but for a rim of half a pixel.
    assert ((as_images > 1.5) & (moved == 0)).sum() == 0 and ((as_images < 0.5) & (moved == 2)).sum() == 0
    assert not torch.equal(moved, masks)


def test_organs_are_never_mirrored():
    """Left and right kidney are two classes: a flip would make the label false."""
    for name in names():
        # The hippocampus has an upper and a lower end.
        assert (card(name).mirror == ()) == (name.startswith("organ") or name == "hippocampus"), name


def test_views_at_test_time_are_all_flips_and_moves():
    image = torch.arange(20.0).view(1, 1, 4, 5)
    assert [torch.equal(a, b) for (a, _), b in zip(test_views(image), [image])] == [True]
    flips = list(test_views(image, (-1, -2)))
    assert [axes for _, axes in flips] == [(), (-1,), (-2,), (-1, -2)]
    assert all(torch.equal(view, image.flip(axes) if axes else image) for view, axes in flips)
    moved = [view for view, _ in test_views(image, (-1,), shift=1)]
    assert len(moved) == 18
    # The first is moved down and right; the border's own value continues.
    assert torch.equal(moved[0][0, 0, 1:, 1:], image[0, 0, :-1, :-1])
    assert torch.equal(moved[0][0, 0, 0, 1:], image[0, 0, 0, :-1])
    assert len(list(test_views(torch.zeros(2, 1, 4, 4, 4), (-1, -2, -3), 1))) == 8 * 27


@pytest.mark.parametrize("shape", [(9, 12), (7, 9, 12)])
def test_a_map_is_what_torch_makes_of_it(shape):
    """Our grid is a faster `affine_grid`; a map that only mirrors is not interpolated at all."""
    images = torch.rand(6, 2, *shape, generator=generator())
    for options in (dict(rotation=20.0, scale=0.2, shift=2.0), {}):
        affine = draw_affine(6, shape, mirror=tuple(range(-len(shape), 0)), generator=generator(), **options)
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        wanted = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        assert torch.allclose(apply_affine(images, affine), wanted, atol=1e-4)
    assert all(torch.isin(moved, image).all() for moved, image in zip(apply_affine(images, affine), images))


# In the review's words ---------------------------------------------------------------------------


def batch(count=64, side=28):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, side, side, generator=generator) * 2 - 1
    return images, F.one_hot(torch.arange(count) % 2, 2).float()


@pytest.mark.parametrize("kind", augmentation.AUGMENTATIONS)
def test_an_augmentation_repeats_and_leaves_its_input(kind):
    images, targets = batch()
    before = images.clone(), targets.clone()
    seeds = (1, 1, 2)
    once, again, other = (augmentation.augment(images, targets, kind, torch.Generator().manual_seed(s)) for s in seeds)
    assert torch.equal(images, before[0]) and torch.equal(targets, before[1])
    assert torch.equal(once[0], again[0]) and torch.equal(once[0], other[0]) is (kind == "none")
    assert once[0].shape == images.shape and torch.equal(once[1], targets) is (kind != "mixing")
    assert torch.allclose(once[1].sum(dim=1), torch.ones(len(targets)))


def test_mixing_mixes_images_and_targets_alike():
    """Of images of one value each, 0 and 1, the value is the share of class 1."""
    targets = batch()[1]
    images = targets[:, 1, None, None, None].expand(-1, 1, 4, 4)
    mixed, soft = augmentation.augment(images, targets, "mixing", torch.Generator().manual_seed(0))
    assert torch.allclose(mixed[:, 0, 0, 0], soft[:, 1]) and ((soft > 0.05) & (soft < 0.95)).any()


def test_erasing_takes_a_third_of_a_side_and_a_mirror_every_second_image():
    images, targets = batch()
    erased = augmentation.augment(images, targets, "erasing", torch.Generator().manual_seed(0))[0]
    assert ((erased == 0).flatten(1).sum(dim=1) == 81).all()
    mirrored = augmentation.augment(images, targets, "mirror", torch.Generator().manual_seed(0))[0]
    turned = torch.tensor([torch.equal(one, other.flip(-1)) for one, other in zip(mirrored, images)])
    stays = torch.tensor([torch.equal(one, other) for one, other in zip(mirrored, images)])
    assert (turned ^ stays).all() and 20 < int(turned.sum()) < 44


def test_filters_blur_and_sharpen():
    """The details of some images grow, of others shrink; what is flat stays."""
    images, targets = batch()
    filtered = augmentation.augment(images, targets, "filters", torch.Generator().manual_seed(0))[0]
    share = filtered.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    assert (share > 1.1).sum() > 10 and (share < 0.9).sum() > 10
    flat = torch.full((4, 3, 8, 8), 0.5)
    assert torch.allclose(augmentation.augment(flat, targets[:4], "filters")[0], flat)


def test_an_augmentation_that_is_not_known_is_one_sentence():
    with pytest.raises(InputError, match="geometry"):
        augmentation.augment(*batch(2), "geometric")
    with pytest.raises(InputError, match="give floats"):
        augmentation.augment(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.eye(2), "none")
