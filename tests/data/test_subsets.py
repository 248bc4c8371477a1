"""Near-duplicates: exact ones by their bytes, near ones by correlation, in little time and memory."""

import os
import time

import numpy as np
import pytest
import torch

from medtutor.data import card, from_arrays, load, phantoms, subsets
from medtutor.data.loading import find
from medtutor.data.subsets import PIXELS, few_of, labelled, near_duplicates, some_of, warn_of_leaks
from medtutor.errors import InputError


def noise(count, *shape, seed=0):
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 9, 9), (1, 6, 7, 8), (5, 1, 8, 8)], ids=["grey", "colour", "volume", "sequence"]
)
def test_exact_and_near_ones_are_found_and_told_apart(shape):
    others = noise(40, *shape)
    images = noise(8, *shape, seed=1)
    images[0] = others[7]
    images[1] = others[3] // 2 + 30  # other brightness and contrast
    images[2] = (others[9].int() + torch.randint(-9, 10, others[9].shape)).clamp(0, 255).to(torch.uint8)
    images[3] = 255 - others[5]  # a negative is no copy
    found = near_duplicates(images, others)
    assert found.exact.tolist() == [True] + [False] * 7
    assert found.near.tolist() == [True] * 3 + [False] * 5
    assert found.match[:3].tolist() == [7, 3, 9]
    assert found.correlation[0] == 1 and (found.correlation[3:] < 0.9).all()
    assert str(found) == "of 8 images 3 have a near-duplicate, 1 of them byte for byte"


def test_correlations_are_those_of_numpy(monkeypatch):
    images, others = noise(5, 1, 6, 6), noise(7, 1, 6, 6, seed=1)
    wanted = np.corrcoef(images.flatten(1), others.flatten(1))[:5, 5:]
    for size in (PIXELS, 80):  # at once, and two at a time
        monkeypatch.setattr(subsets, "PIXELS", size)
        found = near_duplicates(images, others, threshold=0.2)
        assert (
            np.allclose(found.correlation, wanted.max(1), atol=1e-5)
            and found.match.tolist() == wanted.argmax(1).tolist()
        )
        assert found.near.tolist() == (wanted.max(1) > 0.2).tolist()


def test_an_image_that_shows_nothing_is_nobodys():
    others = noise(4, 1, 224, 224)
    others[0], others[1] = 0, 200
    images = torch.stack([torch.full((1, 224, 224), value, dtype=torch.uint8) for value in (0, 200, 77)])
    found = near_duplicates(images, others)
    assert (
        not found.near.any()
        and not found.exact.any()
        and found.match.tolist() == [-1] * 3
        and not found.correlation.any()
    )
    images[2, 0, 5, 5] = 78  # one grey level in one pixel is something
    assert near_duplicates(images, images).exact.tolist() == [False, False, True]


def test_thousands_against_thousands_take_a_moment():
    others = noise(5000, 1, 28, 28)
    start = time.process_time()
    found = near_duplicates(others[2000:4000].flip(0), others)
    assert found.exact.all() and found.match[0] == 3999 and time.process_time() - start < 5


@pytest.mark.parametrize(
    "images, others, threshold",
    [
        (noise(2, 1, 4, 4).float(), noise(2, 1, 4, 4), 0.9),
        (noise(2, 1, 4, 4), noise(2, 1, 4, 5), 0.9),
        ([1, 2], noise(2, 1, 4, 4), 0.9),
        (noise(0, 1, 4, 4), noise(2, 1, 4, 4), 0.9),
        (noise(2, 1, 4, 4), noise(2, 1, 4, 4), 97),
        (noise(2, 1, 4, 4), None, True),
    ],
)
def test_what_does_not_compare_is_said(images, others, threshold):
    with pytest.raises(InputError):
        near_duplicates(images, others, threshold=threshold)


def test_numpy_arrays_do_as_well():
    others = noise(4, 1, 6, 6)
    assert near_duplicates(others.numpy()[1:2], others.numpy(), threshold=np.float32(0.9)).match.tolist() == [1]


