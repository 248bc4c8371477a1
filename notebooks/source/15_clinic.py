# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Into the clinic: from a scanner's file to a report
#
# A model that is right on a benchmark is a function of an array. A hospital
# has files, an archive, and people who believe what stands in a report. In
# this lesson your model works between real systems, and you meet what goes
# wrong there while nobody is harmed.
#
# **You will be able to**
# 1. say why a file without a name in it may still name the patient, and check
#    a de-identification;
# 2. get from stored numbers to grey levels, and from a pixel to a place in the
#    patient;
# 3. refuse broken and unfit files before a network sees them;
# 4. write a model's answer as objects that an archive keeps, and say why a
#    correction needs an identifier of its own;
# 5. watch a model in service, and say what an alarm does not tell.
#
# About 80 minutes, of which the processor needs two.
# [Lesson 01](01_cnn_classification.ipynb) and
# [lesson 03](03_unet_and_descendants.ipynb) come first.
#
# | | |
# |---|---|
# | Images | PneumoniaMNIST (chest X-rays of children, CC BY 4.0) and slices of the hippocampus set (brain MRI, CC BY-SA 4.0), put into DICOM files by medtutor; an ultrasound loop and a CT slice that the package pydicom ships for its tests (MIT license, no other named). All patients' names are **made up** |
# | Source | Yang et al., *MedMNIST v2*, Scientific Data 10:41 (2023); Antonelli et al., Nature Communications 13:4128 (2022); pydicom |
# | Use | for teaching and research; **not for clinical use** |
#
# Without the files, drawn **phantoms** take the images' place, and every
# object says so.

# %%
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
import torch
from pydicom.data import get_testdata_file

import medtutor as mt
from medtutor import figures, review
from medtutor.clinic import as_input, open_dicom, process, read_images
from medtutor.clinic.wrapping import as_dicom, as_series
from medtutor.course import Prediction, Quiz, check
from medtutor.errors import InputError

# %% [markdown]
# ## Letters at the border
#
# **DICOM** is how scanners, archives and viewers exchange images: a header of
# numbered *elements* (name, date, scanner, …), and the pixels. Here is the
# loop of [lesson 04](04_rnn_and_time.ipynb), as the scanner stored it.

# %%
file = get_testdata_file("examples_ybr_color.dcm", download=False)
loop = pydicom.dcmread(file)
frames = loop.pixel_array


def grey(colours):
    return colours.mean(2).astype(np.uint8)


print(f"elements: {len(loop)}; patient's name: {loop.PatientName}")
figures.images(
    [grey(frames[0]), grey(frames[0, :36, :48])],
    ["the whole frame", "its top left corner"],
    "An ultrasound image of a heart; letters at its border, PLA on top.",
)

# %%
letters = Prediction(
    "15/letters",
    "You empty every element of the header that names the patient, a date, a "
    "place or a person. Which of the letters at the border are gone?",
    choices=["all", "those of the name", "none"],
)
letters

# %%
from medtutor.clinic.deidentify import Deidentifier

emptied = pydicom.dcmread(file)
for element in emptied:
    if element.VR in ("PN", "DA", "TM", "LO", "SH", "UI"):
        element.value = ""
same = (emptied.pixel_array == frames).all()
letters.reconcile(
    "none" if same else "all",
    "The header changed, and not one pixel did. The letters are burned in.",
)

# %% [markdown]
# **De-identification** therefore has to look at pixels, too. `Deidentifier`
# does what the standard's *Basic Profile* asks of each element (PS3.15, table
# E.1-1), also of private and nested ones; moves all dates by the same number of
# days; and blackens what looks like letters, or lies outside of the picture.

# %%
cleaned, black = Deidentifier().cleaned(loop)
print(f"blackened: {black:.0%}; name now: {cleaned.PatientName}")
print(f"PatientIdentityRemoved: {cleaned.PatientIdentityRemoved}")
figures.images(
    [grey(frames[0]), grey(cleaned.pixel_array[0])],
    ["before", "after"],
    "The same frame before and after de-identification: the letters at the "
    "border are black, the sector with the heart is left.",
)

