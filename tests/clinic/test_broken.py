"""Ten broken files: each is refused for what is wrong with it, and a sound one beside them is processed."""

import numpy as np
import pytest

from medtutor.clinic import process
from medtutor.clinic.broken import BROKEN, write_broken, x_ray
from medtutor.clinic.watch import watch
from medtutor.errors import InputError


def test_each_is_small_and_like_no_other(tmp_path):
    wrong = write_broken(tmp_path)
    assert list(wrong) == list(BROKEN) and len(set(wrong.values())) == 10
    contents = [(tmp_path / name).read_bytes() for name in wrong]
    assert max(map(len, contents)) < 200_000 and len(set(contents)) == 10


def test_the_watcher_refuses_all_ten_with_a_sentence_each_and_goes_on(xray, tmp_path):
    inbox, lines = tmp_path / "inbox", []
    write_broken(inbox)
    shade = np.linspace(0, 4000, 128 * 128).reshape(128, 128).astype(np.uint16)
    x_ray(shade, "sound").save_as(inbox / "11_sound.dcm", enforce_file_format=True)
    work = lambda path: process(xray[0], path, picture=False)  # noqa: E731
    counts = watch(inbox, work, tmp_path / "out", once=True, settle=0, every=0.02, log=lines.append)
    assert (counts.done, counts.refused) == (1, 10), lines
    reasons = [path.read_text() for path in (tmp_path / "out" / "quarantine").glob("*.txt")]
    assert len(reasons) == 10 and len(set(reasons)) >= 8
    assert not any("Error" in reason or "Drawn" in reason or ".." in reason for reason in reasons), reasons


def test_a_sound_one_is_standard(tool, tmp_path):
    x_ray(np.zeros((64, 64), np.uint16), "sound").save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert tool("dcmdump", tmp_path / "a.dcm").returncode == 0


def test_a_folder_that_cannot_be_written_is_told():
    with pytest.raises(InputError, match="cannot be written"):
        write_broken("/dev/null/there")
