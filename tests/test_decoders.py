"""Which transfer syntaxes are read, and what is said of those that are not."""

import io

import numpy as np
import pydicom
import pytest
from imagecodecs import jpeg8_encode
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    UID,
    HTJ2KLossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from priorrg.imaging.open import read_radiograph
from tests.test_imaging import dicom, ramp, refusal, written


def coded(frame: bytes | bytearray, syntax: UID, bits: int = 12, **changes) -> bytes:
    data = dicom(ramp(bits, bool(changes.pop("signed", False))), bits, **changes)
    data.PixelData = encapsulate([bytes(frame)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    return written(data)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg_is_read_without_loss(bits, predictor):
    """Process 14, which many archives hold: selection value 1 has a transfer syntax of its own."""
    frame = jpeg8_encode(ramp(bits), lossless=True, predictor=predictor, bitspersample=bits)
    film = read_radiograph(coded(frame, JPEGLosslessSV1 if predictor == 1 else JPEGLossless, bits))
    assert np.array_equal(film.pixels, ramp(bits))


def test_signed_lossless_jpeg_keeps_its_signs():
    """The codec knows no signs: the twelve bits come back without them."""
    stored = ramp(12, signed=True)
    frame = jpeg8_encode((stored & 0x0FFF).astype(np.uint16), lossless=True, predictor=1, bitspersample=12)
    film = read_radiograph(coded(frame, JPEGLosslessSV1, signed=True))
    assert np.array_equal(film.pixels, ramp()) and film.units[1] == -2048


def test_jpeg_of_12_bits_is_read():
    frame = jpeg8_encode(ramp(), bitspersample=12, level=98)
    film = read_radiograph(coded(frame, JPEGExtended12Bit))
    assert np.abs(film.pixels.astype(int) - ramp()).max() <= 20
    shipped = read_radiograph(str(get_testdata_file("JPGExtended.dcm", download=False)))
    assert shipped.pixels.shape == (1024, 256) and shipped.pixels.max() == 264


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGExtended12Bit])
def test_a_jpeg_that_is_cut_short_or_of_another_size_is_refused(syntax):
    lossless = {"lossless": True, "predictor": 1} if syntax == JPEGLosslessSV1 else {}
    frame = jpeg8_encode(ramp(), bitspersample=12, **lossless)
    assert "damaged or cut short" in refusal(coded(frame[:-30], syntax))
    assert "damaged or cut short" in refusal(coded(frame, syntax, Rows=70))


def test_jpeg_ls_is_read():
    data = dicom()
    data.compress(JPEGLSLossless)
    assert np.array_equal(read_radiograph(written(data)).pixels, ramp())


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (MPEG2MPML, "MPEG2 Main Profile / Main Level"),
        (UID("1.2.840.10008.1.2.4.52"), "JPEG Extended (Process 3 and 5)"),
        (UID("1.2.276.0.7230010.3"), "1.2.276.0.7230010.3"),
        (UID("ROENTGEN^WILHELM"), "an unknown transfer syntax"),
    ],
    ids=["a film", "retired", "private", "damaged"],
)
def test_a_syntax_without_a_decoder_is_named_and_not_called_damaged(syntax, name):
    data = dicom()
    data.PixelData = encapsulate([b"\0" * 60])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, implicit_vr=False, little_endian=True)
    assert f"There is no decoder here for {name}, as which 'a.dcm' is stored." in refusal(file.getvalue(), "a.dcm")


def test_an_address_in_the_place_of_pixels_is_said():
    data = dicom(PixelData=None)
    data.PixelDataProviderURL = "jpip://archive.invalid/1"
    assert "only the address of a server" in refusal(written(data))


def test_every_syntax_that_archives_use_has_its_decoder():
    from pydicom.pixels.decoders.base import get_decoder

    used = ("50", "51", "57", "70", "80", "81", "90", "91", "201", "202", "203")
    assert all(get_decoder(UID(f"1.2.840.10008.1.2.4.{number}")).is_available for number in used)
    assert get_decoder(HTJ2KLossless).is_available
