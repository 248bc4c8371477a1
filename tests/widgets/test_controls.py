"""Controls: what a browser makes of a number is known before it sends it back."""

import ipywidgets
import pytest

from medtutor.widgets.controls import as_shown, film, number_of, slider


@pytest.mark.parametrize(
    "value, shown",
    [(0.2, 0.20000000000000018), (0.7, 0.7000000000000002), (-0.7, -0.7000000000000002), (0.1, 0.10000000000000009)],
)
def test_a_slider_is_set_to_what_chromium_makes_of_it(value, shown):
    """As sent back by the sliders of ipywidgets 8 in Chromium, from -3 to 3 in steps of a tenth."""
    control = ipywidgets.FloatSlider(min=-3.0, max=3.0, step=0.1)
    assert as_shown(control, value) == shown == as_shown(control, shown)
    assert as_shown(control, value + 0.04) == shown  # between two steps
    control.value = shown
    assert number_of(control) == value


def test_ends_of_a_slider_and_other_controls_stay_as_they_are():
    control = ipywidgets.FloatSlider(min=-3.0, max=3.0, step=0.1)
    assert [as_shown(control, value) for value in (-3.0, 0.0, 3.0, 9.0, -9.0)] == [-3.0, 0.0, 3.0, 3.0, -3.0]
    assert as_shown(ipywidgets.IntSlider(), 7) == 7 and as_shown(ipywidgets.Dropdown(options=["a"]), "a") == "a"


@pytest.mark.parametrize(
    "low, high, step, value",
    [(0.01, 0.99, 0.01, 0.57), (-4.0, 4.0, 0.1, 1.7), (0.0, 1.5, 0.05, 1.15), (0.0, 1.0, 0.02, 0.34)],
)
def test_a_slider_begins_where_a_browser_leaves_it(low, high, step, value):
    control = slider("x", value, low, high, step)
    assert control.value == as_shown(control, control.value) and number_of(control) == value


def test_a_film_can_be_started():
    frame = slider("frame", 3, 1, 9, 1)
    button, player, links = film(frame, interval=250)
    assert (player.min, player.max, player.value, player.interval) == (1, 9, 3, 250)
    if player.has_trait("playing"):
        assert player.repeat and [link.target for link in links] == [(player, "playing"), (frame, "value")]
        assert player.layout.display == "none" and button.layout.display is None
    else:  # ipywidgets 7 starts by the player's own buttons
        assert player._repeat and [link.target for link in links] == [(frame, "value")]
        assert player.layout.display is None and button.layout.display == "none"
