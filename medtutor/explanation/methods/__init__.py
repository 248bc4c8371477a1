"""The methods of attribution, a file for each family. A new one is a `Method` in a file, and a line here."""

from torch import nn

from ...training.run import Run
from ..attention import is_transformer
from . import cam, gradients, lrp, occlusion, rise, rollout, shap
from .method import BASELINES, METHODS, Method, Option, baseline

__all__ = ["BASELINES", "METHODS", "Method", "Option", "baseline", "methods_for"]

METHODS.update(
    saliency=gradients.SALIENCY,
    input_x_gradient=gradients.INPUT_X_GRADIENT,
    integrated_gradients=gradients.INTEGRATED_GRADIENTS,
    smoothgrad=gradients.SMOOTHGRAD,
    gradient_shap=shap.GRADIENT_SHAP,
    deep_lift=shap.DEEP_LIFT,
    lrp=lrp.LRP_METHOD,
    grad_cam=cam.GRAD_CAM,
    guided_backprop=gradients.GUIDED_BACKPROP,
    occlusion=occlusion.OCCLUSION,
    kernel_shap=shap.KERNEL_SHAP,
    rise=rise.RISE,
    attention_rollout=rollout.ATTENTION_ROLLOUT,
)


def methods_for(run_or_model: Run | nn.Module) -> list[str]:
    """The names of `METHODS`, without those that need attention where the model has none, and those that cannot ask
    about a region where a run is a segmentation.

    >>> from medtutor.explanation import methods_for
    >>> from medtutor.models.cnn import CNN
    >>> methods_for(CNN())[:3], "attention_rollout" in methods_for(CNN())
    (['saliency', 'input_x_gradient', 'integrated_gradients'], False)
    """
    dense = getattr(getattr(run_or_model, "card", None), "task", None) == "segmentation"
    able = {name: method for name, method in METHODS.items() if method.regional or not dense}
    return [name for name, method in able.items() if not method.needs_attention or is_transformer(run_or_model)]
