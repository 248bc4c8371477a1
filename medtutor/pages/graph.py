"""A network and the gradient of its score with respect to the image, in one ONNX graph.

`torch.onnx.export` refuses a module that asks for a gradient (github.com/pytorch/pytorch/issues/110866). `make_fx` does
not: it runs forward and backward once with symbolic shapes and writes down every operation, those of the backward pass
as ordinary ones. What ONNX has no name for, such as the backward of a convolution, is written with operations that it
has: `RULES`. What is left are plain operations on tensors, which `torch.export` and ONNX take.
"""

from dataclasses import dataclass

import torch
from torch import nn

from ..efficiency.exporting import quiet
from ..errors import InputError
from ..explanation.anatomy import copied, title_of
from ..explanation.attention import is_transformer
from ..explanation.familiar import hooked
from .rules import rules, write_out

# With PyTorch 2.6 older ones have no ONNX form for some operations, and write types that ONNX Runtime refuses.
ONNXSCRIPT = "0.7.2"
WEIGHTS = "weights"  # what the graphs call the file that holds their numbers


@dataclass(frozen=True)
class Graph:
    """A network as ONNX, without its numbers: the same graph serves every network of that architecture.

    gradient  ONNX file, (x, weights) -> (logits, gradient), and with a layer also features and feature_gradient:
              x (b, C, H, W) in -1…1; weights (b, classes), of which sum of logits the gradients are; features (b, c, h,
              w), the feature maps of the layer, and the gradient with respect to them
    forward   ONNX file, x -> logits: the part of it that needs no gradient; where a layer was named for them, also
              known, (b, f): what goes into that layer, the mean over all places, by which images are compared
    guided    ONNX file, (x, weights) -> (logits, gradient), with the gradient of guided backpropagation; None where it
              was not asked for
    names     the tensors of the network's `state_dict` whose numbers the graphs refer to, in order
    """

    gradient: bytes
    forward: bytes
    guided: bytes | None
    names: tuple[str, ...]

    def weights(self, model: nn.Module) -> bytes:
        """The numbers of a network of this architecture, float32, one tensor after the other."""
        state = model.state_dict()
        return b"".join(state[name].detach().cpu().float().contiguous().numpy().tobytes() for name in self.names)


class WithGradient(nn.Module):
    """(x, weights) -> logits and the gradient of their weighted sum; of a layer also its output, and the gradient with
    respect to that; of another what goes into it.
    """

    def __init__(self, net, layer=None, shape=(), known=None):
        super().__init__()
        self.net, self.layer, self.shape, self.known = net, layer, shape, known

    def forward(self, x, weights):
        # The gradient with respect to feature maps is that with respect to nothing, added to them.
        nothing = [] if self.layer is None else [x.new_zeros(x.shape[0], *self.shape)]
        logits, back, (features, known) = torch.func.vjp(self._answered, x, *nothing, has_aux=True)
        gradient, *of_features = back(weights)
        return logits, gradient, *features, *of_features, *known

    def _answered(self, x, *nothing):
        features, known = [], []

        def add(module, inputs, output):
            features.append(output)
            return output + nothing[0]

        def listen(module, inputs, output):
            known.append(inputs[0].flatten(2).mean(2) if inputs[0].dim() > 2 else inputs[0])

        with hooked(self.net, {self.layer: add} if self.layer else {}):
            with hooked(self.net, {self.known: listen} if self.known else {}):
                return self.net(x), (features, known)


def check_installed() -> None:
    """Raises `InputError` where the libraries are missing that write ONNX, or are too old for it."""
    try:
        import onnx  # noqa: F401
        import onnxscript
        from packaging.version import Version  # onnxscript brings it
    except ImportError as error:
        raise InputError(
            f"a page needs {error.name or 'onnx'}, which is not installed; pip install 'medtutor[page]'"
        ) from None
    if Version(onnxscript.__version__) < Version(ONNXSCRIPT):
        raise InputError(
            f"a page needs onnxscript {ONNXSCRIPT} or newer, and {onnxscript.__version__} is installed;"
            " pip install --upgrade 'medtutor[page]'"
        )


def reason_of(error: Exception) -> str:
    """Why an export failed, in a few words: the first of a chain of errors tells it, those around it tell steps."""
    while error.__cause__ is not None:
        error = error.__cause__  # type: ignore[assignment]
    return str(error).split("\n")[0].split("!")[0][:100] or type(error).__name__