def test_of_large_splits_a_part_is_looked_at_and_said(monkeypatch):
    train, test = noise(50, 1, 9, 9), noise(40, 1, 9, 9, seed=1)
    test[:] = train[:40] // 2
    given = {"train": train, "val": noise(5, 1, 9, 9, seed=2), "test": test}
    with pytest.warns(subsets.LeakWarning, match="40 of 40 test images have one in train"):
        warn_of_leaks(given, 1)
    monkeypatch.setattr(subsets, "PREPARING", 0)
    monkeypatch.setattr(subsets, "WORK", 10 * train.numel())
    with pytest.warns(subsets.LeakWarning, match="10 of 10 test images looked at have one in train"):
        warn_of_leaks(given, 1)
    monkeypatch.setattr(subsets, "WORK", train.numel() - 1)
    assert warn_of_leaks(given, 1) == ()  # none is looked at; byte for byte there is none


# What the cards say is so


@pytest.fixture(scope="module", params=["breastmnist", "pneumoniamnist", "adrenalmnist3d", "vesselmnist3d"])
def real(request):
    folder = os.environ.get("MEDTUTOR_DATA")
    if not folder or find(request.param, root=folder) is None:
        pytest.skip(f"MEDTUTOR_DATA holds no {request.param}")
    return load(request.param, source="medmnist", root=folder)


def test_the_counts_on_the_cards_are_those_of_the_images(real):
    name = real.card.name
    val, test = (near_duplicates(cases.images, real.train.images) for cases in (real.val, real.test))
    counts = [int(found.sum()) for found in (test.near, test.correlation > 0.99, test.exact, val.near, val.exact)]
    assert counts == {"breastmnist": [55, 39, 1, 31, 0], "pneumoniamnist": [0, 0, 0, 8, 8]}.get(name, [0] * 5)
    if name == "breastmnist":
        assert test.exact.nonzero().tolist() == [[76]] and test.match[76] == 115
        assert real.test.labels[76] != real.train.labels[115] and len(real.test) - 55 == 101
    if name == "pneumoniamnist":
        assert real.test.labels.float().mean() == 0.625
        assert [round(100 * cases.labels.float().mean().item()) for cases in (real.train, real.val)] == [74, 74]
        assert round(10 * len(real.val) / (len(real.train) + len(real.val)), 1) == 1.0
    if name.endswith("3d"):
        assert all(((cases.images == 0) | (cases.images == 255)).all() for cases in (real.train, real.val, real.test))


def test_the_cards_say_so():
    breast, lungs = str(card("breastmnist")), str(card("pneumoniamnist"))
    assert "55 of 156 test images" in breast and "39 above 0.99" in breast and "31 of 78 validation" in breast
    assert "Test image 76 is training image 115" in breast
    assert (
        "8 of 524" in lungs
        and "none of the 624" in lungs
        and "one to five years of one hospital" in lungs
        and "harder" not in lungs
    )
    for name in ("adrenalmnist3d", "vesselmnist3d"):
        assert "Binary shapes, no grey images" in str(card(name))


@pytest.mark.parametrize(
    "fewer", [lambda d: some_of(d, 9).train, lambda d: labelled(d, 0.3, 1).train, lambda d: few_of(d, 4, 1)]
)
def test_fewer_cases_keep_their_evidence_and_masks(fewer):
    xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})
    known = {image.numpy().tobytes(): place for place, image in enumerate(xray.train.images)}
    few = fewer(xray)
    assert 0 < len(few) < 40
    for place, image in enumerate(few.images):
        was = known[image.numpy().tobytes()]
        assert few.labels[place] == xray.train.labels[was]
        assert torch.equal(few.evidence[place], xray.train.evidence[was])
        assert torch.equal(few.masks[place], xray.train.masks[was])


