"""A loop of images that must be answered in time: from DICOM to a picture with the answer, each stage timed."""

import io
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from .. import checks
from ..errors import InputError
from ..files import resolve
from ..models.inference import evaluating
from ..training.processes import on_threads
from .measuring import Latency

FRAME_MS = 1000 / 30  # from one frame of pydicom's ultrasound loop to the next
SECTOR = slice(16, 232), slice(40, 260)  # of its frames: the image, without the letters at the border
SIDE = 28  # pixels that the networks take
STAGES = ("decode", "crop", "resize", "network", "explanation", "overlay")
TINT = np.array([213, 94, 0], np.float32)  # Okabe & Ito's vermilion
AHEAD = 2  # frames that are decoded before they are wanted


@dataclass(frozen=True)
class Chain:
    """What happens to each frame of a loop: decoded, cropped, made small, answered, and drawn as a PNG.

    network        of float images (1, 1, 28, 28) in -1…1, gives logits; a PyTorch model or an `OnnxNetwork`
    explain        of the same image, gives a map (28, 28), which is laid over the frame; None: the answer alone
    gradients      whether PyTorch keeps what a gradient would need; without, the network runs in `inference_mode`
    channels_last  whether the image has that memory order; give a network that has it, too
    ahead          whether frames are decoded in a thread of their own while the network works
    """

    network: Callable[[torch.Tensor], torch.Tensor]
    explain: Callable[[torch.Tensor], torch.Tensor] | None = None
    gradients: bool = False
    channels_last: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class Timeline:
    """When the frames of a loop were done; milliseconds, without the first loop, which warms up.

    stages  {stage: its times, one for each frame}; a frame that is decoded ahead is decoded beside the others
    frames  from one finished frame to the next: what the deadline is held against
    ages    from the start of a frame's decoding to its picture
    first   of the very first frame, which pays for what later ones find ready
    ahead   whether frames were decoded in a thread of their own
    """

    stages: dict[str, tuple[float, ...]]
    frames: tuple[float, ...]
    ages: tuple[float, ...]
    first: float
    ahead: bool = False

    @property
    def median(self) -> float:
        """Half of the frames are done sooner."""
        return Latency(self.first, self.frames).median

    @property
    def p99(self) -> float:
        """99 % of the frames are done sooner, or at that time."""
        return Latency(self.first, self.frames).p99

    def missed(self, limit: float = FRAME_MS) -> int:
        """How many frames took longer than so many milliseconds."""
        limit = checks.number("limit", limit, above=0)
        return sum(each > limit for each in self.frames)

    def __str__(self):
        return (
            f"median {self.median:.1f} ms, p99 {self.p99:.1f} ms, {self.missed()} of {len(self.frames)} frames late"
            f" (first {self.first:.0f} ms)"
        )


def ultrasound_loop() -> str:
    """The path of the loop that pydicom ships: one second of a beating heart, 30 frames.

    >>> from medtutor.efficiency import ultrasound_loop
    >>> ultrasound_loop().endswith(".dcm")
    True
    """
    from pydicom.data import get_testdata_file

    return str(get_testdata_file("examples_ybr_color.dcm", download=False))


def fuse_batch_norms(model: nn.Module) -> nn.Module:
    """A copy in eval mode whose batch norms, frozen as they are, have become part of the convolutions before them.

    By torch.fx. The answers are the same but for rounding. Raises `InputError` for a model that torch.fx cannot follow.

    >>> from medtutor.efficiency import fuse_batch_norms
    >>> from medtutor.models import CNN
    >>> any(isinstance(module, nn.BatchNorm2d) for module in fuse_batch_norms(CNN()).modules())
    False
    """
    from torch.fx.experimental.optimization import fuse

    with evaluating(model):
        try:
            return fuse(model).eval()
        except Exception as error:  # whatever a forward does that depends on numbers
            raise InputError(
                f"torch.fx cannot follow {type(model).__name__}; leave its batch norms as they are"
            ) from error


