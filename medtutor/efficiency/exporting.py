"""A network as a file that needs no PyTorch (ONNX), in float32 or in whole numbers of 8 bits, and how it answers then.

onnx, onnxscript and onnxruntime are the extra `efficiency` of medtutor, imported where they are used.
"""

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .. import checks
from ..errors import InputError, MedtutorError
from ..files import resolve
from ..metrics.classification import measure
from ..models.inference import evaluating
from ..training.reconstruction import check_normalised

REMEDY = "pip install 'medtutor[efficiency]'"
EXACT = 1e-4  # how far a float32 export may answer from the network
CALIBRATION = 32  # images of a batch that ranges are read from


class OnnxNetwork:
    """An ONNX file, run by onnxruntime on the CPU.

    path     of the file
    threads  that it works with, from 1

    Called with float images (N, C, H, W) it gives logits (N, classes), as a network of PyTorch does. Raises
    `InputError` where onnxruntime is missing or cannot read the file.
    """

    def __init__(self, path: str | PathLike, threads: int = 1) -> None:
        runtime, self.path = library("onnxruntime"), resolve(path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = checks.whole("threads", threads, 1), 1
        if not self.path.is_file():
            raise InputError(f"{self.path} is no file; write one with export_onnx(model, images, path)")
        try:
            self.session = runtime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # each kind of damage has a class of its own there
            raise InputError(f"{self.path} is no network that onnxruntime reads; export it again") from error
        self.takes = self.session.get_inputs()[0].name

    @property
    def bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        (logits,) = self.session.run(None, {self.takes: images.contiguous().numpy()})
        return torch.from_numpy(logits)


class Change(NamedTuple):
    """How the answers of a changed network differ from those of the network before, on the same cases.

    flipped     share of cases that get another class
    auc         AUC of the changed network minus that of the one before
    largest     largest difference of a logit
    """

    flipped: float
    auc: float
    largest: float


def changed(before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor, task: str = "binary") -> Change:
    """The `Change` between two networks' logits (N, classes) of the same cases.

    labels  (N,) or as the task has them; both networks are measured by them

    >>> from medtutor.efficiency import changed
    >>> before, after = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    >>> changed(before, after, torch.tensor([0, 1]))
    Change(flipped=0.5, auc=0.0, largest=1.0)
    """
    if before.shape != after.shape:
        raise InputError(f"the logits have shapes {tuple(before.shape)} and {tuple(after.shape)}; give the same cases")
    auc = [measure(labels, logits.softmax(1), task, resamples=0).auc for logits in (before, after)]
    return Change(
        float((before.argmax(1) != after.argmax(1)).float().mean()),
        round(auc[1] - auc[0], 6),
        float((before - after).abs().max()),
    )


def export_onnx(model: nn.Module, images: torch.Tensor, path: str | PathLike) -> OnnxNetwork:
    """Write a network to an ONNX file, float32, and see that it answers alike; some seconds.

    images  float (N, C, H, W), 2 or more, on which both are asked; the file takes any number of them

    The model is left as it was. Raises `InputError` where the libraries are missing or the network has no ONNX form,
    `MedtutorError` where the file answers one logit otherwise by more than 1e-4.

    >>> from tempfile import TemporaryDirectory
    >>> from medtutor.efficiency import export_onnx
    >>> from medtutor.models import LeNet
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(LeNet(), torch.zeros(2, 1, 28, 28), f"{folder}/lenet.onnx")(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 2])
    """
    check_normalised("images", images)
    if len(images) < 2:
        raise InputError("there is 1 image; give at least 2, so that the file takes any number of them")
    for name in ("onnx", "onnxscript"):
        library(name)
    path = resolve(path)
    with evaluating(model), torch.no_grad():
        try:
            with quiet():
                torch.onnx.export(
                    model,
                    (images[:2].contiguous(),),
                    path,
                    dynamo=True,
                    dynamic_shapes=({0: torch.export.Dim("batch")},),
                    input_names=["images"],
                    output_names=["logits"],
                    external_data=False,
                )
        except OSError as error:
            raise MedtutorError(f"{path} could not be written ({error.strerror or error}); choose another") from None
        except Exception as error:
            raise InputError(f"{type(model).__name__} has no ONNX form; give a network of images") from error
        network, expected = OnnxNetwork(path), model(images)
    difference = float((network(images) - expected).abs().max())
    if not difference <= EXACT:
        raise MedtutorError(f"{path} answers otherwise than the network, by {difference:.2g}; do not use it")
    return network


def quantise_onnx(network: OnnxNetwork, images: torch.Tensor, path: str | PathLike) -> OnnxNetwork:
    """Write a float32 ONNX network again with weights and maps in 8 bits, each map's range as these images have it.

    images  float (N, C, H, W), of train: what ranges are read from is part of the fit

    Static quantisation by onnxruntime, QDQ form, unsigned, a scale for each channel of the weights: signed numbers are
    several times slower on some processors. It answers otherwise than before: see `changed`. Raises `InputError` where
    onnxruntime is missing.

    >>> from tempfile import TemporaryDirectory
    >>> from medtutor.efficiency import export_onnx, quantise_onnx
    >>> from medtutor.models import LeNet
    >>> images = torch.rand(8, 1, 28, 28)
    >>> with TemporaryDirectory() as folder:
    ...     whole = export_onnx(LeNet(), images, f"{folder}/lenet.onnx")
    ...     quantise_onnx(whole, images, f"{folder}/lenet8.onnx").bytes < whole.bytes
    True
    """
    check_normalised("images", images)
    tools, path = library("onnxruntime.quantization"), resolve(path)

    class Reader(tools.CalibrationDataReader):  # type: ignore[name-defined]
        batches: Iterator[np.ndarray] = iter([some.contiguous().numpy() for some in images.split(CALIBRATION)])

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {network.takes: batch}

    with quiet():
        tools.quantize_static(
            str(network.path),
            str(path),
            Reader(),
            quant_format=tools.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QUInt8,
        )
    return OnnxNetwork(path)


def library(name: str) -> ModuleType:
    """A library of the extra `efficiency`. Raises `InputError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(f"this needs {name.partition('.')[0]}, which is not installed; {REMEDY}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Exporter and quantiser tell of their progress, and of what their next versions will do otherwise."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
