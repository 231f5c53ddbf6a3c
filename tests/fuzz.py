"""Damaged and hostile files, thousands of them, through the decoders: python -m tests.fuzz --files 20000 [--seed N].

Seeds are made by arithmetic, of every kind that is read, and hold the data of a person that there never was. Each file
is one of them with bytes changed, cut out, doubled or taken from another. Of each it must become a Radiograph, or an
ImageError with one sentence of texts/imaging.py that repeats nothing of that person; whatever decoder ends is replaced.
Prints how many were read, refused with which sentence, and ended at which limit; exit status 1 where one did otherwise.
"""

from __future__ import annotations

import argparse
import collections
import io
import re
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pydicom
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.decoders import Decoders
from tests.test_imaging import BORN, NAME, NUMBER, dicom, encoded, ramp, written

SECRETS = (*NAME.split("^"), NUMBER, BORN)
MOST_BYTES = 1 << 20  # of a mutated file
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def seeds() -> dict[str, bytes]:
    """A small valid file of each kind."""
    found: dict[str, bytes] = {"explicit": written(dicom(WindowCenter=1024, WindowWidth=512, RescaleSlope="0.5"))}
    for name, syntax, plugin in (
        ("RLE", RLELossless, "pydicom"),
        ("JPEG 2000", JPEG2000Lossless, "pylibjpeg"),
        ("JPEG-LS", JPEGLSLossless, "pyjpegls"),
    ):
        data = dicom(WindowCenter=1024, WindowWidth=512)
        data.compress(syntax, encoding_plugin=plugin)
        found[name] = written(data)
    data = dicom(bits=8)
    data.PixelData = encapsulate([encoded(Image.fromarray(ramp(8)), "JPEG", quality=90)])
    data["PixelData"].VR, data.file_meta.TransferSyntaxUID = "OB", JPEGBaseline8Bit
    found["JPEG in DICOM"] = written(data)
    for name, syntax in (("implicit", ImplicitVRLittleEndian), ("big endian", ExplicitVRBigEndian)):
        data, file = dicom(), io.BytesIO()
        data.file_meta.TransferSyntaxUID = syntax
        if name == "big endian":
            data.PixelData = ramp().astype(">u2").tobytes()
        pydicom.dcmwrite(file, data, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
        found[name] = file.getvalue()
    data = dicom()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    found["deflated"] = written(data)
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 16], (np.arange(4096, dtype="<u2") * 16).tobytes()
    table["LUTData"].VR = "OW"
    data = dicom(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=4095)
    data.VOILUTSequence = [table]
    found["VOI LUT"] = written(data)
    colours = np.stack([ramp(8), ramp(8) // 2, 255 - ramp(8)], axis=-1)
    found["RGB"] = written(dicom(colours, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0))
    about = PngImagePlugin.PngInfo()
    about.add_text("Title", NAME, zip=True)
    about.add_itxt("Comment", NUMBER)
    for name, image in (
        ("PNG 8", Image.fromarray(ramp(8))),
        ("PNG 16", Image.fromarray(ramp(16))),
        ("PNG palette", Image.fromarray(colours).convert("P")),
        ("PNG RGBA", Image.fromarray(colours).convert("RGBA")),
    ):
        found[name] = encoded(image, "PNG", pnginfo=about, icc_profile=bytes(range(200)))
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, NAME
    found["JPEG"] = encoded(Image.fromarray(ramp(8)), "JPEG", exif=exif, comment=NUMBER)
    found["JPEG progressive"] = encoded(Image.fromarray(colours), "JPEG", progressive=True, exif=exif)
    found["JPEG CMYK"] = encoded(Image.fromarray(colours).convert("CMYK"), "JPEG")
    return found


def mutated(whole: dict[str, bytes], rng: np.random.Generator) -> bytes:
    """One file: a seed after one to four changes."""
    names = list(whole)
    data = bytearray(whole[names[rng.integers(len(names))]])
    is_png = data.startswith(b"\x89PNG")
    for _ in range(rng.integers(1, 5)):
        if len(data) < 16:
            break
        reach = len(data) if rng.random() < 0.4 else min(len(data), 1200)  # the head: where damage misleads a parser
        place = int(rng.integers(0, reach))
        size = int(2 ** rng.uniform(0, 9))
        kind = rng.integers(7)
        if kind == 0:
            data[place] = rng.integers(256)
        elif kind == 1:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:  # a length, a count or an offset that is beyond all bounds
            number = int(rng.choice(NUMBERS)) & ((1 << 32) - 1)
            form = rng.choice(["<I", ">I", "<H", ">H"])
            packed = struct.pack(form, number if form[1] == "I" else number & 0xFFFF)
            data[place : place + len(packed)] = packed
        elif kind == 3:
            del data[place : place + size]
        elif kind == 4:
            data[place:place] = data[place : place + size] * int(rng.integers(1, 9))
        elif kind == 5:
            other = whole[names[rng.integers(len(names))]]
            start = int(rng.integers(0, len(other)))
            data[place : place + size] = other[start : start + size]
        elif rng.random() < 0.3:
            del data[place:]
    if is_png and rng.random() < 0.7:
        data = _sealed(data)
    return bytes(data[:MOST_BYTES])


def _sealed(data: bytearray) -> bytearray:
    """A PNG whose checksums are right again, so that what lies under them is read."""
    place = 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(bytes(data[place + 4 : end])))
        place = end + 4
    return data


def sentences() -> dict[str, re.Pattern[str]]:
    """The templates of texts/imaging.py by their names."""
    found = {}
    for name, value in vars(texts.imaging).items():
        for key, text in value.items() if isinstance(value, dict) else [("", value)]:
            if name.isupper() and isinstance(text, str) and "{called}" in text:
                parts = re.split(r"\{\w+\}", text)
                found[f"{name} {key}".strip()] = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
    return found


@dataclass
class Outcomes:
    """What became of the files. wrong: what may not happen, with the number of the file."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    longest_s: float = 0.0

    def __str__(self) -> str:
        lines = [f"{count:7d}  {name}" for name, count in self.counts.most_common()]
        return "\n".join([*lines, f"longest: {self.longest_s:.1f} s", *self.wrong])


def hold(files: Iterator[tuple[int, bytes]], decoders: Decoders) -> Outcomes:
    """Send each (number, content) through the decoders and hold what comes of it to the rules."""
    outcomes, known, lock = Outcomes(), sentences(), threading.Lock()

    def judged(content: bytes) -> tuple[str, str]:
        """What it became, and what is wrong with that."""
        try:
            decoders.read(content, "'a file'")
            return "read", ""
        except ImageError as error:
            said = str(error)
        except Exception as error:
            return "other exception", repr(error)
        name = next((name for name, pattern in known.items() if pattern.fullmatch(said)), "no sentence of ours")
        if name in ("UNFORESEEN", "no sentence of ours"):
            return name, said
        return f"refused: {name}", said if any(secret in said for secret in SECRETS) else ""

    def work() -> None:
        while True:
            with lock:
                number, content = next(files, (-1, b""))
            if number < 0:
                return
            began = time.monotonic()
            name, wrong = judged(content)
            with lock:
                outcomes.counts[name] += 1
                outcomes.longest_s = max(outcomes.longest_s, time.monotonic() - began)
                if wrong:
                    outcomes.wrong.append(f"file {number}: {name}: {wrong}")

    workers = [threading.Thread(target=work) for _ in range(decoders.count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    outcomes.counts |= {f"ended: {limit}": count for limit, count in decoders.ended.items()}
    if len(decoders.processes) > decoders.count or any(process.poll() is not None for process in decoders.processes):
        outcomes.wrong.append("a decoder was not replaced")
    try:
        decoders.read(seeds()["explicit"], "'a film'")
    except ImageError as error:
        outcomes.wrong.append(f"a good film after them: {error}")
    return outcomes


def mutations(count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Each by its number and the seed alone."""
    whole = seeds()
    for number in range(count):
        yield number, mutated(whole, np.random.default_rng((seed, number)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    decoders = Decoders(count=asked.processes)
    outcomes = hold(mutations(asked.files, asked.seed), decoders)
    decoders.close()
    print(f"{asked.files} files, seed {asked.seed}\n{outcomes}")
    return 1 if outcomes.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