# %% [markdown]
# `PatientIdentityRemoved` is a claim of whoever wrote the file. The proof is
# to plant identifiers that you know, and to search every byte of what comes
# out. Here are sixty, all made up, in a CT slice: in the usual elements, in
# comments, private elements, an overlay, behind the pixels, and burned in.

# %%
from dicognito.anonymizer import Anonymizer

from medtutor.clinic.planted import PLANTED, left_in, plant
from medtutor.clinic.uids import as_bytes


def planted():
    made = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    plant(made)
    return made


header_only, by_dicognito = planted(), planted()
header_only.PatientName, header_only.PatientID = "Anonymous", "1"
Anonymizer().anonymize(by_dicognito)

# %%
from medtutor.reports import Table

tries = {"name and number replaced": header_only,
         "dicognito": by_dicognito,
         "medtutor": Deidentifier().dataset(planted())}
found = {who: left_in(as_bytes(made)) for who, made in tries.items()}
rows = [[who, f"{len(left)} of {len(PLANTED)}", ", ".join(left[:4])]
        for who, left in found.items()]
Table(["de-identified by", "still there", "for example"], rows)

# %% [markdown]
# A search of bytes does not see letters that are drawn: for these a program
# that reads print looks at the pictures in our tests. And no tool sees that a
# rare disease on a given day is a name, too.
#
# ## What a stored number means
#
# The pixels of a CT are counts of the scanner's. A **rescale** makes them
# Hounsfield units (air -1000, water 0), and a **window** of centre $c$ and width
# $w$ makes those grey, from black to white (PS3.3, C.11.2.1.2):
#
# $$u = m\,s + b, \qquad g = \operatorname{clip}\!\Bigl(\frac{u - (c - 0.5)}{w - 1} + 0.5,\ 0,\ 1\Bigr)$$

