"""Whatever arrays `from_arrays` is given: a data set that fits them, or one sentence."""

import warnings

import numpy as np
import pytest

from medtutor.data import from_arrays
from medtutor.data.card import SPLITS, TASKS
from medtutor.data.dataset import Dataset
from medtutor.errors import InputError

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays_of  # noqa: E402

SHAPES = {False: [(3, 4), (3, 4, 3), (3, 4, 1), (2, 3, 5), (2, 3, 5, 3)], True: [(2, 3, 4), (2, 3, 4, 3)]}
DTYPES = st.one_of(
    arrays_of.scalar_dtypes(), st.just(np.dtype(object)), st.just(np.dtype([("red", "u1"), ("green", "u1")]))
)
# What may be wrong, and what may stand there.
WRONG = {
    "task": st.sampled_from([*TASKS, "other", 3, ["binary"]]),
    "sequence": st.sampled_from([True, False, 1, "yes"]),
    "classes": st.sampled_from(
        [["a", "b"], {0: "a", "1": "b", 2: "c"}, {5: "a"}, "ab", [], [1, "b"], ["a", None], 5, ["a", "a", "b"]]
    ),
    "name": st.one_of(st.text(max_size=3), st.none()),
    "mirror": st.sampled_from([(-1,), np.array([-1]), -1, (0,), "x", (True,), [(-1,)], None]),
    "spacing": st.sampled_from([(1.0, 2.0), np.array([0.5, 1, 1]), 3, (0.0, 1.0), ("1", "2"), [np.nan, 1], "ab"]),
    "patients": st.sampled_from(
        [{"train": [1] * 9, "val": [2] * 9, "test": np.full(9, 3)}, {"train": [1] * 9}, {"train": 5}, [1, 2], 3, {}]
    ),
}


@st.composite
def arguments(draw):
    """Three pairs and the options of `from_arrays`, which fit each other, and then up to two things that may not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    task = draw(st.sampled_from([None, *TASKS, "segmentation"]))
    sequence = task != "segmentation" and draw(st.booleans())
    shape = draw(st.sampled_from(SHAPES[sequence]))
    spatial = shape[:-1] if shape[-1] in (1, 3) else shape
    labels = {"segmentation": spatial, "multi-label": (3,)}.get(task, ())
    pairs = []
    for _ in SPLITS:
        values = rng.permutation(
            np.resize(np.arange(2 if task in ("binary", "multi-label") else 3), (9, *labels)).ravel()
        )
        pairs.append([rng.integers(0, 256, (9, *shape), dtype=np.uint8), values.reshape(9, *labels)])
    options = {"task": task, "sequence": sequence}
    for _ in range(draw(st.integers(0, 2))):
        of_masks = () if task == "segmentation" else ("spacing", "patients")
        place = draw(
            st.sampled_from([*(place for place in WRONG if place not in of_masks), "images", "labels", "fewer"])
        )
        if place in WRONG:
            options[place] = draw(WRONG[place])
            continue
        pair, number = draw(st.sampled_from(pairs)), int(place == "labels")
        if place == "fewer":
            pair[number] = pair[number][: draw(st.integers(0, 8))]
        else:
            pair[number] = draw(odd(np.asarray(pair[number])))
    return pairs, options


@st.composite
def odd(draw, array):
    """An array of another type, another shape, another order in memory, or other values."""
    if array.dtype.kind not in "biuf" or not array.size or not array.ndim:
        return array
    how = draw(st.sampled_from(["type", "shape", "order", "values"]))
    if how == "order":
        ways = [
            np.flip(array),
            np.asfortranarray(array),
            array.astype(array.dtype.newbyteorder()),
            np.ma.masked_array(array),
        ]
        return draw(st.sampled_from([*ways, np.ma.masked_array(array, array == array.min()), array.tolist()]))
    if how == "shape":
        return draw(
            st.sampled_from(
                [array[..., None], array[:, None], array.ravel(), array[0], array[..., :0], array.ravel()[0]]
            )
        )
    dtype = draw(DTYPES) if how == "type" else np.dtype(draw(st.sampled_from([np.int64, np.uint64, np.float64])))
    if dtype.names:
        return np.zeros(array.shape, dtype)
    if dtype.kind in "biuf" and draw(st.booleans()):
        return array.astype(dtype)
    elements = (
        st.one_of(st.none(), st.integers(), st.text(max_size=2)) if dtype.kind == "O" else arrays_of.from_dtype(dtype)
    )
    array = array.astype(dtype) if dtype.kind in "biufO" else np.zeros(array.shape, dtype)
    array.reshape(-1)[:1] = draw(elements)
    return array


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(arguments())
def test_any_arrays_are_a_data_set_or_one_sentence(drawn):
    pairs, options = drawn
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            dataset = from_arrays(*map(tuple, pairs), **options)
    except InputError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 400
        return
    assert isinstance(dataset, Dataset) and str(dataset)
    for split, (images, labels) in zip(SPLITS, pairs):
        cases = getattr(dataset, split)
        assert len(cases) == len(images) == len(labels) == len(cases.targets)
        where = (dataset.card.channels, *dataset.card.shape)
        assert tuple(cases.images.shape[1:]) == (
            where if dataset.card.frames is None else (dataset.card.frames, *where)
        )
        assert np.array_equal(np.sort(cases.images.numpy(), None), np.sort(np.asarray(images), None))
        assert np.allclose(cases.targets.numpy().astype(float).ravel(), np.asarray(labels).astype(float).ravel())
        if dataset.card.task not in ("regression", "multi-label"):
            assert 0 <= cases.targets.min() and cases.targets.max() < len(dataset.card.classes)
    assert len(set(dataset.card.classes)) == len(dataset.card.classes)
