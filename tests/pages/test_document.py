"""A page as a file: what it holds, and what it is not made of."""

import json
import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import blobs

import medtutor as mt
from medtutor import cli
from medtutor.data import card, phantoms
from medtutor.errors import InputError
from medtutor.pages import contents, page
from medtutor.pages.graph import ONNXSCRIPT, check_installed
from medtutor.pages.kind import MOST
from medtutor.pages.packing import ALPHABET, as_text, planes, rounded


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, data set, file), of a network without feature maps."""
    few = phantoms.draw(card("breastmnist"), {"train": 40, "val": 20, "test": 15})
    run = mt.fit(mt.build("mlp", few, width=8), few, mt.Recipe(epochs=1), progress=False)
    folder = tmp_path_factory.mktemp("runs") / "run"
    run.save(folder)
    return run, few, page(run, few, folder.with_suffix(".html"), images=10).path, folder


@pytest.fixture(scope="module")
def text(made):
    return made[2].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def facts(text):
    return json.loads(re.search(r'id="facts">(.*?)</script>', text, re.S)[1])


def test_one_small_file_that_names_no_other(made, text):
    assert made[2].stat().st_size < MOST
    assert not re.search(r"(src|href)=", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "default-src 'none'" in text and "connect-src" not in text


def test_cases_are_the_runs_own(made, facts):
    run, few, *_ = made
    assert [case["split"] for case in facts["cases"]] == ["val"] * 6 + ["test"] * 4
    for case in facts["cases"]:
        index = case["number"] - 1
        assert case["labels"] == [int(run.labels[case["split"]][index])]
        assert case["said"] == pytest.approx(run.predictions[case["split"]][index].tolist(), abs=1e-4)


def test_every_kind_of_case_is_chosen_where_there_is_one(made):
    run, *_ = made
    labels, said = run.labels["val"], run.predictions["val"].argmax(1)
    kinds = {(int(a), bool(a == b)) for a, b in zip(labels, said)}
    chosen = [index for split, index in contents.choose(run, 20) if split == "val"]
    assert kinds == {(int(labels[i]), bool(labels[i] == said[i])) for i in chosen} and len(set(chosen)) == 12


def test_a_method_that_does_not_work_is_missing_with_its_reason(facts):
    names = [method["name"] for method in facts["methods"]]
    assert "grad_cam" not in names and "integrated_gradients" in names
    assert "has none" in facts["missing"]["grad_cam"] and facts["layer"] is None


def test_a_phantom_says_so(text):
    assert "PHANTOM images, drawn by medtutor" in text and 'class="badge phantom" >' in text
    assert text.count("not for clinical use") >= 2


def test_words_of_the_user_are_text(tmp_path, quick):
    odd = mt.from_arrays(
        blobs(24, 0), blobs(12, 1), blobs(12, 2), classes=["<b>up</b>", "</script><script>alert(1)"], name="odd <i>"
    )
    run = mt.fit(mt.build("mlp", odd, width=4), odd, quick.but(epochs=1), progress=False)
    written = page(run, odd, tmp_path / "odd.html", images=4).path.read_text(encoding="utf-8")
    assert "<b>up" not in written and "<script>alert" not in written and "<i>" not in written.split("</h1>")[0]


def test_bytes_become_text_and_back():
    content = np.random.default_rng(0).integers(0, 256, 1001, dtype=np.uint8).tobytes()
    text = as_text(content)
    values = np.array([ALPHABET.index(letter) for letter in text]).reshape(-1, 2) @ [91, 1]
    bits = (values[:, None] >> np.arange(12, -1, -1)) & 1
    assert np.packbits(bits.flatten()[: 8 * len(content)].astype(np.uint8)).tobytes() == content
    assert len(ALPHABET) == 91 and not set("<&\\") & set(text)


def test_random_weights_are_rounded_to_bfloat16():
    numbers = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert (rounded(numbers, 7) - numbers.bfloat16().float()).abs().max() <= 2**-8 * numbers.abs().max()
    assert len(set(planes(rounded(numbers, 7).numpy().tobytes())[:200])) == 1  # the two low bytes


@pytest.mark.parametrize(
    "change, words",
    [
        ({"out": "x.htm"}, "ends in .html"),
        ({"out": "no/such/folder/x.html"}, "cannot be written"),
        ({"out": 3}, "is no path"),
        ({"run": 3}, "takes a Run, not int"),
        ({"images": 1}, "images must be"),
        ({"images": 400}, "give images="),
        ({"dataset": phantoms.draw(card("pneumoniamnist"), {"train": 8, "val": 8, "test": 8})}, "give the run's own"),
    ],
)
def test_what_is_wrong_is_one_sentence_before_work_starts(made, tmp_path, monkeypatch, change, words):
    monkeypatch.setattr("medtutor.pages.classification.export", None)  # no work
    given = {"run": made[0], "dataset": made[1], "out": tmp_path / "x.html"} | change
    with pytest.raises(InputError, match=words) as refused:
        page(**given)
    assert "\n" not in str(refused.value) and not (tmp_path / "x.html").exists()


def test_a_network_that_is_too_large_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("medtutor.pages.classification.export", None)
    few = phantoms.draw(card("breastmnist"), {"train": 8, "val": 8, "test": 8})
    wide = mt.build("mlp", few, width=2000)
    run = mt.Run(
        wide, few.card, mt.Recipe(epochs=1), "phantom", predictions={"val": few.val.images[:, :2, 0, 0].float()}
    )
    with pytest.raises(InputError, match="does not fit into a page of 6 MB"):
        page(replace(run, labels={}), few, tmp_path / "x.html")


def test_images_that_are_too_large_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("medtutor.pages.classification.export", None)
    large = torch.zeros(6, 224, 224, dtype=torch.uint8)
    data = mt.from_arrays(*[(large, torch.arange(6) % 2)] * 3)
    said = torch.tensor([[0.5, 0.5]] * 6)
    run = mt.Run(mt.build("cnn", data), data.card, mt.Recipe(epochs=1), "arrays", predictions={"val": said})
    with pytest.raises(InputError, match="on images of 224 pixels does not fit into a page of 6 MB; choose"):
        page(replace(run, labels={}), data, tmp_path / "x.html")


def test_features_of_known_images_are_few_and_the_sentence_is_of_them(made, facts):
    """What the page says of an own picture is of these: the distances are those of the rounded features."""
    run, few, *_ = made
    said, found = contents.familiar(run, few)
    assert said == facts["known"] and len(found.features) == 20
    assert torch.equal(rounded(found.features, contents.FEATURE_BITS), found.features)
    assert said["limit"] <= found.usual.max() and "(inf)" in said["far"] and "(0)" in said["near"]


def test_where_likeness_cannot_be_said_there_is_a_reason(made):
    run, few, *_ = made
    bare = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 2))
    said, found = contents.familiar(replace(run, model=bare), few)
    assert found is None and "makes no features of its own" in said["missing"]


def test_without_the_libraries_it_says_how_to_get_them(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'medtutor\[page\]'"):
        page(made[0], made[1], tmp_path / "x.html")


def test_a_library_that_is_too_old_is_refused_before_work_starts(made, tmp_path, monkeypatch):
    monkeypatch.setattr("medtutor.pages.classification.export", None)
    monkeypatch.setattr("onnxscript.__version__", "0.7.1")
    with pytest.raises(InputError, match=r"onnxscript 0\.7\.2 or newer, and 0\.7\.1 is installed; pip install --upg"):
        page(made[0], made[1], tmp_path / "x.html")
    monkeypatch.setattr("onnxscript.__version__", ONNXSCRIPT)
    check_installed()


def test_pip_installs_what_is_new_enough():
    extras = tomllib.loads((Path(mt.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for extra in ("page", "efficiency"):
        assert f"onnxscript>={ONNXSCRIPT}" in extras["optional-dependencies"][extra]


def test_the_command(made, tmp_path, capsys, monkeypatch):
    run, few, _, folder = made
    monkeypatch.setattr("medtutor.training.run.load_dataset", lambda *_, **__: few)
    assert cli.main(["page", str(folder), "--out", str(tmp_path / "x.html"), "--images", "4", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["bytes"] == (tmp_path / "x.html").stat().st_size and answer["provenance"] == "phantom"
    assert cli.main(["page", str(folder), "--out", str(tmp_path / "x.png")]) == 2
    assert "ends in .html" in capsys.readouterr().err
