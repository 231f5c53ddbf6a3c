"""What a reader brings: radiographs and the clinical context. Plain data, no torch, no page.

A radiograph holds its pixels at full depth and bright-is-dense, as the eye expects them, together
with the few facts that the model and the reader need. Nothing that names a person is kept, and of a
DICOM object's identifiers only what an export must point at (DicomReference).
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from priorrg import texts
from priorrg.errors import StudyError

UNKNOWN_VIEW = "unk"  # the published view-position dictionary's name for 'not stated'


@dataclass(frozen=True, repr=False)
class DicomReference:
    """What an export needs to point at the DICOM object that a radiograph came from; never shown, stored or logged.

    Study, Series and SOP Instance UID (0020,000D), (0020,000E), (0008,0018), SOP Class UID (0008,0016) and
    Modality (0008,0060). It lives in memory with its radiograph alone, and is gone with it.
    """

    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str
    modality: str


@dataclass(frozen=True)
class Header:
    """What a DICOM header says beside view and date; empty or None where it says nothing that is listed.

    modality: (0008,0060). body_part: `CHEST` or another part, (0018,0015). laterality: `L`, `R`, `B`oth, `U`npaired.
    acquisition_date: (0008,0022). time: that goes with the radiograph's study_date.
    person, issuer: digests of patient identifier and its issuer under a salt of this process; they tell whether two
        images are of the same person, are compared in memory and never shown, stored or logged.
    """

    modality: str = ""
    body_part: str = ""
    laterality: str = ""
    acquisition_date: datetime.date | None = None
    time: datetime.time | None = None
    person: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One radiograph.

    pixels: (rows, columns) uint16, bright = dense (MONOCHROME1 already inverted), values after the
        modality LUT, shifted to start at 0.
    window: (centre, width) in pixel values: what is shown at first and what the model is given.
    view_position: `PA`, `AP`, `LATERAL`, ... as in DICOM (0018,5101), or `unk`.
    study_date: from DICOM (0008,0020), or None. Shown, never stored.
    source: `DICOM`, `PNG` or `JPEG`. bits: bits stored in the source.
    notes: sentences for the reader about what was assumed while reading the file.
    units: (slope, intercept): slope * pixel + intercept is the value that the file means, after its modality LUT (or
        VOI LUT, where that was applied). The slope is negative where MONOCHROME1 was inverted.
    header: what DICOM says besides; None for PNG and JPEG.
    doubts: why it may be no upright frontal chest radiograph, by its looks (priorrg/imaging/looks.py); often empty.
    """

    pixels: np.ndarray
    window: tuple[float, float]
    view_position: str = UNKNOWN_VIEW
    study_date: datetime.date | None = None
    source: str = ""
    bits: int = 8
    notes: tuple[str, ...] = ()
    units: tuple[float, float] = (1.0, 0.0)
    reference: DicomReference | None = field(default=None, repr=False)  # None: the file was no whole DICOM object
    header: Header | None = None
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint16:
            raise ValueError(f"pixels must be (rows, columns) uint16, not {self.pixels.shape} {self.pixels.dtype}")

    def display(self, every: int = 1) -> np.ndarray:
        """(rows, columns) uint8: the pixels through the window, linear as in DICOM PS3.3 C.11.2.1.2.

        every: 2 takes every second row and column alone, and so on.
        """
        centre, width = self.window
        low = centre - 0.5 - (width - 1) / 2
        values = np.arange(int(self.pixels.max()) + 1, dtype=np.float32)  # each is windowed once, not each pixel
        scaled = (values - low) * (255.0 / max(width - 1, 1))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)[self.pixels[::every, ::every]]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of pixels and window: the key under which features are cached for a session."""
        window = tuple(round(value, 6) for value in self.window)  # the last digits are the arithmetic's
        digest = hashlib.sha256(repr((self.pixels.shape, window)).encode())
        digest.update(np.ascontiguousarray(self.pixels).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class ClinicalContext:
    """What the referrer wrote: why the study was asked for, and what is known of the patient."""

    indication: str = ""
    history: str = ""


@dataclass(frozen=True, eq=False)
class Study:
    """One current radiograph, the most recent prior one if there is any, and the clinical context."""

    current: Radiograph
    prior: Radiograph | None = None
    context: ClinicalContext = field(default_factory=ClinicalContext)

    @property
    def has_prior(self) -> bool:
        return self.prior is not None


MAX_CONTEXT_CHARACTERS = 2000  # a section; weights read less of it, and say so (PriorRGProcessor.fit_context)


def check_context(context: ClinicalContext) -> ClinicalContext:
    """Return the context with white space tidied.

    Raises StudyError when one of its sections is longer than MAX_CONTEXT_CHARACTERS.
    """
    for name, text in (("indication", context.indication), ("history", context.history)):
        if len(text) > MAX_CONTEXT_CHARACTERS:
            said = texts.reading.CONTEXT_TOO_LONG[name]
            raise StudyError(said.format(length=len(text), most=MAX_CONTEXT_CHARACTERS))
    return ClinicalContext(" ".join(context.indication.split()), " ".join(context.history.split()))
