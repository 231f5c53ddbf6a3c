"""From uploaded bytes to one radiograph: every kind of file that readers bring, and what is said about the others.

The files are made here, by pydicom's, pylibjpeg's and Pillow's own encoders.
"""

import datetime
import io
import struct
import zlib
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

from priorrg.errors import ImageError
from priorrg.imaging.open import read_radiograph, read_trusted

NAME, NUMBER, BORN = "ROENTGEN^WILHELM", "PAT-18450327", "18450327"


def ramp(bits: int = 12, signed: bool = False) -> np.ndarray:
    """(80, 96): every column brighter than the one before, over the whole range of `bits`."""
    values = np.linspace(0, (1 << bits) - 1, 96).round().astype(np.int64)
    values = np.tile(values - ((1 << (bits - 1)) if signed else 0), (80, 1))
    return values.astype((np.int16 if signed else np.uint16) if bits > 8 else (np.int8 if signed else np.uint8))


def dicom(pixels: np.ndarray | None = None, bits: int = 12, **changes: Any) -> FileDataset:
    """A radiograph with a person's data in it; `changes` are DICOM keywords, None removes one."""
    pixels = ramp(bits) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["a test image"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, NUMBER, BORN
    data.Modality, data.StudyDate, data.ViewPosition = "DX", "20240229", "AP"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = pixels.dtype.itemsize * 8, bits, bits - 1
    data.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    data.PixelData = pixels.tobytes()
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    return data


def written(data: FileDataset) -> bytes:
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refusal(content: bytes, name: str = "upload") -> str:
    """The sentence with which the file is refused; it never repeats who the patient is."""
    with pytest.raises(ImageError) as refused:
        read_radiograph(content, name)
    message = str(refused.value)
    assert message.endswith(".") and len(message) < 300
    assert not any(secret in message for secret in (NAME, "ROENTGEN", NUMBER, BORN))
    return message


def rises(pixels: np.ndarray) -> bool:
    return bool((np.diff(pixels[40].astype(int)) > 0).all())


# DICOM


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_dicom_keeps_its_depth(bits):
    radiograph = read_radiograph(written(dicom(bits=bits)))
    assert np.array_equal(radiograph.pixels, ramp(bits))
    assert (radiograph.bits, radiograph.source) == (bits, "DICOM")


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_values_keep_their_order(bits):
    radiograph = read_radiograph(written(dicom(ramp(bits, signed=True), bits)))
    assert rises(radiograph.pixels) and radiograph.pixels.min() == 0


@pytest.mark.parametrize(
    ("syntax", "plugin"), [(RLELossless, "pydicom"), (JPEG2000Lossless, "pylibjpeg")], ids=["RLE", "JPEG 2000"]
)
def test_compressed_dicom_is_read_without_loss(syntax, plugin):
    data = dicom()
    data.compress(syntax, encoding_plugin=plugin)
    assert np.array_equal(read_radiograph(written(data)).pixels, ramp())


def test_jpeg_inside_dicom_is_read():
    data = dicom(bits=8)
    data.PixelData = encapsulate([encoded(Image.fromarray(ramp(8)), "JPEG", quality=95)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    pixels = read_radiograph(written(data)).pixels
    assert np.abs(pixels.astype(int) - ramp(8)).max() <= 6  # JPEG at quality 95 is off by a few levels


@pytest.mark.parametrize("implicit", [True, False])
def test_dicom_is_known_by_its_content_without_name_preamble_or_file_meta(implicit):
    data = dicom()
    del data.file_meta
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    bare = file.getvalue()[132:] if file.getvalue()[128:132] == b"DICM" else file.getvalue()
    assert np.array_equal(read_radiograph(bare, "IM00001").pixels, ramp())


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_uncompressed_transfer_syntax_is_read(syntax):
    data = dicom()
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = ramp().astype(">u2").tobytes()
    file = io.BytesIO()
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    pydicom.dcmwrite(file, data, implicit_vr=implicit, little_endian=little)
    assert np.array_equal(read_radiograph(file.getvalue()).pixels, ramp())


@pytest.mark.parametrize(
    ("stored", "view"), [("PA", "PA"), ("ap", "AP"), ("LL", "LATERAL"), ("RL", "LATERAL"), ("XX", "unk"), (None, "unk")]
)
def test_view_position_is_read(stored, view):
    assert read_radiograph(written(dicom(ViewPosition=stored))).view_position == view


@pytest.mark.parametrize(
    ("stored", "date"),
    [("20240229", datetime.date(2024, 2, 29)), ("2024.02.29", datetime.date(2024, 2, 29)), ("", None), (None, None)],
)
def test_study_date_is_read(stored, date):
    assert read_radiograph(written(dicom(StudyDate=stored))).study_date == date


def test_nothing_that_identifies_a_person_is_kept():
    radiograph = read_radiograph(written(dicom()), "export.dcm")
    kept = repr([getattr(radiograph, name) for name in radiograph.__dataclass_fields__])
    assert not any(secret in kept for secret in (NAME, "ROENTGEN", NUMBER, BORN))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"NumberOfFrames": 120}, "holds 120 frames"),
        ({"PixelData": None}, "says that it is a radiograph (modality DX) and holds no image"),
        ({"PixelData": None, "Modality": "SR"}, "without an image (modality SR)"),
        ({"PixelData": None, "Modality": None}, "without an image (modality not stated)"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}, "damaged or cut short"),
        ({"PhotometricInterpretation": "HSV"}, "as no radiograph does"),
        ({"Rows": 60000, "Columns": 60000}, "60000 x 60000"),
        ({"Rows": 6000, "Columns": 6000, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "pixels in colour"),
        ({"Rows": 20, "Columns": 20}, "only 20 x 20"),
        ({"PixelData": ramp().tobytes()[:5000]}, "damaged or cut short"),
        ({"PixelData": np.full_like(ramp(), 7).tobytes()}, "one flat tone"),
        ({"BitsAllocated": 13}, "as no radiograph does"),
    ],
    ids=[
        "frames",
        "no image",
        "a report",
        "no radiograph",
        "colour that is none",
        "unknown colour",
        "bomb",
        "bomb in colour",
        "tiny",
        "cut",
        "flat",
        "bits",
    ],
)
def test_dicom_that_is_no_readable_radiograph_is_refused_with_its_reason(changes, part):
    assert part in refusal(written(dicom(**changes)), "study.dcm")


