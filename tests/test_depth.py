"""Depth and windows of DICOM: every level that a file holds is kept, and shown as the file asks.

Beside a ramp through all values stands what the standard makes of each.
"""

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import through, window_number
from priorrg.study import Radiograph
from tests.test_imaging import dicom, ramp, refusal, rises, written


def read(data) -> Radiograph:
    return read_radiograph(written(data))


def whole() -> np.ndarray:
    """(64, 64): each of 4,096 values once, in order."""
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


def table(entries, first: int = 0, bits: int = 16, kind: str = "US", **more) -> Dataset:
    """One item of a LUT sequence. kind: the VR that its descriptor was written with."""
    item = Dataset()
    entries = np.asarray(entries)
    item.add_new(0x00283002, kind, [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


SQUARE = (np.linspace(0, 1, 4096) ** 2 * 65535).round()  # a curve that no window can give
FULL: dict[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096}


def shown(radiograph: Radiograph) -> np.ndarray:
    """0 to 1 along the ramp."""
    return radiograph.display()[radiograph.pixels.shape[0] // 2] / 255


def squared_ramp() -> np.ndarray:
    return (ramp()[40] / 4095) ** 2


# Windows and curves as they are usually given


def test_monochrome1_is_inverted_with_its_window_and_said():
    plain = read_radiograph(written(dicom(WindowCenter=1500, WindowWidth=800)))
    turned = read_radiograph(
        written(
            dicom(4095 - ramp(), PhotometricInterpretation="MONOCHROME1", WindowCenter=4095 - 1500, WindowWidth=800)
        )
    )
    assert np.array_equal(turned.pixels, plain.pixels)
    assert np.abs(turned.display().astype(int) - plain.display()).max() <= 1  # a window's halves differ by one value
    assert any("MONOCHROME1" in note for note in turned.notes)


def test_the_display_window_is_the_files_own():
    radiograph = read_radiograph(written(dicom(WindowCenter=[1024, 2048], WindowWidth=[512, 4096])))
    assert radiograph.window == (1024, 512)
    shown = radiograph.display()[0]
    assert (shown[ramp()[0] < 760] == 0).all() and (shown[ramp()[0] > 1290] == 255).all()


def test_without_a_window_everything_is_shown_and_said():
    radiograph = read_radiograph(written(dicom()))
    assert radiograph.display().min() == 0 and radiograph.display().max() == 255
    assert any("no usable display window" in note for note in radiograph.notes)


@pytest.mark.parametrize(
    ("centre", "width"), [(127, 255), (90000, 100), ("nan", 100), (2048, "inf"), (2048, 0)], ids=str
)
def test_a_window_that_shows_nothing_is_not_used_and_said(centre, width):
    """C 127 W 255 is what converters leave behind: on 12 bits it would be all white, and the model would read that."""
    data = dicom(ramp() + np.uint16(1000), bits=16)
    data.WindowCenter, data.WindowWidth = centre, width
    radiograph = read_radiograph(written(data))
    assert np.percentile(radiograph.display(), (5, 50, 95)) == pytest.approx([13, 127, 242], abs=6)
    assert any("window" in note for note in radiograph.notes)


@pytest.mark.parametrize("slope", [1 / 4095, 0.001, 0.25, 1, 3])
def test_without_a_window_a_rescale_slope_does_not_dim_the_image(slope):
    radiograph = read_radiograph(written(dicom(RescaleSlope=slope, RescaleIntercept=-5)))
    assert radiograph.display().min() <= 1 and radiograph.display().max() >= 254


def test_a_narrow_window_on_fractional_values_is_used():
    data = dicom(RescaleSlope=1 / 4095, RescaleIntercept=0, WindowCenter=0.5, WindowWidth=0.5)
    shown = read_radiograph(written(data)).display()[0]
    assert (shown[:23] == 0).all() and (shown[-23:] == 255).all() and 110 < shown[48] < 145


def test_padding_does_not_darken_the_image():
    pixels = ramp()
    pixels[:, :8] = 65535
    data = dicom(pixels, bits=16, PixelPaddingValue=65535)
    shown = read_radiograph(written(data)).display()
    assert 110 < np.median(shown[:, 8:]) < 150


def test_an_empty_voi_table_leaves_the_window_in_charge():
    data = dicom(WindowCenter=1024, WindowWidth=512)
    data.VOILUTSequence = []
    assert read_radiograph(written(data)).window == (1024, 512)


def test_the_window_is_meant_after_the_modality_rescale():
    data = dicom(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=2000, WindowWidth=1000)
    rescaled, plain = (
        read_radiograph(written(data)),
        read_radiograph(written(dicom(WindowCenter=1500, WindowWidth=500))),
    )
    assert np.abs(rescaled.display().astype(int) - plain.display()).max() <= 1


def test_a_fractional_rescale_keeps_all_steps():
    data = dicom(RescaleSlope=1 / 256, RescaleIntercept=0, WindowCenter=8, WindowWidth=16)
    assert len(np.unique(read_radiograph(written(data)).pixels)) == 96


@pytest.mark.parametrize("form", ["16 bits", "8 bits in words", "8 bits in bytes", "numbers"])
def test_a_voi_lookup_table_is_applied(form):
    bits = 16 if form in ("16 bits", "numbers") else 8
    curve = (np.linspace(0, 1, 4096) ** 2 * ((1 << bits) - 1)).round()
    table = Dataset()
    table.LUTDescriptor = [4096, 0, bits]
    if form == "numbers":
        table.add_new("LUTData", "US", curve.astype(int).tolist())
    else:
        table.add_new("LUTData", "OW", curve.astype(np.uint8 if form == "8 bits in bytes" else "<u2").tobytes())
    data = dicom(WindowCenter=2048, WindowWidth=4096)
    data.VOILUTSequence = [table]
    radiograph = read_radiograph(written(data))
    shown = radiograph.display()[0].astype(int)
    assert shown[0] == 0 and shown[-1] == 255 and (np.diff(shown) >= 0).all()
    assert shown[48] == pytest.approx(255 / 4, abs=4)  # a quadratic curve: a quarter at half way; a window gives half
    assert any("VOI LUT" in note for note in radiograph.notes)


# Levels


@pytest.mark.parametrize("slope", ["0.1", "-0.1", "0.0078125", "1", "2.5", "-3"])
def test_every_level_is_kept_whatever_the_rescale_slope(slope):
    film = read(dicom(whole(), RescaleSlope=slope, RescaleIntercept="-7.5"))
    assert len(np.unique(film.pixels)) == 4096
    meant = film.units[0] * film.pixels.astype(float) + film.units[1]
    assert np.allclose(meant, float(slope) * whole() - 7.5, atol=1e-6 * 4096)


def test_a_negative_slope_turns_the_tones_and_keeps_the_window():
    film = read(dicom(4095 - ramp(), RescaleSlope="-1", RescaleIntercept="4095", WindowCenter=1500, WindowWidth=800))
    assert np.array_equal(film.display(), read(dicom(WindowCenter=1500, WindowWidth=800)).display())


@pytest.mark.parametrize(
    ("slope", "intercept", "is_said"),
    [("", "", False), ("", "-5", False), ("0", "0", True), (None, "3", False), ("1", "", False)],
)
def test_a_rescale_that_is_empty_or_cannot_be_meant_leaves_the_values(slope, intercept, is_said):
    data = dicom()
    for name, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
        if value is not None:
            setattr(data, name, value)
    film = read(data)
    assert np.array_equal(film.pixels, ramp())
    assert any("rescaling" in note for note in film.notes) == is_said


@pytest.mark.parametrize("signed", [False, True])
def test_values_at_the_upper_end_of_a_word_are_read_there(signed):
    """Bits Stored 12, High Bit 15: the four lower bits mean nothing."""
    stored = (ramp(12, signed).astype(np.int32) << 4) | 7
    kind = np.int16 if signed else np.uint16
    film = read(dicom(stored.astype(kind), HighBit=15))
    assert np.array_equal(film.pixels, ramp(12, signed).astype(int) - ramp(12, signed).min())
    assert any("12 bits lie above 4 others" in note for note in film.notes)


def test_a_high_bit_that_is_only_said_is_not_believed():
    film = read(dicom(HighBit=15))
    assert np.array_equal(film.pixels, ramp())
    assert any("lie at the lower" in note for note in film.notes)


@pytest.mark.parametrize(("needed", "said"), [(14, 12), (12, 10), (16, 12), (12, 8)])
def test_values_beyond_the_stated_bits_are_read_whole_and_said(needed, said):
    film = read(dicom(ramp(needed), bits=said))
    assert np.array_equal(film.pixels, ramp(needed)) and film.bits == needed
    assert any(f"need {needed} bits" in note for note in film.notes)


def test_overlays_in_the_spare_bits_are_left_out():
    stored = ramp()
    stored[20:40, 30:50] |= 0x8000
    stored[50:60, 10:80] |= 0x1000
    film = read(dicom(stored))
    assert np.array_equal(film.pixels, ramp())
    assert any("overlays" in note for note in film.notes)


def test_signed_values_without_their_sign_in_the_spare_bits_are_signed():
    stored = (ramp(12, signed=True) & 0x0FFF).astype(np.int16)
    film = read(dicom(stored))
    assert rises(film.pixels) and film.notes == read(dicom(ramp(12, signed=True))).notes


def big_endian(stored: np.ndarray, bits: int, *tables: Dataset) -> Radiograph:
    data = dicom(stored, bits)
    for item in tables:
        item["LUTData"].value = np.frombuffer(item.LUTData, "<u2").astype(">u2").tobytes()
    data.VOILUTSequence = list(tables)
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data.PixelData = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    data["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, implicit_vr=False, little_endian=False)
    return read_radiograph(file.getvalue())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_big_endian_values_are_read(bits, signed):
    assert rises(big_endian(ramp(bits, signed), bits).pixels)


def test_a_table_of_a_big_endian_file_is_read():
    assert np.abs(shown(big_endian(ramp(), 12, table(SQUARE))) - squared_ramp()).max() < 0.005


@pytest.mark.parametrize("bits", [24, 32])
def test_values_wider_than_16_bits_are_fitted(bits):
    wide = (ramp(16).astype(np.uint32) << (bits - 16)) + 5
    film = read(dicom(wide, bits, WindowCenter=float(wide.mean()), WindowWidth=float(np.ptp(wide))))
    assert rises(film.pixels) and np.ptp(shown(film)) > 0.95


# Padding


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [0, 4095])
def test_padding_is_background_at_either_end(photometric, padding):
    stored = (ramp() // 2 + 1000).astype(np.uint16)
    stored[:, :10] = padding
    film = read(dicom(stored, PixelPaddingValue=padding, PhotometricInterpretation=photometric, **FULL))
    assert (film.display()[:, :10] == 0).all() and film.display()[:, 10:].min() > 50
    assert film.has_padding and (film.pixels[:, :10] == 0).all() and film.pixels[:, 10:].min() > 0


@pytest.mark.parametrize(
    ("padding", "limit", "stored"), [(63488, None, -2048), (-2048, -2000, -2010), (-2000, -2048, -2010)]
)
def test_padding_of_signed_values_is_known_by_range_and_by_the_wrong_sign(padding, limit, stored):
    values = ramp(12, signed=True) // 2
    values[:, :10] = stored
    data = dicom(values)
    data.add_new("PixelPaddingValue", "US" if padding > 0 else "SS", padding)
    if limit is not None:
        data.add_new("PixelPaddingRangeLimit", "SS", limit)
    film = read(data)
    assert film.has_padding and (film.display()[:, :10] == 0).all()


def test_padding_beyond_the_stored_bits_is_padding():
    stored = ramp()
    stored[:, :10] = 65535
    film = read(dicom(stored, PixelPaddingValue=65535, **FULL))
    assert (film.display()[:, :10] == 0).all() and rises(film.pixels[:, 10:])


# Curves


def test_a_sigmoid_window_is_one():
    film = read(dicom(WindowCenter=2048, WindowWidth=1024, VOILUTFunction="SIGMOID"))
    assert np.abs(shown(film) - 1 / (1 + np.exp(-4 * (ramp()[40].astype(float) - 2048) / 1024))).max() < 0.005
    assert any("sigmoid" in note for note in film.notes)


def test_a_sigmoid_of_monochrome1_is_the_other_way_round():
    data = dicom(4095 - ramp(), PhotometricInterpretation="MONOCHROME1", WindowCenter=3000, WindowWidth=900)
    data.VOILUTFunction = "SIGMOID"
    wanted = 1 / (1 + np.exp(-4 * (ramp()[40].astype(float) - (4095 - 3000)) / 900))
    assert np.abs(shown(read(data)) - wanted).max() < 0.005


def test_an_exact_window_reaches_from_end_to_end():
    """LINEAR ends one value before: on few levels that is seen."""
    linear, exact = (
        read(dicom(ramp(8), 8, WindowCenter=8, WindowWidth=8, VOILUTFunction=function)).display()
        for function in ("LINEAR", "LINEAR_EXACT")
    )
    column = int(np.flatnonzero(ramp(8)[0] == 8)[0])
    assert linear[0, column] == round(255 * 4 / 7) and exact[0, column] == 128


@pytest.mark.parametrize(
    ("descriptor", "kind"),
    [(-2048, "SS"), (-2048 % 65536, "US")],
    ids=["of its own sign", "of the other sign"],
)
def test_the_first_value_mapped_may_have_the_wrong_sign(descriptor, kind):
    data = dicom(RescaleSlope="1", RescaleIntercept="-2048")
    data.VOILUTSequence = [table(SQUARE, descriptor, kind=kind)]
    assert np.abs(shown(read(data)) - squared_ramp()).max() < 0.005


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_table_counts_in_the_bits_of_its_entries_or_those_that_it_says(bits):
    data = dicom()
    data.VOILUTSequence = [table((SQUARE / 65535 * ((1 << bits) - 1)).round(), 0, 16)]  # always said to be 16
    assert np.abs(shown(read(data)) - squared_ramp()).max() < 0.01
    data.VOILUTSequence = [table(SQUARE, 0, 8)]  # more than is said
    assert np.abs(shown(read(data)) - squared_ramp()).max() < 0.01


def test_a_table_of_65536_entries_says_0():
    data = dicom(ramp(16), 16)
    data.VOILUTSequence = [table((np.linspace(0, 1, 65536) ** 2 * 65535).round())]
    assert np.abs(shown(read(data)) - (ramp(16)[40] / 65535) ** 2).max() < 0.005


FLAT, EMPTY = table(np.full(4096, 65535)), Dataset()
SQUARED = table(SQUARE, LUTExplanation="CHEST")


@pytest.mark.parametrize(
    ("sequence", "window", "wanted", "note"),
    [
        ([FLAT], True, ramp()[40] / 4095, "passed over"),
        ([EMPTY], True, ramp()[40] / 4095, "passed over"),
        ([FLAT, SQUARED], True, squared_ramp(), "passed over"),
        ([EMPTY], False, ramp()[40] / 4095, "no usable display window"),
        ([], True, ramp()[40] / 4095, None),
    ],
    ids=["flat, then the window", "empty, then the window", "flat, then the next", "empty alone", "none"],
)
def test_a_table_that_cannot_be_used_gives_way_and_that_is_said(sequence, window, wanted, note):
    data = dicom(**FULL) if window else dicom()
    data.VOILUTSequence = sequence
    film = read(data)
    assert np.abs(shown(film) - wanted).max() < 0.02
    assert note is None or any(note in said for said in film.notes)


def test_a_modality_table_is_applied_and_a_useless_one_is_said():
    root = (np.sqrt(np.linspace(0, 1, 4096)) * 65535).round()
    data = dicom(WindowCenter=32768, WindowWidth=65536)
    data.ModalityLUTSequence = [table(root, ModalityLUTType="OD")]
    assert np.abs(shown(read(data)) - np.sqrt(ramp()[40] / 4095)).max() < 0.005
    data = dicom(**FULL)
    data.ModalityLUTSequence = [Dataset()]
    film = read(data)
    assert np.abs(shown(film) - ramp()[40] / 4095).max() < 0.005
    assert any("modality LUT" in note for note in film.notes)


# The file's own windows, one of which the reader chooses


def test_a_file_offers_its_curves_its_windows_and_its_full_range_by_name():
    data = dicom(WindowCenter=[2048, 1000], WindowWidth=[4096, 800])
    data.WindowCenterWidthExplanation = ["NORMAL", "SOFT\tTISSUE"]
    data.VOILUTSequence = [FLAT, SQUARED]
    film = read(data)
    assert [window.name for window in film.windows] == ["CHEST", "NORMAL", "SOFT TISSUE", "Full range"]
    assert window_number(film) == 0
    soft = through(film, 2)
    assert soft.window == (1000, 800) and window_number(soft) == 2 and soft.fingerprint != film.fingerprint
    assert np.array_equal(soft.display(), read(dicom(WindowCenter=1000, WindowWidth=800)).display())
    assert np.array_equal(through(soft, 0).display(), film.display())
    assert through(film, 3).display().max() == 255


@pytest.mark.parametrize(
    ("centres", "widths", "count"),
    [
        ("1024\\2048", "512", 1),
        ("1024\\\\2048", "512\\9\\4096", 2),
        ("2048,5", "4096,0", 1),
        ("90000\\2048", "9\\4096", 1),
    ],
    ids=["fewer widths", "a gap", "decimal commas", "one that shows nothing"],
)
def test_windows_that_are_no_pair_or_show_nothing_are_not_offered(centres, widths, count):
    data = dicom()
    data.add_new("WindowCenter", "LO", centres)
    data.add_new("WindowWidth", "LO", widths)
    assert len(read(data).windows) == count + 1  # and the full range


def test_the_photometric_word_may_be_written_small():
    film = read(dicom(4095 - ramp(), PhotometricInterpretation="monochrome1 "))
    assert np.array_equal(film.pixels, ramp())


def test_one_bit_a_pixel_is_two_tones():
    stored = (ramp() > 2000).astype(np.uint8)
    data = dicom(ramp(8), 8)
    data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
    data.PixelData = np.packbits(stored.ravel(), bitorder="little").tobytes()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = read(data)
    assert np.array_equal(film.pixels, stored) and "few tones" in film.doubts


def test_floating_point_pixels_are_refused_truly():
    data = dicom()
    del data.PixelData
    data.FloatPixelData = ramp().astype(np.float32).tobytes()
    assert "floating-point" in refusal(written(data))
