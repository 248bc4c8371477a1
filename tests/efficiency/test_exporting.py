"""A network as a file: the same answers, a number of images that nobody fixed, and 8 bits judged by decisions."""

import pytest
import torch

from medtutor.efficiency import OnnxNetwork, changed, export_onnx, exporting, file_bytes, quantise_onnx
from medtutor.errors import InputError, MedtutorError
from medtutor.models import CNN

X = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    net = CNN(widths=(8, 16)).train()
    return net, export_onnx(net, X, tmp_path_factory.mktemp("onnx") / "net.onnx")


def test_a_file_answers_as_the_network_and_the_network_stays_in_its_mode(exported):
    net, network = exported
    assert net.training
    with torch.no_grad():
        expected = CNN.eval(net)(X[:7])
        net.train()
    assert torch.allclose(network(X[:7]), expected, atol=1e-4)
    assert network.bytes > file_bytes(net)


def test_eight_bits_make_it_smaller_and_nearly_alike(exported, tmp_path):
    net, network = exported
    small = quantise_onnx(network, X, tmp_path / "small.onnx")
    assert small.bytes < 0.75 * network.bytes
    change = changed(network(X), small(X), torch.arange(40) % 2)
    assert 0 < change.largest < 0.3 * network(X).abs().max()


def test_a_file_that_answers_otherwise_is_not_handed_out(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "EXACT", -1.0)
    monkeypatch.setattr(torch.onnx, "export", lambda model, args, path, **_: path.write_bytes(stored))
    stored = exported[1].path.read_bytes()
    with pytest.raises(MedtutorError, match="answers otherwise"):
        export_onnx(exported[0], X, tmp_path / "net.onnx")


def test_flips_auc_and_largest_by_hand():
    before = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    after = torch.tensor([[2.0, 0.0], [0.5, 0.0], [0.0, 3.0], [0.0, 2.0]])
    change = changed(before, after, torch.tensor([0, 1, 1, 0]))
    assert change.flipped == 0.5 and change.largest == 2.0
    assert change.auc == pytest.approx(0.75 - 1)


def test_what_cannot_be_is_refused_in_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is no file"):
        OnnxNetwork(tmp_path / "none.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match="no network that onnxruntime reads"):
        OnnxNetwork(tmp_path / "broken.onnx")
    with pytest.raises(InputError, match="at least 2"):
        export_onnx(CNN(), X[:1], tmp_path / "x.onnx")
    with pytest.raises(InputError, match="the same cases"):
        changed(torch.zeros(3, 2), torch.zeros(4, 2), torch.zeros(3))

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(exporting.importlib, "import_module", absent)
    with pytest.raises(InputError, match=r"pip install 'medtutor\[efficiency\]'"):
        export_onnx(CNN(), X, tmp_path / "x.onnx")