def follow(
    ways: Mapping[str, Chain], path: str | PathLike | None = None, loops: int = 4, threads: int = 1
) -> dict[str, Timeline]:
    """Send a loop through each of several chains, again and again: {name: `Timeline`}.

    path     of a DICOM file of several frames, RGB or grey, of at least 28 pixels; pydicom's ultrasound loop when left
             out, which is cropped to its sector
    loops    how often each chain sees the whole loop, 2 or more; the first time warms up and is not counted
    threads  of torch, 1 or more; onnxruntime has its own number

    The chains take turns, loop by loop, so that what else the machine does meets all alike. The next frame is there as
    soon as it is wanted: a scanner's would come at its own pace. Wall clock: compare what was measured in one call.
    What a network of X-rays answers about a heart means nothing. Raises `InputError` for no chain, numbers that cannot
    be, and a file that holds no such loop.

    >>> from medtutor.efficiency import Chain, follow
    >>> from medtutor.models import MLP
    >>> len(follow({"mlp": Chain(MLP().eval())}, loops=2)["mlp"].frames)
    30
    """
    loops, threads = checks.whole("loops", loops, 2), checks.whole("threads", threads, 1)
    if not ways or not all(isinstance(chain, Chain) for chain in ways.values()):
        raise InputError("there is no chain to follow; give {name: Chain(network)}")
    file = resolve(ultrasound_loop() if path is None else path)
    sector = SECTOR if path is None else (slice(None), slice(None))
    _check(file)
    done: dict[str, list[list[dict[str, float]]]] = {name: [] for name in ways}
    with on_threads(threads):
        for _ in range(loops):
            for name, chain in ways.items():
                done[name].append(list(_loop(chain, file, sector)))
    return {name: _timeline(each, ways[name].ahead) for name, each in done.items()}


def _check(file):
    import pydicom

    try:
        head = pydicom.dcmread(file, stop_before_pixels=True)
        frames, rows, columns = int(head.get("NumberOfFrames", 1)), int(head.Rows), int(head.Columns)
    except Exception as error:  # each kind of damage has a class of its own there
        raise InputError(f"{file} is no DICOM image; give a file of several frames") from error
    if frames < 2 or min(rows, columns) < SIDE:
        raise InputError(f"{file} has {frames} frames of {rows} x {columns} pixels; give 2 or more of at least 28 x 28")


def _decoded(file) -> Iterator[tuple[np.ndarray, float, float]]:
    """(frame, when its decoding began, milliseconds of it)"""
    from pydicom.pixels import iter_pixels

    start = time.perf_counter()
    for frame in iter_pixels(file):
        yield frame, start, 1000 * (time.perf_counter() - start)
        start = time.perf_counter()


def _in_a_thread(items):
    """The same items, made by a thread, at most `AHEAD` of them before they are wanted."""
    line, end = queue.Queue(AHEAD), object()

    def work():
        try:
            for item in items:
                line.put(item)
        except BaseException as error:  # told where the frames are wanted
            line.put(error)
        line.put(end)

    threading.Thread(target=work, daemon=True).start()
    while (item := line.get()) is not end:
        if isinstance(item, BaseException):
            raise item
        yield item


def _loop(chain, file, sector):
    """{stage: milliseconds} of each frame, with "frame" and "age"."""
    frames = _in_a_thread(_decoded(file)) if chain.ahead else _decoded(file)
    last = time.perf_counter()
    for frame, begun, decoding in frames:
        spent, clock = {"decode": decoding}, time.perf_counter()
        for stage, work in _stages(chain, sector):
            frame = work(frame)
            now = time.perf_counter()
            spent[stage], clock = 1000 * (now - clock), now
        yield spent | {"frame": 1000 * (clock - last), "age": 1000 * (clock - begun)}
        last = clock


def _stages(chain, sector):
    """(stage, function) in their order; each takes what the one before gives, (frame, image, logits, map) at last."""
    yield "crop", lambda frame: np.ascontiguousarray(frame[sector])
    yield "resize", lambda frame: (frame, _small(frame, chain.channels_last))
    yield "network", lambda given: (*given, _answer(chain, given[1]))
    if chain.explain is not None:
        yield "explanation", lambda given: (*given, chain.explain(given[1]))
    yield "overlay", lambda given: _drawn(given[0], given[3] if len(given) > 3 else None)


def _small(frame, channels_last):
    grey = torch.from_numpy(frame).float()
    grey = (grey.mean(2) if grey.dim() == 3 else grey)[None, None]
    small = F.interpolate(grey, (SIDE, SIDE), mode="area") / 127.5 - 1
    return small.to(memory_format=torch.channels_last) if channels_last else small


def _answer(chain, image):
    if chain.gradients:
        return chain.network(image)
    with torch.inference_mode():
        return chain.network(image)


def _drawn(frame, heat):
    """The frame with the map over it, as PNG bytes."""
    frame = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)
    if heat is not None:
        strength = heat.detach().abs().numpy().astype(np.float32)
        strength /= max(float(strength.max()), 1e-12)
        large = Image.fromarray(strength).resize((frame.shape[1], frame.shape[0]), Image.Resampling.NEAREST)
        share = 0.7 * np.asarray(large)[..., None]
        frame = (frame * (1 - share) + TINT * share).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(frame).save(target, "PNG", compress_level=1)
    return target.getvalue()


def _timeline(loops, ahead):
    first, counted = loops[0][0]["frame"], [each for loop in loops[1:] for each in loop]
    stages = {stage: tuple(each[stage] for each in counted) for stage in STAGES if stage in counted[0]}
    frames, ages = (tuple(each[key] for each in counted) for key in ("frame", "age"))
    return Timeline(stages, frames, ages, first, ahead)
