"""Colour in DICOM: brought to RGB once, read by its brightness, whatever space and order it was stored in.

The files of pydicom's own package are those that it ships; the others are written here.
"""

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from priorrg.imaging.open import read_radiograph
from tests.test_imaging import dicom, encoded, ramp, refusal, written

# One picture of ten bars in its bare colours, as its many encodings at pydicom have it: RGB at these heights.
BARS = {5: (255, 0, 0), 25: (0, 255, 0), 45: (0, 0, 255), 65: (0, 0, 0), 75: (64, 64, 64), 95: (255, 255, 255)}
OF_THE_BARS = (
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+n2.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_rle_32bit.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
)
OTHERS = (
    "SC_rgb_jpeg_app14_dcmd.dcm",
    "SC_rgb_jpeg_dcmd.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_jpeg_no_color_transform_2.dcm",
    "examples_rgb_color.dcm",
    "examples_jpeg2k.dcm",
    "GDCMJ2K_TextGBR.dcm",
)


def shipped(name: str) -> str:
    """A file of pydicom's own package."""
    return str(get_testdata_file(name, download=False))


def grey(colours) -> np.ndarray:
    return np.asarray(colours) @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def picture() -> np.ndarray:
    """(80, 96, 3): all three channels run differently."""
    return np.stack([ramp(8), ramp(8).T[:80, :80].repeat(2, axis=1)[:80, :96], 255 - ramp(8)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("name", OF_THE_BARS)
def test_the_shipped_colour_files_have_their_brightness(name):
    film = read_radiograph(shipped(name))
    for row, colour in BARS.items():
        assert film.pixels[row, 50] == pytest.approx(grey(colour), abs=4), row
    assert any("colour image" in note for note in film.notes)


@pytest.mark.parametrize("name", OTHERS)
def test_other_shipped_colour_files_agree_with_pydicom(name):
    path = shipped(name)
    assert np.abs(read_radiograph(path).pixels - grey(pydicom.dcmread(path).pixel_array)).max() <= 1


def test_a_palette_gives_its_colours():
    path = shipped("examples_palette.dcm")
    data = pydicom.dcmread(path)
    table = [
        np.frombuffer(data[f"{name}PaletteColorLookupTableData"].value, "<u2") for name in ("Red", "Green", "Blue")
    ]
    wanted = grey(np.stack([(entries >> 8)[data.pixel_array] for entries in table], axis=-1))
    assert np.abs(read_radiograph(path).pixels - wanted).max() <= 1


@pytest.mark.parametrize("form", ["8 bits", "8 bits in words", "segmented"])
def test_palettes_of_every_form_are_read(form):
    data = dicom(ramp(8), 8, PhotometricInterpretation="PALETTE COLOR")
    entries = np.arange(256)[::-1]
    for name in ("Red", "Green", "Blue"):
        bits = 8 if form == "8 bits" else 16
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        if form == "segmented":  # one entry, then a line of 255 more down to 0 (PS3.3 C.7.9.2)
            stored = np.array([0, 1, 65280, 1, 255, 0], dtype="<u2")
            setattr(data, f"Segmented{name}PaletteColorLookupTableData", stored.tobytes())
        else:
            kind = np.uint8 if form == "8 bits" else "<u2"
            setattr(data, f"{name}PaletteColorLookupTableData", entries.astype(kind).tobytes())
    assert np.abs(read_radiograph(written(data)).pixels.astype(int) - (255 - ramp(8))).max() <= 1


def test_planes_one_after_the_other_are_the_same_as_pixels():
    stored = picture()
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=1)
    data.PixelData = np.moveaxis(stored, 2, 0).tobytes()
    assert np.abs(read_radiograph(written(data)).pixels - grey(stored)).max() <= 1


@pytest.mark.parametrize("space", ["YBR_FULL", "YBR_FULL_422"])
def test_luminance_and_two_differences_are_converted_once(space):
    stored = np.asarray(Image.fromarray(picture()).convert("YCbCr"))
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation=space, PlanarConfiguration=0)
    if space == "YBR_FULL_422":  # two luminances, then the two differences of both (C.7.6.3.1.2)
        both = stored.reshape(80, 48, 2, 3)
        data.PixelData = np.stack([both[..., 0, 0], both[..., 1, 0], both[..., 0, 1], both[..., 0, 2]], -1).tobytes()
    film = read_radiograph(written(data))
    assert np.abs(film.pixels - stored[..., 0].astype(int)).max() <= (2 if space == "YBR_FULL" else 12)


@pytest.mark.parametrize("space", ["RGB", "YBR_RCT"])
def test_colour_in_jpeg_2000_is_read(space):
    stored = picture()
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation=space, PlanarConfiguration=0)
    file = encoded(Image.fromarray(stored), "JPEG2000", irreversible=False, mct=int(space == "YBR_RCT"), no_jp2=True)
    data.PixelData = encapsulate([file])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert np.abs(read_radiograph(written(data)).pixels - grey(stored)).max() <= 1


def test_colour_in_baseline_jpeg_and_rle_is_read():
    stored = picture()
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0)
    data.PixelData = encapsulate([encoded(Image.fromarray(stored), "JPEG", quality=98)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert np.abs(read_radiograph(written(data)).pixels - grey(stored)).mean() < 2
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    data.compress(RLELossless, encoding_plugin="pydicom")
    assert np.abs(read_radiograph(written(data)).pixels - grey(stored)).max() <= 1


def test_rescaling_and_windows_are_for_grey_images_alone():
    stored = picture()
    data = dicom(stored, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    data.RescaleSlope, data.RescaleIntercept, data.WindowCenter, data.WindowWidth = "1", "-1024", "500", "2000"
    film = read_radiograph(written(data))
    assert np.abs(film.display() - grey(stored)).max() <= 1.5


@pytest.mark.parametrize(("samples", "space"), [(3, "MONOCHROME2"), (1, "RGB"), (1, "YBR_FULL"), (3, "PALETTE COLOR")])
def test_a_number_of_samples_that_does_not_fit_its_colours_is_refused_truly(samples, space):
    stored = picture() if samples == 3 else ramp(8)
    data = dicom(stored, 8, SamplesPerPixel=samples, PhotometricInterpretation=space, PlanarConfiguration=0)
    assert "as no radiograph does" in refusal(written(data))