def test_what_there_is_not_cannot_be_drawn():
    xray = phantoms.draw(card("pneumoniamnist"), {"train": 40, "val": 4, "test": 4})  # 10 normal, 30 ill
    assert len(few_of(xray, 10, 0)) == 20 and len(some_of(xray, 99).train) == 40
    with pytest.raises(InputError, match="count must be from 1 to 10"):
        few_of(xray, 11, 0)
    with pytest.raises(InputError, match="count must be from 1"):
        some_of(xray, 0)
    with pytest.raises(InputError, match="share must be a number above 0"):
        labelled(xray, 0, seed=0)


def test_a_share_of_each_class_needs_classes():
    masks = np.zeros((4, 8, 8), np.uint8)
    masks[:, 2:5] = 1
    splits = [(noise(4, 8, 8, seed=seed).numpy(), masks) for seed in range(3)]
    for fewer in (lambda d: labelled(d, 0.5, 0), lambda d: few_of(d, 1, 0)):
        with pytest.raises(InputError, match="one class for each image"):
            fewer(from_arrays(*splits, task="segmentation"))


# Few labels, and wrong ones ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    return phantoms.draw(card("pneumoniamnist"), {"train": 200, "val": 4, "test": 4})


@pytest.mark.parametrize("count", [2, 3, 20, 101, 200])
def test_as_many_labels_are_drawn_as_were_asked_for_in_the_shares_of_the_classes(drawn, count):
    train = subsets.draw_labels(drawn, count, seed=0).train
    ill = float((drawn.train.labels == 1).float().mean())
    assert len(train) == count and set(train.labels.tolist()) == {0, 1}
    assert abs(int(train.labels.sum()) - ill * count) <= 1


def test_a_smaller_draw_is_part_of_a_larger_one_and_another_seed_another_draw(drawn):
    content = lambda split: {image.numpy().tobytes() for image in split.images}  # noqa: E731
    few, more, other = (content(subsets.draw_labels(drawn, n, seed).train) for n, seed in ((20, 1), (60, 1), (20, 2)))
    assert few < more and few != other
    assert subsets.draw_labels(drawn, 20, 1).test is drawn.test


def test_a_blind_draw_that_lacks_a_class_is_refused(drawn):
    of = 0
    for seed in range(40):
        try:
            train = subsets.draw_labels(drawn, 3, seed, each_class=False).train
            assert set(train.labels.tolist()) == {0, 1}
        except InputError as refused:
            assert "none is of" in str(refused) and "each_class=True" in str(refused)
            of += 1
    assert 5 < of < 35, "of three blind draws many are of one class"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda drawn: subsets.draw_labels(drawn, 1, 0), "1 labels cannot be of 2 classes; draw 2 or more"),
        (lambda drawn: subsets.draw_labels(drawn, 201, 0), "count must be from 2 to 200, not 201"),
        (lambda drawn: subsets.with_label_noise(drawn, 0.5, 0), "with 50% of the labels wrong there is nothing left"),
        (lambda drawn: subsets.with_label_noise(drawn, 1.0, 0), "with 100% of the labels wrong there is nothing left"),
        (lambda drawn: subsets.with_label_noise(drawn, -0.1, 0), "share must be"),
        (lambda drawn: subsets.with_label_noise(drawn, 0.1, 0, "onesided"), "one-sided"),
    ],
)
def test_draws_and_mistakes_that_cannot_be_are_one_sentence(drawn, call, words):
    with pytest.raises(InputError, match=words) as refused:
        call(drawn)
    assert "\n" not in str(refused.value)


def test_symmetric_noise_is_of_all_labels_and_one_sided_of_the_findings(drawn):
    before = drawn.train.labels
    for kind, of in (("symmetric", 200), ("one-sided", int((before == 1).sum()))):
        few, more = (subsets.with_label_noise(drawn, share, 3, kind).train.labels != before for share in (0.1, 0.3))
        assert int(few.sum()) == round(0.1 * of) and int(more.sum()) == round(0.3 * of)
        assert (more | ~few).all(), "a larger share has the mistakes of a smaller one"
        if kind == "one-sided":
            assert (before[more] == 1).all()
    assert torch.equal(subsets.with_label_noise(drawn, 0.0, 3).train.labels, before)
    assert torch.equal(drawn.train.labels, before), "the set itself is left as it is"
