"""The counts of films that were read twice, from a wheel of three films."""

import gzip
import importlib.util
import zipfile
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "count_two_readings.py"
NIH = "Image Index,Finding Labels\na.png,Pneumothorax|Mass\nb.png,No Finding\nc.png,Edema\nd.png,Mass\n"
READ = (
    "Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass\n"
    "a.png,NO,YES,NO,NO\nb.png,YES,NO,NO,NO\nc.png,NO,NO,YES,YES\n"
)


def test_what_is_counted_is_what_both_tables_have(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("count_two_readings", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    wheel = tmp_path / "small.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in ((tool.NIH, NIH), (tool.ADJUDICATED, READ)):
            archive.writestr(f"torchxrayvision/data/{name}", gzip.compress(text.encode()))
    tool.main(wheel)
    assert capsys.readouterr().out.splitlines() == [
        "finding,first,second,both,images",
        "pneumothorax,1,1,1,3",
        "nodule or mass,1,1,0,3",
        "airspace opacity,1,1,1,3",
        "any of these,2,3,2,3",
    ]
