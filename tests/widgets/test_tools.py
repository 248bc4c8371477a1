"""Below every declared explorer: back to the start, the picture as a file, the view as code, a panel large."""

import base64
import html
import re

from test_explorer import Example

from medtutor.explorers import gallery


def test_reset_puts_controls_and_what_is_remembered_back():
    explorer = Example()
    before = explorer.still().png
    explorer.group.value = "many"
    explorer.number.value, explorer.depth.value, explorer.shade.value = 7, 8, 0.2
    explorer.pages.number.value, explorer.parts[2].value = 2, 5
    explorer.mark.click()
    assert explorer.still().png != before
    explorer.tools.reset.click()
    now = explorer.group.value, explorer.number.value, explorer.depth.value, explorer.shade.value
    assert now == ("few", 0, 2, 0.5) and explorer.marks == 0 and explorer.parts[2].value == 0
    assert explorer.still().png == before and "0 marks" in explorer.second.value


def test_the_saved_picture_is_the_still_one_until_something_changes():
    explorer = Example()
    explorer.tools.save.click()
    link = re.search(r'download="example.png" href="data:image/png;base64,([^"]+)"', explorer.tools.shown.value)
    assert base64.b64decode(link.group(1)) == explorer.still().png
    explorer.shade.value = 0.2
    assert explorer.tools.shown.value == ""


def test_the_code_shows_the_same_again(empty_home):
    explorer = gallery()
    explorer.name.value = explorer.name.options[1][1]
    explorer.job.wait()
    explorer.split.value = "test"
    explorer.pages.next.click()
    explorer.tools.code.click()
    lines = html.unescape(re.search(r"<textarea[^>]*>(.*)</textarea>", explorer.tools.shown.value, re.S).group(1))
    assert lines.startswith("from medtutor.explorers.gallery import gallery") and "split.value = 'test'" in lines
    names = {}
    exec(lines, names)
    assert names["explorer"].still().png == explorer.still().png


def test_a_panel_can_be_large():
    explorer = Example()
    assert [name for name, _ in explorer.tools.large.options] == ["no panel", "first", "second"]
    explorer.tools.large.value = "first"
    assert "width:200px" in explorer.first.value and "width:100px" in explorer.second.value
    explorer.number.value = 1
    assert "width:200px" in explorer.first.value
    explorer.tools.reset.click()
    explorer.tools.large.value = ""
    assert "width:100px" in explorer.first.value
