"""What a reader brings: radiographs and the clinical context. Plain data, no torch, no page.

A radiograph holds its pixels at full depth and bright-is-dense, as the eye expects them, together
with the few facts that the model and the reader need. Nothing that identifies a person is kept.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from priorrg.errors import StudyError

UNKNOWN_VIEW = "unk"  # the published view-position dictionary's name for 'not stated'


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
    """

    pixels: np.ndarray
    window: tuple[float, float]
    view_position: str = UNKNOWN_VIEW
    study_date: datetime.date | None = None
    source: str = ""
    bits: int = 8
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint16:
            raise ValueError(f"pixels must be (rows, columns) uint16, not {self.pixels.shape} {self.pixels.dtype}")

    def display(self) -> np.ndarray:
        """(rows, columns) uint8: the pixels through the window, linear as in DICOM PS3.3 C.11.2.1.2."""
        centre, width = self.window
        low = centre - 0.5 - (width - 1) / 2
        scaled = (self.pixels.astype(np.float32) - low) * (255.0 / max(width - 1, 1))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of pixels and window: the key under which features are cached for a session."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.window)).encode())
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
            raise StudyError(
                f"The {name} is {len(text):,} characters long and PriorRG reads at most "
                f"{MAX_CONTEXT_CHARACTERS:,}. Shorten it to what matters for this image."
            )
    return ClinicalContext(" ".join(context.indication.split()), " ".join(context.history.split()))
