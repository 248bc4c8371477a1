"""Every method finds a bright box; fuzzy C-means agrees with a case done by hand; the atlas knows the place."""

import numpy as np
import pytest
import torch

from medtutor.errors import InputError
from medtutor.models.classical import (
    Atlas,
    best_cluster,
    edges,
    fuzzy_c_means,
    fuzzy_clusters,
    kmeans,
    oracle_seeds,
    otsu,
    region_growing,
    watershed,
)


def squares(shape=(20, 24), count=3, bright=200, dark=60, noise=5):
    """(images, masks): a bright box in the middle, noise, and a padding of 0 two pixels wide."""
    rng = np.random.default_rng(1)
    masks = np.zeros((count, *shape), np.uint8)
    masks[(slice(None), *(slice(side // 3, 2 * side // 3) for side in shape))] = 1
    images = np.where(masks, bright, dark) + noise * rng.standard_normal(masks.shape)
    inner = (slice(None), *[slice(2, -2)] * len(shape))
    padded = np.zeros(masks.shape, np.uint8)
    padded[inner] = images[inner].round()
    return padded, masks


def dice(found, truth):
    return 2 * ((found > 0) & (truth > 0)).sum() / ((found > 0).sum() + (truth > 0).sum())


METHODS = {
    "otsu": lambda images, masks: otsu(images),
    "edges": lambda images, masks: best_cluster(edges(images), masks),
    "region growing": lambda images, masks: region_growing(images, oracle_seeds(masks), 40),
    "watershed": lambda images, masks: best_cluster(watershed(images, regions=9 if images.ndim == 3 else 50), masks),
    "kmeans": lambda images, masks: best_cluster(kmeans(images, 2), masks),
    "fuzzy": lambda images, masks: (fuzzy_clusters(images, 2)[:, 1] > 0.5).astype(np.uint8),
}


@pytest.mark.parametrize("shape", [(30, 36), (24, 30, 36)])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_a_bright_box_in_images_and_volumes(name, shape):
    images, masks = squares(shape)
    found = METHODS[name](images, masks)
    assert found.shape == images.shape and found.dtype == np.uint8
    # Lines are thick, and basins have no straight borders: both lose some of so small a box.
    assert dice(found, masks) > {"edges": 0.8, "watershed": 0.85}.get(name, 0.95)
    from_torch = METHODS[name](torch.from_numpy(images), torch.from_numpy(masks))
    np.testing.assert_array_equal(from_torch, found)


def test_padding_takes_no_part():
    images, masks = squares()
    inside = images > 0
    assert not otsu(images, bright=False)[~inside].any(), "the padding is not the dark class"
    np.testing.assert_array_equal(otsu(images, bright=False)[inside], 1 - masks[inside])
    assert (kmeans(images, 3)[~inside] == 0).all() and kmeans(images, 3)[inside].min() == 1
    memberships = fuzzy_clusters(images, 3)
    sums = memberships.sum(axis=1)
    assert np.allclose(sums[inside], 1, atol=1e-5) and (sums[~inside] == 0).all()


def test_clusters_are_numbered_from_dark_to_bright():
    image = np.repeat(np.array([200, 10, 120], np.uint8), 8).reshape(1, 3, 8)
    assert kmeans(image, 3)[0, :, 0].tolist() == [3, 1, 2]
    assert fuzzy_clusters(image, 3)[0, :, :, 0].argmax(axis=0).tolist() == [2, 0, 1]


def test_an_image_of_one_grey_level_has_nothing_to_tell_apart():
    flat = np.full((1, 8, 8), 7, np.uint8)
    assert not otsu(flat).any() and (kmeans(flat, 3) == 1).all() and not best_cluster(edges(flat), flat).any()


def test_region_growing_stops_at_the_tolerance():
    ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (1, 5, 1))
    assert region_growing(ramp, [[2, 10]], tolerance=20)[0, 0].nonzero()[0].tolist() == [8, 9, 10, 11, 12]
    for wrong in ([[2, 20]], [[2]], [[-1, 0]]):
        with pytest.raises(InputError, match="one pixel inside each image"):
            region_growing(ramp, wrong)


def test_fuzzy_c_means_solves_a_case_done_by_hand():
    # Pairs about -1 and 1, so by symmetry the centres are -c and c. One membership is then
    # u = (x + c)^2 / ((x + c)^2 + (x - c)^2), and c is the mean of the four values weighted by u^2.
    values = np.array([-1.5, -0.5, 0.5, 1.5])
    memberships, centres = fuzzy_c_means(values, 2)
    c = centres[1, 0]
    near, far = (values + c) ** 2, (values - c) ** 2
    assert centres[0, 0] == pytest.approx(-c, abs=1e-5)
    assert memberships[:, 1] == pytest.approx(near / (near + far), abs=1e-5)
    assert c == pytest.approx((memberships[:, 1] ** 2 @ values) / (memberships[:, 1] ** 2).sum(), abs=1e-5)
    assert memberships.sum(axis=1) == pytest.approx(1)


def test_memberships_fall_with_the_square_of_the_distance_when_m_is_2():
    # Heavy ends hold the centres at 0 and 4; the value 1 is then three times as far from 4: 9/10 and 1/10.
    memberships, centres = fuzzy_c_means([0, 1, 4], 2, weights=[1e9, 1, 1e9])
    assert centres.ravel() == pytest.approx([0, 4], abs=1e-6)
    assert memberships[1] == pytest.approx([0.9, 0.1], abs=1e-6)
    assert memberships[0] == pytest.approx([1, 0], abs=1e-6), "a value on a centre belongs to it alone"


def test_fuzzy_c_means_becomes_k_means_as_m_nears_1_and_blurs_as_m_grows():
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(mean, 1, (40, 2)) for mean in (0, 6, 12)])
    hard, centres = fuzzy_c_means(values, 3, m=1.001)
    fitted = KMeans(3, n_init=5, random_state=0).fit(values)
    order = np.argsort(fitted.cluster_centers_[:, 0])
    assert centres == pytest.approx(fitted.cluster_centers_[order], abs=1e-3)
    assert (hard.argmax(axis=1) == np.argsort(order)[fitted.labels_]).all() and hard.max(axis=1).min() > 0.999
    assert fuzzy_c_means(values, 3, m=2)[0].max() > fuzzy_c_means(values, 3, m=8)[0].max()


def test_weights_count_a_value_as_often_as_it_occurs():
    once = fuzzy_c_means([0, 0, 0, 1, 5, 9, 9], 2)[1]
    weighted = fuzzy_c_means([0, 1, 5, 9], 2, weights=[3, 1, 1, 2])[1]
    assert weighted == pytest.approx(once, abs=1e-4)


@pytest.mark.parametrize(
    "values, k, m, words",
    [
        ([1, 2, 3], 1, 2, "number of clusters"),
        ([1, 2, 3], 2, 1, "fuzziness over 1"),
        ([1, 1, 1], 2, 2, "different finite"),
        ([1, np.nan], 2, 2, "different finite"),
    ],
)
def test_wrong_fuzzy_input_is_refused(values, k, m, words):
    with pytest.raises(InputError, match=words):
        fuzzy_c_means(values, k, m)


def test_best_cluster_is_the_one_with_the_highest_dice_and_says_that_it_is_an_oracle():
    clusters = np.array([[[1, 1, 2, 2, 3, 0]]])
    truth = np.array([[[0, 0, 2, 1, 1, 0]]], np.uint8)
    assert best_cluster(clusters, truth).tolist() == [[[0, 0, 1, 1, 0, 0]]]
    for function in (best_cluster, oracle_seeds):
        assert function.__doc__.startswith("ORACLE")
    with pytest.raises(InputError, match="shapes differ"):
        best_cluster(clusters, truth[:, :, 1:])


def test_oracle_seeds_lie_deepest_inside():
    masks = np.zeros((1, 9, 9), np.uint8)
    masks[0, 2:7, 0:5] = 1
    assert oracle_seeds(masks).tolist() == [[4, 2]]
    with pytest.raises(InputError, match="no foreground"):
        oracle_seeds(np.zeros((1, 4, 4)))


@pytest.mark.parametrize("images", [np.zeros((3, 3), np.uint8), np.zeros((1, 3, 3)), np.zeros((0, 3, 3), np.uint8)])
def test_other_images_are_refused(images):
    with pytest.raises(InputError, match="give uint8 images"):
        otsu(images)


# The atlas --------------------------------------------------------------------------------------


def test_the_atlas_is_the_vote_of_the_training_masks():
    masks = np.array([[[0, 1, 2]], [[0, 1, 1]], [[0, 0, 2]]], np.uint8)
    images = np.zeros_like(masks)
    atlas = Atlas.fit(images, masks, 3)
    assert atlas.prior[:, 0, 2].tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert atlas.predict(images[:2], use_intensity=False).tolist() == [[[0, 1, 2]]] * 2


def test_the_atlas_with_intensity_is_gaussian_naive_bayes():
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(3)
    masks = rng.integers(0, 3, (40, 1, 1), dtype=np.uint8)
    images = (60 * masks + rng.integers(0, 50, masks.shape)).astype(np.uint8)
    theirs = GaussianNB(var_smoothing=0).fit(images.reshape(-1, 1), masks.ravel()).predict_proba(images.reshape(-1, 1))
    ours = Atlas.fit(images, masks, 3).probabilities(images)[:, :, 0, 0]
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_brightness_mends_what_the_place_alone_gets_wrong():
    images, masks = squares((12, 16, 16), count=8, noise=20)
    moved = [np.roll(each, 2, axis=-1) for each in (images[:4], masks[:4])]
    atlas = Atlas.fit(np.concatenate([images[4:], moved[0]]), np.concatenate([masks[4:], moved[1]]), 2)
    place, both = (dice(atlas.predict(moved[0], use_intensity=use), moved[1]) for use in (False, True))
    assert both > 0.98 > place
    assert atlas.probabilities(images).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_brightness_that_no_class_has_leaves_the_prior_to_decide():
    masks = np.array([[[0, 1]]] * 5, np.uint8)
    images = np.array([[[10, 12]]] * 5, np.uint8)
    wild = np.array([[[255, 255]]], np.uint8)
    assert Atlas.fit(images, masks, 2).predict(wild).tolist() == [[[0, 1]]]


def test_wrong_atlas_input_is_refused():
    images, masks = squares()
    with pytest.raises(InputError, match="masks of all classes 0 to 2"):
        Atlas.fit(images, masks, 3)
    with pytest.raises(InputError, match="shapes differ"):
        Atlas.fit(images, masks[:2], 2)
    with pytest.raises(InputError, match="pad or crop"):
        Atlas.fit(images, masks, 2).predict(images[:, :-1])