# %%
def windowed(stored, slope, intercept, centre, width):
    """stored (H, W) -> grey levels, 0 to 1, (H, W)"""
    ### BEGIN SOLUTION
    units = stored * slope + intercept
    return ((units - (centre - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    ### END SOLUTION

# %%
check.windowed(windowed)

# %%
ct = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
hu = read_images(ct).frames[0]
print(f"stored {ct.pixel_array.min()} to {ct.pixel_array.max()}, "
      f"that is {hu.min():.0f} to {hu.max():.0f} HU")
windows = {"soft tissue": (40, 400), "lung": (-600, 1500), "bone": (400, 1800)}
figures.images(
    [np.uint8(np.clip((hu - c + 0.5) / (w - 1) + 0.5, 0, 1) * 255)
     for c, w in windows.values()], list(windows),
    "One CT slice in three windows: soft tissue, lung, bone. Each shows what "
    "the others hide.",
)

# %% [markdown]
# ### A negative
#
# In some radiographs the lowest number is *white*: the header says
# MONOCHROME1. Some libraries turn such images over as they read them, others
# hand out the numbers as they are. Train with one kind and serve with the
# other, and no error is raised.

# %%
xray = mt.load("pneumoniamnist")
DRAWN = "PHANTOM: " * xray.is_phantom
recipe = mt.default_recipe(xray.card, epochs=3)
run = mt.fit(mt.build("cnn", xray), xray, recipe)
print(f"{DRAWN}val AUC {run.val.auc:.3f}")

# %%
negative = Prediction(
    "15/negative",
    "The same network is shown the validation images as negatives. Its AUC?",
    low=0.0, high=1.0, step=0.01,
)
negative

# %%
from medtutor.metrics import measure

wrong = run.predict(255 - xray.val.images)
turned = measure(xray.val.labels, wrong, xray.card.task)
negative.reconcile(
    turned.auc, f"{DRAWN}It still ranks: outlines stay outlines. Answers that "
    "look reasonable are the danger; a crash would be found on the first day.",
)

# %%
image = xray.val.images[0, 0].numpy()
stored = as_dicom(image, xray.card, 0, negative=True)
for reader, pixels in {"pydicom's pixel_array": stored.pixel_array,
                       "read_images": read_images(stored).frames[0]}.items():
    alike = np.corrcoef(image.ravel(), pixels.ravel())[0, 1]
    print(f"{reader}: correlation with the image {alike:+.2f}")

# %% [markdown]
# ## Where is it?
#
# A pixel becomes a place by three elements: the position of the first pixel's
# centre $p$, the directions along a row $r$ and down a column $d$, and the
# spacing between rows $s_1$ and columns $s_2$. DICOM's axes run to the patient's
# left, back (posterior) and head (superior): **LPS**. NIfTI's run to the
# right, front (anterior) and head: **RAS**. Whoever mixes them up swaps left and right.
#
# $$x_{\text{LPS}} = p + r\,s_2\,\text{column} + d\,s_1\,\text{row}$$

# %%
def position_ras(origin, orientation, spacing, row, column):
    """origin (3,) in LPS, orientation (6,): r, then d -> RAS (3,)"""
    ### BEGIN SOLUTION
    along, down = orientation[:3], orientation[3:]
    place = origin + along * spacing[1] * column + down * spacing[0] * row
    return place * np.array([-1, -1, 1])
    ### END SOLUTION

# %%
check.position_ras(position_ras)

# %% [markdown]
# A series is a pile of files in no order, whose names mean nothing. What if
# one is lost on the way?

# %%
mri = mt.load("hippocampus")
first = mri.val.patients == mri.val.patients[0]
volume = mri.val.images[first][:, 0].numpy()  # to the right, front, head
series = as_series(volume, mri.card)
shuffled = [series[k] for k in torch.randperm(len(series)).tolist()]
print("shuffled:", read_images(shuffled).affine[:3, 3])
try:
    read_images(series[:10] + series[11:])
except InputError as error:
    print("one lost:", error)

# %% [markdown]
# ## Files that are broken
#
# A header *declares* how large its picture is. Memory is asked for, and pixels
# are read, by what it declares; so first hold it against what is there. How many
# bytes must an uncompressed file hold? One bit a pixel (a mask) is packed,
# eight to a byte, across rows and frames; and every value has an even length.

# %%
def pixel_bytes(rows, columns, frames, samples, bits):
    """The bytes of all pixels of a file, by its header"""
    ### BEGIN SOLUTION
    total = -(-rows * columns * frames * samples * bits // 8)
    return total + total % 2
    ### END SOLUTION

# %%
check.pixel_bytes(pixel_bytes)

# %%
refused = Prediction(
    "15/refused",
    "Ten files come in, each with something wrong. How many does pydicom "
    "read, header and pixels, without an error?",
    low=0, high=10, step=1,
)
refused

# %%
from contextlib import suppress
from medtutor.clinic.broken import write_broken

place = Path(tempfile.mkdtemp())
wrong_in = write_broken(place)


def pydicom_reads(path):
    with suppress(Exception):
        return pydicom.dcmread(path, force=True).pixel_array is not None


read = {name: bool(pydicom_reads(place / name)) for name in wrong_in}
refused.reconcile(sum(read.values()), "A reader reads. Whether a file is "
                  "fit for a model is for you to ask.")

# %%
rows = []
for name, what in wrong_in.items():
    try:
        seen = as_input(read_images(place / name), run)
        said = "; ".join(seen.sentences) or "nothing"
    except InputError as error:
        said = f"refused: {error}"
    rows.append([what, "reads it" if read[name] else "error", said])
Table(["what is wrong", "pydicom", "medtutor"], rows)

# %% [markdown]
# ## From an X-ray to a report
#
# What leaves the model must be understood by systems that have never heard
# of it: a **structured report** (DICOM SR, template TID 1500) with codes from
# published code systems, a picture that any viewer shows (*Secondary Capture*),
# for a segmentation a **SEG**, and for the hospital's other systems a
# DiagnosticReport of **FHIR** (R4B).

# %%
from medtutor.explanation.familiar import known

usual = known(run, xray.val.images)
case = as_dicom(xray.test.images[3], xray.card, 3)
answer = process(run, case, usual)
for made in answer.objects:
    print(made.Modality, "|", made.SeriesDescription)
for each in answer.measured:
    print(each.name, each.value, each.finding.system, each.finding.value)
figures.images([grey(answer.objects[-1].pixel_array)], ["for viewers"],
               "The picture that goes to the archive: the X-ray, where the "
               "network looked, and the words NOT FOR CLINICAL USE.",
               phantom=xray.is_phantom)

# %%
report = answer.fhir["entry"][0]["resource"]
print(report["resourceType"], "|", report["status"], "|",
      report["code"]["coding"][0]["display"])
for entry in answer.fhir["entry"][1:]:
    print("  with", entry["resource"]["resourceType"])

# %% [markdown]
# Every object names the model by the hash of its weights, and is *preliminary*:
# a machine has spoken, and nobody has signed. Its identifier is a function of
# input, model and content. The same input gives the same object, byte for byte;
# another answer gives another identifier.

# %%
from medtutor.data.subsets import some_of

again = process(run, case, usual).objects[0]
few = some_of(xray, 500)
other = mt.fit(mt.build("cnn", few, seed=1), few, recipe.but(epochs=1))
corrected = process(other, case, usual).objects[0]
one = answer.objects[0]
print("same input, same object:", as_bytes(one) == as_bytes(again))
print("another model, the same identifier:",
      one.SOPInstanceUID == corrected.SOPInstanceUID)

# %% [markdown]
# ### A mask, and grey levels without a unit
#
# Hounsfield units mean the same on every CT. The grey levels of an MRI mean
# nothing outside of their own scan, so a pipeline stretches each volume, as
# this set's were once. Then the stretched volume comes as DICOM, and is
# stretched again.

# %%
unit = Prediction(
    "15/unit",
    "A U-Net segments the same volume, straight from the set and by way of "
    "DICOM. The Dice by way of DICOM is",
    choices=["the same", "lower"],
)
unit

# %%
unet = mt.fit(mt.build("unet", mri), mri,
              mt.default_recipe(mri.card, epochs=2))
straight = unet.predict(mri.val.images[first]).argmax(1).numpy()
found = process(unet, series, picture=False)
by_dicom = found.masks.transpose(2, 1, 0)[::-1, ::-1]  # back to (R, A, S)
truth = mri.val.masks[first].numpy()

# %%
def dice(mask):
    both = ((mask > 0) & (truth > 0)).sum()
    return 2 * both / ((mask > 0).sum() + (truth > 0).sum())


lower = dice(straight) - dice(by_dicom) > 0.005
unit.reconcile("lower" if lower else "the same",
               f"{DRAWN}{dice(straight):.3f} and {dice(by_dicom):.3f}: "
               "geometry survived, brightness did not.")

# %% [markdown]
# And the geometry? Frames of a SEG may stand in any order, which each frame
# states for itself. Whoever takes frame $k$ for slice $k$:

# %%
seg = found.objects[0]
heights = [float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
           for frame in seg.PerFrameFunctionalGroupsSequence]
print(f"{len(seg.pixel_array)} frames for {len(found.masks)} slices; "
      f"the first lie at {heights[:4]} mm")
naive, mask = seg.pixel_array[:len(found.masks)] > 0, found.masks > 0
both = 2 * (naive & mask).sum() / (naive.sum() + mask.sum())
print(f"{DRAWN}Dice of frame k with slice k: {both:.2f}")

# %% [markdown]
# ## An archive
#
# A **PACS** keeps a hospital's images. Orthanc is a real one, free and small:
# on Debian, `apt-get install orthanc orthanc-dicomweb`. Where it is not
# installed (Binder, Colab), a folder takes its place here.

# %%
from medtutor.clinic.orthanc import missing, orthanc
from medtutor.clinic.pacs import connect
from medtutor.clinic.watch import watch

inbox, out = place / "in", place / "out"
inbox.mkdir()
for k in range(8):
    scan = as_dicom(xray.test.images[k], xray.card, k)
    (inbox / f"{k}.dcm").write_bytes(as_bytes(scan))
torn = as_bytes(as_dicom(image, xray.card, 99))[:900]
(inbox / "torn.dcm").write_bytes(torn)
print(missing() or "Orthanc is here")

# %% [markdown]
# `watch` (on the command line `medtutor clinic watch`) processes what arrives,
# puts what is broken aside with the reason, and keeps a journal, so that after
# a crash nothing is lost and nothing is done twice.

# %%
def reported(path):
    return process(run, path, usual, picture=False)


start = time.perf_counter()
done = watch(inbox, reported, out, once=True, settle=0, log=print)
print(done, f"| {time.perf_counter() - start:.1f} s")

# %%
replaced = Prediction(
    "15/replaced",
    "A report is in the archive. You find a mistake and send a corrected one "
    "under the same identifier; the archive answers 'success'. It now holds",
    choices=["the first", "the corrected one", "both"],
)
replaced

# %%
def sent_twice(archive):
    """What an archive says to the second, and what it holds then."""
    scan, pacs = as_dicom(image, xray.card, 98), connect(archive.dicom)
    pacs.store([scan])
    scan.ImageComments = "corrected"
    said = without_looking(archive, scan)
    there = pacs.find("instance", SOPInstanceUID=scan.SOPInstanceUID)
    held = open_dicom(pacs.retrieve(there[0]))
    return said, held.ImageComments

# %% [markdown]
# `store` of this package looks first, and refuses. So here the message goes out
# without looking, as most senders do:

# %%
from urllib.parse import urlsplit

from pynetdicom import AE


def without_looking(archive, scan):
    sender = AE(ae_title="MEDTUTOR")
    sender.add_requested_context(scan.SOPClassUID, "1.2.840.10008.1.2.1")
    line = sender.associate("127.0.0.1", urlsplit(archive.dicom).port,
                            ae_title="ORTHANC")
    status = line.send_c_store(scan)
    line.release()
    return "success" if status.Status == 0 else hex(status.Status)

# %%
if missing() is None:
    with orthanc() as archive:
        said, held = sent_twice(archive)
    print(f"the archive says {said}; it holds: {held!r}")
else:
    print("measured with Orthanc 1.10.1: success, and the first is kept")
replaced.reconcile("the first", "An instance never changes: that is what its "
                   "identifier promises. A correction is a new instance.")

# %% [markdown]
# ## A deadline
#
# The loop has 30 frames a second: 33.3 ms from one to the next, for decoding,
# the network, its map and the overlay together. The X-ray network stands in for one of
# the heart here; only its time counts.

# %%
from medtutor.explanation import overlay
from medtutor.training.prediction import predict_logits


def all_of_it(image):
    """17 moved views of the image, as in the lessons, and a map"""
    run.predict(image[None])
    overlay(image, mt.explain(run, image, "saliency", target=1).map)


ways = {"17 views, and a map": all_of_it,
        "one view, and a map": lambda image: overlay(
            image, mt.explain(run, image, "saliency", target=1).map),
        "one view": lambda image: predict_logits(run.model, image[None]),
        "only decoding": lambda image: None}

# %%
rows = []
for way, answer_to in ways.items():
    spent, start = [], time.perf_counter()
    for frame in pydicom.pixels.iter_pixels(file):
        one = torch.from_numpy(frame).float().mean(2)[None, None]
        one = torch.nn.functional.interpolate(one, (28, 28), mode="area")
        answer_to(one[0].to(torch.uint8))
        spent.append(1000 * (time.perf_counter() - start))
        start = time.perf_counter()
    late = sum(each > 33.3 for each in spent)
    rows.append([way, f"{np.median(spent):.1f}", f"{max(spent):.1f}", late])
Table(["for each frame", "median ms", "slowest", "late of 30"], rows)

# %% [markdown]
# Not the mean counts but the slowest frame; and what is added for accuracy or for
# trust has its price in time.
#
# ## In service
#
# A model is put beside the traffic first, asked and not shown: a **silent run**.
# Then it is watched. Truth comes late or never, so follow what is at hand: scores,
# features, brightness, sharpness. **CUSUM** (Page 1954) adds up how far each value
# $x_t$ lies above the mean $\mu$ and a slack $k$, never falls below zero, and raises an
# alarm above $h$:
#
# $$S_t = \max(0,\ S_{t-1} + x_t - \mu - k)$$

# %%
def cusum_alarm(values, mean, slack, threshold):
    """The number of the first value with an alarm, from 0; -1: none"""
    ### BEGIN SOLUTION
    total = 0.0
    for number, value in enumerate(values):
        total = max(0.0, total + float(value) - mean - slack)
        if total > threshold:
            return number
    return -1
    ### END SOLUTION

# %%
check.cusum_alarm(cusum_alarm)

# %% [markdown]
# The threshold is chosen *before*, by how many false alarms you can bear. Then a
# scanner is replaced by a noisier one, or more of the children are ill. Try both:

# %%
from medtutor.explorers import monitor

monitor(run, xray)

# %%
from medtutor.clinic.monitoring import silent_run

scores = run.predict(xray.val.images)[:, 1].numpy()
print(f"{DRAWN}{silent_run(scores, xray.val.labels.numpy())}")

# %% [markdown]
# An alarm says that something is otherwise. Not what: a rise of the mean score is
# a new scanner, a new season, or a worse model. And not whether answers are worse.
# So decide beforehand what follows: who looks, at which cases, and when the model
# goes back to the one before (`clinic.monitoring.InService` keeps that list).
#
# ## What the review says and what we measured
#
# The review's last direction is to integrate deep learning with existing healthcare
# frameworks. We asked two questions of it.

# %%
review.claim("integration-possible-with-standards")

# %%
review.claim("drift-noticed-in-time")

# %% [markdown]
# ## Where it fails
#
# - Nothing here was tried in a hospital: no real network, no real workload, no
#   radiologist who is interrupted by an alarm.
# - Files in DICOM made from 28 x 28 pixels are not what a scanner writes.
# - De-identified is not anonymous: a face can be drawn from a head's MRI, and a
#   network may recognise an X-ray ([lesson 12](12_privacy.ipynb)).
# - What people make of a machine's hint is no matter of formats
#   ([lesson 13](13_fairness.ipynb)).
#
# ## Quiz

# %%
Quiz("15_clinic")

# %% [markdown]
# ## Key points
#
# - A name may stand in the header, in private elements, behind the pixels and in
#   them. Plant what you know, and search every byte.
# - Rescale, window, MONOCHROME1, LPS: an error there is silent, and your scores look
#   reasonable.
# - Hold what a header declares against what is there, before memory is asked for.
# - An instance never changes. A correction is a new one.
# - Choose the false alarms beforehand. An alarm is a question.
#
# ## References
#
# - Antonelli M. et al., *The Medical Segmentation Decathlon*, Nature Communications
#   13:4128 (2022).
#   [doi:10.1038/s41467-022-30695-9](https://doi.org/10.1038/s41467-022-30695-9)
# - Bridge C. P. et al., *Highdicom: a Python library for standardized encoding of
#   image annotations and machine learning model outputs in pathology and radiology*,
#   Journal of Digital Imaging 35:1719 (2022).
#   [doi:10.1007/s10278-022-00683-y](https://doi.org/10.1007/s10278-022-00683-y)
# - Jodogne S., *The Orthanc ecosystem for medical imaging*, Journal of Digital
#   Imaging 31:341 (2018).
#   [doi:10.1007/s10278-018-0082-y](https://doi.org/10.1007/s10278-018-0082-y)
# - Page E. S., *Continuous inspection schemes*, Biometrika 41:100 (1954).
#   [doi:10.1093/biomet/41.1-2.100](https://doi.org/10.1093/biomet/41.1-2.100)
# - Shobayo O., Saatchi R., *Developments in deep learning artificial neural
#   network techniques for medical image analysis and interpretation*,
#   Diagnostics 15(9):1072 (2025): the review that this course accompanies.
#   [doi:10.3390/diagnostics15091072](https://doi.org/10.3390/diagnostics15091072)
# - Yang J. et al., *MedMNIST v2*, Scientific Data 10:41 (2023).
#   [doi:10.1038/s41597-022-01721-8](https://doi.org/10.1038/s41597-022-01721-8)
