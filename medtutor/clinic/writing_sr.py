"""DICOM Structured Report, TID 1500: what a model said, by class, with who said it and about which image."""

from collections.abc import Sequence
from typing import Any

from .codes import IMAGING
from .measured import Measured
from .readings import Reading
from .uids import uid_of
from .writing import MAKER, NOT_CLINICAL, Author, cleaned, finished, quietly, series_of


def report(reading: Reading, measured: Sequence[Measured], author: Author, seg: Any = None) -> Any:
    """A Comprehensive 3D SR with one group for each thing measured.

    measured  what the model said
    seg       the segmentation that it is about, if any
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    sources, _ = cleaned(reading)
    with quietly("structured report"):
        algorithm = hd.sr.AlgorithmIdentification(
            name=f"{author.model} on {author.title}", version=author.version, parameters=list(author.words)
        )
        device = hd.sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("device", author.hash),
            name=MAKER,
            manufacturer_name=MAKER,
            model_name=author.model,
            serial_number=author.hash[:32],
        )
        content = hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(
                observer_device_context=hd.sr.ObserverContext(
                    observer_type=codes.DCM.Device, observer_identifying_attributes=device
                )
            ),
            procedure_reported=IMAGING.dicom,
            imaging_measurements=[_group(each, reading, algorithm, author, seg) for each in measured],
            title=codes.DCM.ImagingMeasurementReport,
        )
        made = hd.sr.Comprehensive3DSR(
            evidence=[*sources, *([seg] if seg is not None else [])],
            content=content[0],
            is_complete=True,
            is_final=False,
            manufacturer=MAKER,
            **series_of("SR", sources[0], author),
        )
        made.ManufacturerModelName = f"{MAKER} {author.model}"[:64]
        made.DeviceSerialNumber, made.SoftwareVersions = author.hash[:32], author.version
        made.CompletionFlagDescription = NOT_CLINICAL
        return finished(made, "SR", reading, author)


def _group(each, reading, algorithm, author, seg):
    import highdicom as hd

    tracking = hd.sr.TrackingIdentifier(
        uid=uid_of("tracked", each.name, str(each.case), author.hash, *(uid for uid, _ in reading.instances)),
        identifier=each.title,
    )
    shared = {
        "tracking_identifier": tracking,
        "finding_type": each.finding.dicom,
        "algorithm_id": algorithm,
        "measurements": [hd.sr.Measurement(name=each.what.dicom, value=each.value, unit=each.unit.dicom)],
    }
    if seg is not None and each.segment is not None:
        about = [
            hd.sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID) for source in reading.sources
        ]
        return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=hd.sr.ReferencedSegment(
                sop_class_uid=seg.SOPClassUID,
                sop_instance_uid=seg.SOPInstanceUID,
                segment_number=each.segment,
                source_images=about,
            ),
            **shared,
        )
    return hd.sr.MeasurementsAndQualitativeEvaluations(source_images=_about(each, reading), **shared)


def _about(each, reading):
    """The images that a measurement is about: the frame of its case, or all of them."""
    import highdicom as hd

    by_uid = {str(source.SOPInstanceUID): source for source in reading.sources}
    if each.case is None:
        return [
            hd.sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)
            for source in reading.sources
        ]
    uid, frame = reading.instances[each.case]
    source = by_uid[uid]
    frames = [frame] if int(source.get("NumberOfFrames") or 1) > 1 else None
    return [hd.sr.SourceImageForMeasurementGroup(source.SOPClassUID, uid, frames)]
