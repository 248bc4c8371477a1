"""What stands in for a model in the watcher's tests, where it is a matter of files; importable by child processes."""

import io
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

from pydicom import dcmread
from pydicom.uid import generate_uid

import medtutor.clinic.intake as intake
import medtutor.clinic.watch as module
from medtutor.clinic.journal import Journal
from medtutor.clinic.opening import open_dicom
from medtutor.clinic.watch import watch
from medtutor.errors import InputError


def process(path):
    """An object under a new UID, the same for the same file; refuses what is no CT."""
    dataset = open_dicom(path)
    if dataset.get("Modality") != "CT":
        raise InputError("the model was trained on CT and this is none; give it a CT")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, generate_uid(entropy_srcs=["result", dataset[keyword].value]))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Modality = "OT"
    return SimpleNamespace(objects=[dataset], fhir={"resourceType": "Bundle"})


def careless(path):
    """As `process`, but its object has another UID each time: a second result of one file would be seen."""
    result = process(path)
    result.objects[0].SOPInstanceUID = result.objects[0].file_meta.MediaStorageSOPInstanceUID = generate_uid()
    time.sleep(0.003)
    return result


STEPS = {
    module: ["write_whole", "_put", "_made", "identified"],
    intake: ["move", "identified"],
    Journal: ["begin", "done", "sent", "take"],
}


class Sink:
    """A PACS that writes down what it gets, a file each: source of the object, its UID."""

    def __new__(cls, folder):
        from medtutor.clinic.pacs import Pacs

        class _Sink(Pacs):
            def store(self, objects):
                for each in objects:
                    dataset = dcmread(io.BytesIO(Path(each).read_bytes()))
                    line = f"{dataset.PatientComments} {dataset.SOPInstanceUID}\n"
                    descriptor = os.open(folder / "got", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                    os.write(descriptor, line.encode())
                    os.close(descriptor)
                    time.sleep(0.001)
                return [True for _ in objects]

        return _Sink(str(folder))


def slowly(step):
    """The step with a little time before and after it: a kill then meets each moment between two steps as likely."""

    def slow(*arguments, **options):
        time.sleep(0.002)
        result = step(*arguments, **options)
        time.sleep(0.002)
        return result

    return slow


def child(inbox, out, sink, ready):
    """A watcher that goes on until it is killed; `ready` is set when it has loaded all that it needs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for place, names in STEPS.items():
        for name in names:
            setattr(place, name, slowly(getattr(place, name)))
    ready.set()
    watch(inbox, careless, out, send=Sink(sink), every=0.02, settle=0, log=lambda line: None)
