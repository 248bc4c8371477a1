"""What a run was trained on against what it gets: modality, body part, colours."""

from ..data.card import Card
from ..errors import InputError
from .readings import Reading

# Words in a card's modality, and the codes that DICOM has for what makes such images (part 3, C.7.3.1.1.1).
CODES = {
    "X-ray": ("CR", "DX", "RG", "RF"),
    "CT": ("CT",),
    "MRI": ("MR",),
    "MRA": ("MR",),
    "cine": ("MR", "US", "XA"),
    "ultrasound": ("US", "IVUS"),
    "OCT": ("OPT",),
    "fundus": ("OP",),
    "dermatoscope": ("DMS", "XC"),
    "pathology": ("SM", "GM"),
    "microscope": ("SM", "GM"),
}
PARTS = {"chest": ("CHEST", "THORAX", "LUNG"), "abdominal": ("ABDOMEN", "LIVER", "CHESTABDPELVIS", "ABDOMENPELVIS")}
PARTS |= {"breast": ("BREAST",), "brain": ("BRAIN", "HEAD"), "cardiac": ("HEART", "CHEST")}
UNSAID = ("", "OT", "SC")  # codes that say nothing of what made an image


def codes_of(card: Card) -> tuple[str, ...]:
    """The modality codes of the images that a card's data set holds; () where nothing is known of them.

    >>> from medtutor.data import card
    >>> codes_of(card("pneumoniamnist")), codes_of(card("organamnist"))
    (('CR', 'DX', 'RG', 'RF'), ('CT',))
    """
    words = card.modality.replace(",", " ").split()
    return next((codes for word, codes in CODES.items() if word in words), ())


def compared(reading: Reading, card: Card) -> list[str]:
    """In what a reading differs from a run's data set, as sentences. Raises `InputError` for another modality, and for
    sets that hold no images of a scanner.
    """
    if card.modality.startswith("shape from") or card.modality.startswith("two marks"):
        raise InputError(
            f"the run was trained on {card.title}: {card.modality}, which no scanner writes; choose a run on images"
        )
    words, codes = [], codes_of(card)
    if codes and reading.modality in UNSAID:
        words.append(f"the file does not say what made the images; the run was trained on {card.modality}")
    elif codes and reading.modality not in codes:
        raise InputError(
            f"the images are of modality {reading.modality}, but the run was trained on {card.modality}"
            f" ({' or '.join(codes)}); choose a run for {reading.modality}, or other images"
        )
    part = str(reading.sources[0].get("BodyPartExamined") or "").upper() if reading.sources else ""
    wanted = next((parts for word, parts in PARTS.items() if word in card.modality.split()), ())
    if part and wanted and not any(word in part for word in wanted):
        words.append(f"the file names another part of the body than {wanted[0].lower()}, which the run was trained on")
    if reading.colour and card.channels == 1:
        words.append("colours were converted to grey, as the run was trained on")
    if not reading.colour and card.channels == 3:
        words.append("the images are grey; the run was trained on colours")
    return words