@pytest.mark.parametrize("preamble", [b"\0" * 128, b"II*\0\x08\0\x08\0".ljust(128, b"\0")], ids=["plain", "of a TIFF"])
def test_a_deflated_file_is_unpacked(preamble):
    data = dicom()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.preamble = preamble  # a file may be TIFF as well (PS3.10 7.1)
    assert np.array_equal(read_radiograph(written(data)).pixels, ramp())


def test_a_deflated_file_unpacks_within_a_bound(monkeypatch):
    """A hundred kilobytes of it may hold a hundred megabytes."""
    monkeypatch.setattr("priorrg.imaging.dicom.MAX_INFLATED", 10_000)
    data = dicom()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(ImageError, match="unpacks to more than"):
        read_trusted(written(data))  # in this process, where the bound was set


def test_a_deflated_file_that_is_cut_short_is_refused():
    data = dicom()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert "damaged or cut short" in refusal(written(data)[:-40])


@pytest.mark.parametrize("syntax", [None, RLELossless], ids=["plain", "compressed"])
def test_a_file_that_is_cut_short_is_called_that_wherever_it_ends(syntax):
    data = dicom()
    if syntax:
        data.compress(syntax, encoding_plugin="pydicom")
    whole = written(data)
    for end in (140, 300, 500, 700, 900, len(whole) // 2, len(whole) - 200):
        assert "cut short" in refusal(whole[:end])


def test_a_coded_view_position_and_another_part_of_the_body_are_read():
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "R-10214", "SRT", "postero-anterior"
    film = read_radiograph(written(dicom(ViewPosition="", ViewCodeSequence=[view], BodyPartExamined="HAND")))
    assert film.view_position == "PA"
    assert film.header is not None and film.header.body_part == "HAND"


def test_a_colour_dicom_is_read_by_its_brightness_and_said():
    colours = np.stack([ramp(8), ramp(8) // 2, 255 - ramp(8)], axis=-1).astype(np.uint8)
    data = dicom(colours, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    film = read_radiograph(written(data))
    grey = np.asarray(Image.fromarray(colours).convert("L")).astype(int)
    assert np.abs(film.pixels - grey).max() <= 1
    assert any("colour image" in note for note in film.notes)


def test_damaged_dicom_never_becomes_anything_but_a_sentence():
    """A thousand files with flipped bytes and cut ends: each is read, or refused by name."""
    rng = np.random.default_rng(0)
    whole = {"plain": written(dicom(WindowCenter=1024, WindowWidth=512))}
    for syntax, plugin in ((RLELossless, "pydicom"), (JPEG2000Lossless, "pylibjpeg")):
        data = dicom(WindowCenter=1024, WindowWidth=512)
        data.compress(syntax, encoding_plugin=plugin)
        whole[syntax.name] = written(data)
    outcomes = {"read": 0, "refused": 0}
    for content in whole.values():
        for _ in range(340):
            damaged = bytearray(content)
            reach = min(len(damaged), 900)  # the header: where damage misleads a parser
            for place in rng.integers(132, reach, rng.integers(1, 8)):
                damaged[place] = rng.integers(256)
            if rng.random() < 0.3:
                damaged = damaged[: rng.integers(140, len(damaged))]
            try:
                read_radiograph(bytes(damaged), "damaged.dcm")
                outcomes["read"] += 1
            except ImageError as error:
                assert NAME not in str(error)
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 100


# PNG and JPEG


def test_png_of_16_bits_keeps_them():
    radiograph = read_radiograph(encoded(Image.fromarray(ramp(16)), "PNG"))
    assert np.array_equal(radiograph.pixels, ramp(16))
    assert (radiograph.bits, radiograph.source, radiograph.view_position) == (16, "PNG", "unk")


def test_12_bits_in_a_16_bit_png_are_shown_over_their_own_range():
    radiograph = read_radiograph(encoded(Image.fromarray(ramp(12)), "PNG"))
    assert radiograph.display().max() == 255
    assert any("12 bits" in note for note in radiograph.notes)


def test_png_and_jpeg_of_8_bits_are_read():
    grey = Image.fromarray(ramp(8))
    assert np.array_equal(read_radiograph(encoded(grey, "PNG")).display(), ramp(8))
    jpeg = read_radiograph(encoded(grey, "JPEG", quality=95))
    assert jpeg.source == "JPEG" and np.abs(jpeg.pixels.astype(int) - ramp(8)).max() <= 6


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "LA", "1", "CMYK"])
def test_every_colour_mode_becomes_grey(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    radiograph = read_radiograph(encoded(Image.fromarray(ramp(8)).convert(mode), kind))
    assert radiograph.pixels.shape == (80, 96)
    assert radiograph.pixels[:, :10].mean() < 40 < 200 < radiograph.pixels[:, -10:].mean()


def test_colour_and_transparency_are_said():
    tinted = np.stack([ramp(8), ramp(8) // 2, 255 - ramp(8)], axis=-1).astype(np.uint8)
    assert any("colour" in note for note in read_radiograph(encoded(Image.fromarray(tinted), "PNG")).notes)
    half = Image.fromarray(ramp(8)).convert("RGBA")
    half.putalpha(Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8), (80, 48))))
    radiograph = read_radiograph(encoded(half, "PNG"))
    assert any("Transparent" in note for note in radiograph.notes)
    assert (radiograph.pixels[:, ::2] == 0).all()


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_obeyed(orientation, turns, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_radiograph(encoded(Image.fromarray(ramp(8)), kind, exif=exif, quality=95)).pixels
    upright = np.rot90(ramp(8), turns)
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= 6


def test_the_name_does_not_decide_what_a_file_is():
    assert read_radiograph(written(dicom()), "photo.jpg").source == "DICOM"
    assert read_radiograph(encoded(Image.fromarray(ramp(8)), "PNG"), "study.dcm").source == "PNG"


def png_that_says(width: int, height: int) -> bytes:
    """A small file that claims a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def animation() -> bytes:
    frames = [Image.fromarray(np.roll(ramp(8), shift, axis=1)) for shift in range(3)]
    return encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty (0 bytes)"),
        (b"Lungs are clear.\n" * 40, "no image that PriorRG knows"),
        (b"PK\x03\x04" + b"\0" * 400, "ZIP archive"),
        (b"%PDF-1.7" + b"\0" * 400, "PDF document"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 400, "HEIC"),
        (encoded(Image.fromarray(ramp(8)), "TIFF"), "TIFF"),
        (encoded(Image.fromarray(ramp(8)), "BMP"), "BMP"),
        (encoded(Image.fromarray(ramp(8)), "GIF"), "GIF"),
        (encoded(Image.fromarray(ramp(8)), "WEBP"), "WebP"),
        (encoded(Image.effect_noise((96, 80), 60), "PNG")[:2000], "damaged or cut short"),
        (encoded(Image.effect_noise((96, 80), 60), "JPEG")[:2000], "damaged or cut short"),
        (encoded(Image.fromarray(ramp(8)[:32, :32]), "PNG"), "only 32 x 32"),
        (encoded(Image.new("L", (80, 80), 90), "PNG"), "one flat tone"),
        (animation(), "animation of 3 frames"),
        (png_that_says(10_000, 10_000), "more than 80 million pixels"),
        (png_that_says(60_000, 60_000), "more than 80 million pixels"),
    ],
    ids=[
        "empty",
        "text",
        "zip",
        "pdf",
        "heic",
        "tiff",
        "bmp",
        "gif",
        "webp",
        "cut-png",
        "cut-jpeg",
        "tiny",
        "flat",
        "animated",
        "big",
        "bomb",
    ],
)
def test_what_is_no_radiograph_is_refused_with_its_reason(content, part):
    message = refusal(content, "my upload.bin")
    assert part in message and "my upload.bin" in message


@pytest.mark.parametrize("kind", [b"gAMA", b"cHRM", b"tRNS", b"iCCP", b"eXIf", b"pHYs"])
def test_a_png_with_a_cut_chunk_is_read_or_refused(kind):
    whole = encoded(Image.fromarray(ramp(8)), "PNG")
    chunk = struct.pack(">I", 1) + kind + b"\x01" + struct.pack(">I", zlib.crc32(kind + b"\x01"))
    for place in (33, len(whole) - 12):  # after the header, before the end
        try:
            read_radiograph(whole[:place] + chunk + whole[place:], "scan.png")
        except ImageError as error:
            assert "damaged or cut short" in str(error)


def test_a_long_file_name_does_not_flood_the_message():
    assert len(refusal(b"nothing", "x" * 5000)) < 300


def test_a_rare_kind_of_jpeg_is_named_and_not_called_damaged():
    buffer = io.BytesIO()
    Image.fromarray(ramp(8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    with pytest.raises(ImageError, match="12-bit JPEG"):
        read_radiograph(bytes(data))
    data[frame + 1] = 0xC3
    with pytest.raises(ImageError, match="lossless JPEG"):
        read_radiograph(bytes(data))


def test_a_16_bit_png_that_uses_little_of_its_range_is_not_shown_white():
    pixels = (30_000 + ramp(11)).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    film = read_radiograph(buffer.getvalue())
    shown = film.display()
    assert shown.min() < 10 and shown.max() > 245
    assert any("small part of their range" in note for note in film.notes)
