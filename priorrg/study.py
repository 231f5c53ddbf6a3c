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
from priorrg.plain_text import plain_text

# What the simulator writes into its files: (0008,2111) Derivation Description, in PNG the Description of PNG 11.3.4.
SIMULATED = "Simulated radiograph, no patient"
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
    has_burned_in: whether (0028,0301) says that there is writing in the pixels, which may name somebody.
    person, issuer: digests of patient identifier and its issuer under a salt of this process; they tell whether two
        images are of the same person, are compared in memory and never shown, stored or logged.
    """

    modality: str = ""
    body_part: str = ""
    laterality: str = ""
    acquisition_date: datetime.date | None = None
    time: datetime.time | None = None
    has_burned_in: bool = False
    person: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)


@dataclass(frozen=True)
class Orientation:
    """How an image was turned: first by quarter_turns (0 to 3, clockwise), then mirrored left for right, and inverted.

    As a correction it changes what the model reads too; the viewer's own Invert does not.
    """

    quarter_turns: int = 0
    is_mirrored: bool = False
    is_inverted: bool = False

    def then(self, step: Orientation) -> Orientation:
        """This one followed by `step`, as one."""
        # A mirror turns the sense of every turn that comes before it is taken away.
        turns = -step.quarter_turns if self.is_mirrored else step.quarter_turns
        return Orientation(
            (self.quarter_turns + turns) % 4,
            self.is_mirrored != step.is_mirrored,
            self.is_inverted != step.is_inverted,
        )

    def undone(self) -> Orientation:
        """What brings the image back."""
        turns = self.quarter_turns if self.is_mirrored else -self.quarter_turns
        return Orientation(turns % 4, self.is_mirrored, self.is_inverted)

    def __bool__(self) -> bool:
        return self != Orientation()


@dataclass(frozen=True, eq=False)
class Window:
    """One way of showing an image that its file names; the last of a radiograph's windows is its full range.

    name: the file's word for it, empty where it has none. centre, width: in pixel values, or in the curve's tones.
    curve: (N,) uint16 tones of the pixel values 0 to N - 1, from a VOI LUT or a sigmoid; None where it is linear.
    """

    name: str
    centre: float
    width: float
    curve: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One radiograph.

    pixels: (rows, columns) uint16, bright = dense (MONOCHROME1 already inverted), upright and square as far as the file
        says how, values after the modality LUT, shifted to start at 0.
    window: (centre, width): what is shown at first and what the model is given. In pixel values; with a curve in its
        tones. curve: (N,) uint16, the tone of each pixel value: the file's VOI LUT or sigmoid, where that is in use.
    windows: what the file offers in their place, of which one is in use; empty for images that were not read from one.
    view_position: `PA`, `AP`, `LATERAL`, ... as in DICOM (0018,5101), or `unk`.
    study_date: from DICOM (0008,0020), or None. Shown, never stored.
    source: `DICOM`, `PNG` or `JPEG`. bits: bits stored in the source.
    notes: sentences for the reader about what was assumed while reading the file.
    units: (slope, intercept): slope * pixel + intercept is the value that the file means, after its modality LUT. The
        slope is negative where the image was inverted.
    has_padding: pixels of value 0 are what the image was filled up with, and stay black however it is inverted.
    orientation: the correction made by the reader, since the file was read.
    header: what DICOM says besides; None for PNG and JPEG.
    doubts: why it may be no upright frontal chest radiograph, by its looks (priorrg/imaging/looks.py); often empty.
    remedy: the correction after which its looks are not doubted, where there is one.
    is_simulated: whether the file says that the simulator wrote it (train/simulate), and so shows nobody.
    cautions: what the header says of polarity and orientation that a reader must know (priorrg/imaging/polarity.py).
    spacing_mm: between two of its pixels, each way; None where the file does not say. is_spacing_of_detector: it is
        measured there, where everything is larger than in the patient.
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
    curve: np.ndarray | None = field(default=None, repr=False)
    windows: tuple[Window, ...] = ()
    has_padding: bool = False
    orientation: Orientation = Orientation()
    remedy: Orientation | None = None
    cautions: tuple[str, ...] = ()
    is_simulated: bool = False
    spacing_mm: float | None = None
    is_spacing_of_detector: bool = False

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint16:
            raise ValueError(f"pixels must be (rows, columns) uint16, not {self.pixels.shape} {self.pixels.dtype}")

    def display(self, every: int = 1) -> np.ndarray:
        """(rows, columns) uint8: the pixels through curve and window, which is linear as in DICOM PS3.3 C.11.2.1.2.

        every: 2 takes every second row and column alone, and so on.
        """
        centre, width = self.window
        low = centre - 0.5 - (width - 1) / 2
        # Each value is windowed once, not each pixel.
        values = np.arange(int(self.pixels.max()) + 1, dtype=np.float32)
        if self.curve is not None:
            values = self.curve[: len(values)].astype(np.float32)
        scaled = (values - low) * (255.0 / max(width - 1, 1))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)[self.pixels[::every, ::every]]

    @property
    def tones(self) -> np.ndarray:
        """(rows, columns) uint16: what the window is laid on, the pixels or what the curve makes of them."""
        return self.pixels if self.curve is None else self.curve[self.pixels]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of pixels, curve and window: the key under which features are cached for a session."""
        window = tuple(round(value, 6) for value in self.window)  # the last digits are the arithmetic's
        digest = hashlib.sha256(repr((self.pixels.shape, window)).encode())
        if self.curve is not None:
            digest.update(self.curve.tobytes())
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
    """Return the context as plain text with white space tidied.

    Raises StudyError when one of its sections is longer than MAX_CONTEXT_CHARACTERS.
    """
    sections = {"indication": plain_text(context.indication), "history": plain_text(context.history)}
    for name, text in sections.items():
        if len(text) > MAX_CONTEXT_CHARACTERS:
            said = texts.reading.CONTEXT_TOO_LONG[name]
            raise StudyError(said.format(length=len(text), most=MAX_CONTEXT_CHARACTERS))
    return ClinicalContext(**{name: " ".join(text.split()) for name, text in sections.items()})
