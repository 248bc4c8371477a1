"""A loop through chains: every frame is timed, stage by stage; nothing here hangs on how quick the machine is."""

import io
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from medtutor import figures
from medtutor.efficiency import Chain, Timeline, deadline, follow, fuse_batch_norms, ultrasound_loop
from medtutor.errors import InputError
from medtutor.models import CNN, LeNet


def net(image):
    assert image.shape == (1, 1, 28, 28) and -1 <= image.min() and image.max() <= 1
    return image.mean((1, 2, 3))[:, None].repeat(1, 2)


@pytest.fixture(scope="module")
def lines():
    ways = {"plain": Chain(net), "map": Chain(net, lambda image: image[0, 0]), "ahead": Chain(net, ahead=True)}
    return follow(ways, loops=2)


def test_every_frame_but_those_of_the_warm_up_has_each_stage(lines):
    for name, line in lines.items():
        wanted = [stage for stage in deadline.STAGES if stage != "explanation" or name == "map"]
        assert list(line.stages) == wanted
        assert {len(times) for times in (*line.stages.values(), line.frames, line.ages)} == {30}
        assert line.first > 0 and line.median <= line.p99 and line.ahead == (name == "ahead")


def test_a_frame_takes_what_its_stages_take_unless_it_was_decoded_ahead(lines):
    for name in ("plain", "map"):
        together = np.sum(list(lines[name].stages.values()), axis=0)
        assert (np.array(lines[name].frames) >= together - 0.01).all()
    line = lines["ahead"]
    work = np.sum([times for stage, times in line.stages.items() if stage != "decode"], axis=0)
    assert (np.array(line.ages) >= work + np.array(line.stages["decode"]) - 0.01).all()


def test_late_frames_are_those_above_the_limit():
    line = Timeline({"decode": (1.0, 2.0, 3.0)}, (10.0, 40.0, 20.0), (10.0, 40.0, 20.0), 99.0)
    assert (line.missed(), line.missed(15), line.missed(40)) == (1, 2, 0)
    assert line.median == 20 and line.p99 == 40 and "1 of 3 frames late" in str(line)
    with pytest.raises(InputError, match="limit"):
        line.missed(0)


def test_threads_come_back_and_gradients_are_kept_only_where_asked(monkeypatch):
    seen, decoded = [], deadline._decoded
    monkeypatch.setattr(deadline, "_decoded", lambda file: islice(decoded(file), 2))  # two threads may be slow

    def asked(image):
        seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return net(image)

    before = torch.get_num_threads()
    follow({"with": Chain(asked, gradients=True), "without": Chain(asked)}, loops=2, threads=before + 1)
    assert torch.get_num_threads() == before
    assert set(seen) == {(before + 1, False), (before + 1, True)}


def test_an_error_of_the_decoding_thread_is_told():
    def broken():
        yield 1
        raise ValueError("broken")

    found = deadline._in_a_thread(broken())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_the_picture_is_the_sector_with_the_map_on_it():
    frame, heat = np.full((40, 50, 3), 100, np.uint8), torch.zeros(28, 28)
    heat[:, :14] = -2.0
    shown = np.asarray(Image.open(io.BytesIO(deadline._drawn(frame, heat))))
    assert shown.shape == (40, 50, 3) and (shown[:, 30:] == 100).all() and shown[0, 0, 0] > 150 > shown[0, 0, 2]


def test_fused_batch_norms_answer_alike_and_leave_the_model():
    torch.manual_seed(0)
    model = CNN().train()
    model(torch.randn(16, 1, 28, 28))
    fused, x = fuse_batch_norms(model), torch.randn(3, 1, 28, 28)
    assert model.training and not fused.training
    with torch.no_grad():
        assert torch.allclose(fused(x), model.eval()(x), atol=1e-5)


def test_what_cannot_be_is_refused_in_a_sentence(tmp_path):
    class Asks(LeNet):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(InputError, match="cannot follow Asks"):
        fuse_batch_norms(Asks())
    for ways in ({}, {"x": net}):
        with pytest.raises(InputError, match="no chain"):
            follow(ways)
    with pytest.raises(InputError, match="loops"):
        follow({"x": Chain(net)}, loops=1)
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no DICOM image"):
        follow({"x": Chain(net)}, tmp_path / "x.dcm")
    with pytest.raises(InputError, match="no timeline"):
        figures.deadline({})


def test_the_strip_tells_its_numbers(lines):
    told = figures.deadline(lines, alt="A loop.").alt
    assert told.startswith("A loop. Deadline 33.3 ms. plain: decode") and "decoded ahead" in told
    assert f"{lines['plain'].missed()} of 30 late" in told and ultrasound_loop().endswith(".dcm")
