"""What a DICOM header says about its image: kind, part of the body, view, side, and when it was taken.

Only words of the lists below are taken over: anything else in that place of a damaged file could be a person's name.
Whose image it is becomes a keyed digest that tells two people apart in this process, and nowhere else.
"""

from __future__ import annotations

import datetime
import hashlib
import math
import re
import secrets

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from priorrg import texts
from priorrg.study import UNKNOWN_VIEW, Header

# (0008,0060) Modality: what a projection radiograph may come as. OT and SC come from digitisers and screen captures.
RADIOGRAPHS = {"CR", "DX", "RG", "RF", "XA", "DR"}
CAPTURES = {"OT", "SC", ""}
OTHERS = {"BMD", "CT", "DOC", "ECG", "ES", "GM", "IO", "KO", "MG", "MR", "NM", "OP", "PR", "PT", "PX", "REG"}
OTHERS |= {"RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "US", "XC"}
UNLISTED = texts.imaging.UNLISTED_MODALITY  # a modality that stands in none of the lists

# (0018,0015) Body Part Examined: the chest, and where it names what a chest model cannot read.
CHEST = "CHEST"
_CHEST_WORDS = {"CHEST", "THORAX", "LUNG", "LUNGS"}
_OTHER_PARTS = {"ABDOMEN", "ANKLE", "ARM", "BREAST", "CSPINE", "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEAD", "HIP"}
_OTHER_PARTS |= {"JAW", "KNEE", "LEG", "LSPINE", "NECK", "PELVIS", "SHOULDER", "SKULL", "SPINE", "TSPINE", "WRIST"}

SMALLEST_MM, LARGEST_MM = 0.01, 5.0  # of a pixel of any radiograph; anything else is a mistake or another unit

# Of this process and its decoders alone: a digest means nothing to anybody else, or tomorrow.
salt = secrets.token_bytes(32)


def read_header(data: Dataset) -> Header:
    """The facts that the page and the sorting of several files need. Missing or unlisted values are empty."""
    part = _text(data, "BodyPartExamined").upper()
    side = _text(data, "ImageLaterality").upper() or _text(data, "Laterality").upper()  # (0020,0062), (0020,0060)
    return Header(
        modality=modality_of(data),
        body_part=CHEST if part in _CHEST_WORDS else part if part in _OTHER_PARTS else "",
        laterality=side if side in ("L", "R", "B", "U") else "",
        acquisition_date=_day(data, "AcquisitionDate") or _day(data, "AcquisitionDateTime"),
        time=_time_of(data),
        has_burned_in=_text(data, "BurnedInAnnotation").upper() == "YES",  # (0028,0301)
        person=_digest("person", _text(data, "PatientID")),  # (0010,0020)
        issuer=_digest("issuer", _text(data, "IssuerOfPatientID")),  # (0010,0021)
    )


def modality_of(data: Dataset) -> str:
    """(0008,0060), empty where it is not stated, UNLISTED where it is a word of no list."""
    modality = _text(data, "Modality").upper()
    return modality if modality in RADIOGRAPHS | CAPTURES | OTHERS else UNLISTED


def view_of(data: Dataset) -> str:
    """`PA`, `AP`, `LATERAL` or `unk`."""
    view = _text(data, "ViewPosition").upper()  # (0018,5101)
    if view in ("LL", "RL", "LLO", "RLO", "LAT", "LLAT", "RLAT", "LATERAL"):
        return "LATERAL"
    if view in ("PA", "AP"):
        return view
    codes = data.get("ViewCodeSequence")  # (0054,0220), the coded way of saying it: CID 4010
    meaning = f"{view} {codes[0].get('CodeMeaning', '') if codes else ''}".lower().replace("_", "-")
    words = {"postero-anterior": "PA", "posteroanterior": "PA", "antero-posterior": "AP", "anteroposterior": "AP"}
    found = next((name for word, name in (words | {"lateral": "LATERAL"}).items() if word in meaning), "")
    if found:
        return found
    letters = orientation_letters(data)  # front to back and head to feet is a lateral view, whatever it is called
    is_sagittal = bool(set(letters) & {"A", "P"} and set(letters) & {"H", "F"})
    return "LATERAL" if is_sagittal else UNKNOWN_VIEW


def orientation_letters(data: Dataset) -> tuple[str, ...]:
    """(0020,0020) Patient Orientation: where rows and columns run to, each as one of L, R, H, F, A, P; else empty.

    A second letter tells of an oblique direction, which the first one leads.
    """
    stated = data.get("PatientOrientation")
    letters = [str(word).strip().upper()[:1] for word in stated] if isinstance(stated, (list, MultiValue)) else []
    return tuple(letters) if len(letters) == 2 and all(letters) and set(letters) <= set("LRHFAP") else ()


def date_of(data: Dataset) -> datetime.date | None:
    """The day of the study, else of the acquisition, else of the content; None where none is a date."""
    # (0008,0020), (0008,0022), (0008,0023)
    return _day(data, "StudyDate") or _day(data, "AcquisitionDate") or _day(data, "ContentDate")


def pixel_size(data: Dataset) -> tuple[float, float]:
    """Height and width of a pixel, in whatever unit; 1 and 1 where the file does not say, or says nothing possible.

    Pixel Spacing (0028,0030), Imager Pixel Spacing (0018,1164) and Nominal Scanned Pixel Spacing (0018,2010) are pairs
    of distance between rows and between columns; Pixel Aspect Ratio (0028,0034) stands in for them (C.7.6.3.1.7).
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        pair = data.get(name)
        try:
            height, width = (float(side) for side in pair)
        except (TypeError, ValueError):
            continue
        if math.isfinite(height) and math.isfinite(width) and min(height, width) > 0:
            return height, width
    return 1.0, 1.0


def spacing_of(data: Dataset) -> tuple[float, bool] | None:
    """Millimetres between two rows of pixels, and whether they are of the detector; None where the file does not say.

    Pixel Spacing (0028,0030) is of the patient where it differs from Imager Pixel Spacing (0018,1164) or a calibration
    is named, (0028,0A02); the latter is at the detector's front, enlarged by the beam (PS3.3 10.7.1.3).
    """
    patient, detector = (_spacing(data, name) for name in ("PixelSpacing", "ImagerPixelSpacing"))
    scanned = _spacing(data, "NominalScannedPixelSpacing")  # (0018,2010), of a film on a digitiser
    if patient is None:
        found = detector or scanned
        return None if found is None else (found, True)
    is_calibrated = bool(_text(data, "PixelSpacingCalibrationType")) or (detector is not None and detector != patient)
    return patient, not is_calibrated


def _spacing(data: Dataset, name: str) -> float | None:
    """The distance between rows of that attribute; None where it says nothing possible."""
    try:
        rows, columns = (float(side) for side in data.get(name))
    except (TypeError, ValueError):
        return None
    is_possible = all(math.isfinite(side) and SMALLEST_MM <= side <= LARGEST_MM for side in (rows, columns))
    return rows if is_possible else None


def _time_of(data: Dataset) -> datetime.time | None:
    """The time that goes with `date_of`: of the acquisition where that was on the same day, else of the study."""
    day = date_of(data)
    moment = _text(data, "AcquisitionDateTime")  # (0008,002A), YYYYMMDDHHMMSS.FFFFFF&ZZXX
    if day and _day(data, "AcquisitionDateTime") == day and (found := _clock(moment[8:])):
        return found
    if _day(data, "AcquisitionDate") in (day, None) and (found := _clock(_text(data, "AcquisitionTime"))):
        return found  # (0008,0032)
    named = "StudyTime" if _day(data, "StudyDate") else "ContentTime"  # (0008,0030), (0008,0033)
    return _clock(_text(data, named))


def _day(data: Dataset, name: str) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(_text(data, name).replace(".", "")[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _clock(text: str) -> datetime.time | None:
    """A DICOM time, HHMMSS.FFFFFF of which hours and minutes are asked for (PS3.5 6.2, TM)."""
    found = re.match(r"(\d\d):?(\d\d):?(\d\d)?", text)
    if not found:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return datetime.time(hours, minutes, min(seconds, 59)) if hours < 24 and minutes < 60 else None


def _text(data: Dataset, name: str) -> str:
    return str(data.get(name) or "").strip()


def _digest(what: str, value: str) -> str:
    """Empty for an empty value."""
    return hashlib.blake2b(f"{what} {value}".encode(), key=salt, digest_size=16).hexdigest() if value else ""