def export(
    model: nn.Module,
    shape: tuple[int, ...],
    classes: int,
    layer: str | None = None,
    layer_shape: tuple[int, ...] | None = None,
    known: str | None = None,
    guided: bool = False,
    single: bool = False,
) -> Graph:
    """A classifier of images and its gradient as a `Graph`. About ten seconds; with guided backpropagation twice that.

    model        takes (b, C, H, W), b of any size, and returns (b, classes); it is left as it is
    shape        (C, H, W)
    layer        whose feature maps Grad-CAM looks at, of shape `layer_shape`, (c, h, w); None: no such maps
    known        whose input tells how near images are to each other; None: no such features
    guided       whether guided backpropagation is exported, too
    single       for one image at a time: of a transformer, whose products ask for the size of the batch

    Raises `InputError` where the network computes what has no ONNX form here, or knows one size of batch alone.
    """
    check_installed()
    if is_transformer(model) and not single:  # PyTorch 2.6 to 2.8 would end the process
        raise InputError(f"{title_of(model)} cannot be exported for many images at a time; give single=True")
    net = copied(model).requires_grad_(False)
    write_out(net)
    # Sizes that are equal share a symbol, so the batch has one that nothing else has.
    batch = next(size for size in (5, 7, 11, 13, 17, 19) if size not in {*shape, classes, *(layer_shape or ())})
    batch = 1 if single else batch
    asked = (torch.zeros(batch, *shape), torch.zeros(batch, classes))
    more = [*(("features", "feature_gradient") if layer else ()), *(("known",) if known else ())]
    try:
        with quiet():
            whole, homes = _written(net, WithGradient(net, layer, layer_shape, known), rules(), asked, more)
            other, others = _written(net, WithGradient(net), rules(guided=True), asked, []) if guided else (None, {})
    except Exception as error:
        if isinstance(error, (InputError, MemoryError)):
            raise
        raise InputError(
            f"{title_of(model)} cannot be exported with its gradient ({reason_of(error)}); choose cnn, lenet, mlp or"
            " bag_of_patches"
        ) from error
    places = places_of(net)
    for each, of in ((whole, homes), (other, others)):
        if each is not None:
            without_weights(each, of, places)
    from onnx.utils import Extractor

    forward = Extractor(whole).extract_model(["x"], ["logits", *(("known",) if known else ())])
    return Graph(
        whole.SerializeToString(), forward.SerializeToString(), other and other.SerializeToString(), tuple(places)
    )


def _written(net, module, decompositions, asked, more):
    """(ONNX model of a module around a network, {initialiser: name in the network's state_dict})."""
    batches = {0: torch.export.Dim("batch", min=1, max=4096)}
    names = (["x", "weights"], ["logits", "gradient", *more])
    dynamic = None if asked[0].shape[0] == 1 else (batches, batches)
    return written(net, module, decompositions, asked, *names, dynamic)


def written(net, module, decompositions, asked, inputs, outputs, dynamic=None):
    """The same with names of inputs and outputs; without `dynamic` for the sizes of `asked` alone, in less time."""
    from torch.fx.experimental.proxy_tensor import make_fx

    # A graph of plain operations.
    mode = "real" if dynamic is None else "symbolic"
    traced = make_fx(module.eval(), decomposition_table=decompositions, tracing_mode=mode, _allow_non_fake_inputs=True)(
        *asked
    )
    traced.graph.eliminate_dead_code()
    traced.recompile()
    program = torch.export.export(traced, asked, dynamic_shapes=dynamic)
    # Not optimised: the optimiser would merge weights that are equal, and those of another network need not be.
    found = torch.onnx.export(
        program, (), dynamo=True, input_names=inputs, output_names=outputs, verbose=False, optimize=False
    )
    place = {tensor.data_ptr(): name for name, tensor in net.state_dict().items()}
    homes = {
        node.target: place.get(getattr(traced, node.target).data_ptr())
        for node in traced.graph.nodes
        if node.op == "get_attr"
    }
    return found.model_proto, homes


def places_of(net):
    """Where the numbers of a network lie in the file of weights: {name in the state_dict: first byte}."""
    places, offset = {}, 0
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point():
            places[name] = offset
            offset += 4 * tensor.numel()
    return places


def without_weights(whole, homes, places):
    """Make an ONNX model refer to the file of weights: {initialiser: name in the state_dict}, {name: first byte}."""
    import onnx

    for tensor in whole.graph.initializer:
        if homes.get(tensor.name) is None:
            continue  # a constant, the same in every network of this architecture
        length = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        where = {"location": WEIGHTS, "offset": places[homes[tensor.name]], "length": length}
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))
    for node in whole.graph.node:  # where in Python an operation came from: most of the file
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*whole.graph.value_info, *whole.graph.initializer]:
        del value.metadata_props[:]
    del whole.metadata_props[:], whole.graph.metadata_props[:]
