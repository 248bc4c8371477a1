"""How the runtime in medtutor/pages/onnxruntime_web came there.

    pip install zopfli && python tools/fetch_onnxruntime_web.py

It needs npm and the network, and takes about three minutes: zopfli packs the WebAssembly 4 % smaller than gzip does,
which is 0.2 MB of every page. The files are those that Microsoft publishes, checked by their SHA-256.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = "1.30.0"
FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
HOME = Path(__file__).parent.parent / "medtutor" / "pages" / "onnxruntime_web"


def main():
    import zopfli.gzip

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", f"onnxruntime-web@{VERSION}"], cwd=folder, check=True, capture_output=True)
        with tarfile.open(Path(folder) / f"onnxruntime-web-{VERSION}.tgz") as archive:
            for name, sha256 in FILES.items():
                content = archive.extractfile(f"package/dist/{name}").read()
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise SystemExit(f"{name} is not the file that was looked at")
                packed = zopfli.gzip.compress(content, numiterations=5)
                (HOME / f"{name}.gz").write_bytes(packed)
                print(f"{name}: {len(content):,} bytes, packed {len(packed):,}")


if __name__ == "__main__":
    main()
