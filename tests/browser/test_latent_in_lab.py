"""The latent explorer in JupyterLab in Chromium, by keyboard only."""

import statistics

import pytest

from .lab import png

pytestmark = pytest.mark.browser

# Two hundred phantoms and thirty steps: a second or two.
FIT = """
import torch
import medtutor as mt
from medtutor.data import normalise, phantoms
from medtutor.explorers.latent import latent
from medtutor.models.autoencoder import VAE, Autoencoder

xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 200, "val": 20, "test": 60})
torch.manual_seed(0)
model, x = Autoencoder(latents=16, widths=(8, 16)), normalise(xray.train.images)
optimiser = torch.optim.Adam(model.parameters(), 1e-2)
for _ in range(30):
    loss = ((model(x) - x) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
"""
IMAGE, POINT, MAP, STRIP = (
    "its reconstruction, and the residual",
    "decoded at the present point",
    "Map of the train codes",
    "Film strip",
)


def test_latent_by_keyboard(notebook, record_property):
    page = notebook(FIT, "explorer = latent(model, xray, 'test')\nexplorer")
    image, point, chart, strip = shown = page.phantom_pictures(IMAGE, POINT, MAP, STRIP)
    before = [png(each.get_attribute("src")) for each in shown]

    page.focus(page.control("image"))
    page.tab_to(page.output.get_by_role("button", name="next"))
    page.press("Space", page.picture("Three images: image 2, .* of the test split"))
    assert png(image.get_attribute("src")) != before[0]

    page.tab_to(page.output.get_by_role("slider").first)
    page.press("ArrowLeft", page.picture("moved to .* along axis 1"))
    moves = page.latencies(point, "ArrowLeft", 12)
    record_property("milliseconds", ["along an axis of a code", statistics.median(moves)])
    assert statistics.median(moves) < 1000
    assert png(point.get_attribute("src")) != before[1] and png(chart.get_attribute("src")) != before[2]

    page.tab_to(page.output.get_by_role("button", name="back to the image"))
    page.press("Space", page.picture("present point, the code of image 2;"))
    page.page.wait_for_timeout(500)  # the sliders were moved with it, and that is no move of the user's
    assert "the code of image 2;" in point.get_attribute("alt")
    page.tab_to(page.output.get_by_role("button", name="random point"))
    page.press("Enter", page.picture("a random point of the Gaussian of the codes"))

    page.tab_to(page.control("to image"))
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("31")
    page.press("Tab", page.picture("of the way from image 1 to image 31"))
    page.tab_to(page.control("along"))
    page.press("ArrowRight", page.picture("Film strip .* marked at 0.02"))
    steps = page.latencies(strip, "ArrowRight", 12)
    record_property("milliseconds", ["along a walk", statistics.median(steps)])
    assert statistics.median(steps) < 1000
    assert png(strip.get_attribute("src")) != before[3]
    assert page.output.get_by_role("alert").count() == 0


def test_a_random_point_of_a_vae_by_keyboard(notebook):
    page = notebook(FIT, "latent(VAE(latents=8), xray, 'test', reference='val')")
    page.picture("Map of the val codes").wait_for()
    page.focus(page.control("image"))
    page.tab_to(page.output.get_by_role("button", name="random point of the prior"))
    page.press("Space", page.picture("a random point of the prior"))
    page.output.get_by_text("The point is a random point of the prior").wait_for()
