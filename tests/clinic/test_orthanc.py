"""An Orthanc of one's own: it starts, answers, and is gone."""

import os

import pytest

from medtutor.clinic import orthanc as module
from medtutor.clinic.orthanc import missing, orthanc
from medtutor.clinic.pacs import PacsAway, connect
from medtutor.errors import InputError, MedtutorError

from .made import picture


def test_it_is_gone_afterwards_with_all_that_it_kept(fresh):
    connect(fresh.web).store([picture()])
    assert any(fresh.folder.rglob("*"))
    fresh.close()
    assert fresh.process.poll() is not None
    with pytest.raises(PacsAway, match="does not answer"):
        connect(fresh.web).echo()
    with pytest.raises(ProcessLookupError):
        os.kill(fresh.process.pid, 0)


def test_a_folder_of_ones_own_is_found_again(archive, tmp_path):
    one = picture()
    with orthanc(tmp_path / "kept") as first:
        assert connect(first.dicom).store([one]) == [True]
    with orthanc(tmp_path / "kept") as second:
        assert connect(second.dicom).store([one]) == [False]


def test_a_port_that_is_taken_is_told(archive, monkeypatch):
    port = int(archive.page.rpartition(":")[2])
    monkeypatch.setattr(module, "SECONDS", 5)
    with pytest.raises(MedtutorError, match="did not start"), orthanc(web_port=port):
        pass
    connect(archive.web).echo()


def test_where_it_is_not_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module, "PROGRAMS", ("no-such-program",))
    assert "apt-get install orthanc" in missing() and "work on a folder" in missing()
    with pytest.raises(InputError, match="on Binder and Colab"), orthanc():
        pass


@pytest.mark.parametrize("wrong", [{"dicom_port": -1}, {"web_port": 70000}, {"strangers": 1}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(InputError), orthanc(**wrong):
        pass
