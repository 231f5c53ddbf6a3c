"""The outlines of the overlays as a DICOM presentation state (GSPS, PS3.3 A.33.1) for the current image.

One layer a sentence, for a viewer to switch on and off, below one that says what wrote them. A presentation state
belongs to the study of the image that it is shown on, and nothing is added to an older study: of the prior image there
is none. As the structured report it carries no patient.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from highdicom.content import PresentationLUTTransformation
from highdicom.pr import GraphicAnnotation, GraphicLayer, GraphicObject, GrayscaleSoftcopyPresentationState, TextObject
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pydicom.valuerep import DA, TM

from priorrg import texts
from priorrg.errors import ExportError
from priorrg.explain.drawing import levels, scales
from priorrg.explain.outlines import outlines
from priorrg.explain.placement import seen_square
from priorrg.export.contents import ReportExport, check_reference, equipment, with_words_for_gaps
from priorrg.imaging.polarity import MIRRORED, TURNED_BY_HEADER
from priorrg.study import Radiograph

# It logs the UIDs of what it copies from.
logging.getLogger("highdicom").setLevel(logging.WARNING)

# What of the image's header says how its stored numbers become grey, and how many there are (C.7.6.3, C.11.1, C.11.2).
_GREY = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
    *("PhotometricInterpretation", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "VOILUTSequence"),
)
_WINDOW = {"WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction"}
_FOOT = (0.02, 0.93, 0.98, 0.99)  # left, top, right, bottom in parts of what is displayed
_LAYER_DESCRIPTION, _TEXT = 64, 1024  # most characters of an LO and of an ST


def write_gsps(export: ReportExport, image: str | Path | bytes) -> bytes:
    """A DICOM file (PS3.10) with one presentation state.

    image: the file of the current radiograph, or its bytes. Raises ExportError where it is no DICOM object with UIDs,
    where its pixels do not lie as they do in the file, where its header does not say as the standard wants it how they
    become grey, and where no sentence points at a place.
    """
    reference = check_reference(export.study.current)
    with _of_the_standard():
        shown = _grey_of(image)
    _check_lies_as_stored(export.study.current, shown)
    shown.StudyInstanceUID, shown.SeriesInstanceUID = reference.study_uid, reference.series_uid
    shown.SOPInstanceUID, shown.SOPClassUID = reference.instance_uid, reference.sop_class_uid
    shown.Modality = reference.modality
    shown.PatientID = shown.PatientName = shown.PatientBirthDate = shown.PatientSex = ""
    shown.AccessionNumber = shown.StudyID = shown.StudyDate = shown.StudyTime = shown.ReferringPhysicianName = ""
    layers, annotations = _drawn(export, shown)
    with _of_the_standard():
        state = GrayscaleSoftcopyPresentationState(
            referenced_images=[shown],
            series_instance_uid=generate_uid(prefix=None),
            series_number=9901,
            sop_instance_uid=generate_uid(prefix=None),
            instance_number=1,
            **equipment(export.card),
            content_label="PRIORRG OVERLAYS",
            content_description=texts.export.GSPS_DESCRIPTION,
            graphic_layers=layers,
            graphic_annotations=annotations,
            # What highdicom takes unless told so would show a MONOCHROME1 image as its negative.
            presentation_lut_transformation=PresentationLUTTransformation(
                presentation_lut_shape="INVERSE" if shown.PhotometricInterpretation == "MONOCHROME1" else "IDENTITY"
            ),
            series_description=texts.export.SERIES_DESCRIPTION,
        )
    moment = export.written_at
    state.SpecificCharacterSet = "ISO_IR 192"
    state.PresentationCreationDate = DA(moment.date())
    state.PresentationCreationTime = TM(moment.time().replace(microsecond=0))
    state.PatientIdentityRemoved, state.DeidentificationMethod = "YES", texts.export.DEIDENTIFICATION
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, state, enforce_file_format=True)
    return stream.getvalue()


@contextmanager
def _of_the_standard() -> Iterator[None]:
    """Raises ExportError where pydicom or highdicom refuse the header. What they say may quote it, and goes nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ValueError, TypeError, AttributeError, KeyError):
            raise ExportError(texts.export.GSPS_HEADER) from None


def _grey_of(image: str | Path | bytes) -> Dataset:
    """What the file's header says of _GREY and nothing else of it; what is there without a value says nothing."""
    file = io.BytesIO(image) if isinstance(image, bytes) else image
    header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(_GREY))
    grey = Dataset()
    for name in _GREY:
        if name in header and not header[name].is_empty:
            grey[name] = header[name]
    if not {"WindowCenter", "WindowWidth"} <= set(grey.dir()):  # one alone is no window
        for name in _WINDOW & set(grey.dir()):
            delattr(grey, name)
    return grey


def _check_lies_as_stored(radiograph: Radiograph, header: Dataset) -> None:
    turned = bool(radiograph.orientation.quarter_turns or radiograph.orientation.is_mirrored)
    turned = turned or bool({MIRRORED, TURNED_BY_HEADER} & set(radiograph.cautions))
    if turned or radiograph.pixels.shape != (header.Rows, header.Columns):
        raise ExportError(texts.export.GSPS_TURNED)


def _drawn(export: ReportExport, shown: Dataset) -> tuple[list[GraphicLayer], list[GraphicAnnotation]]:
    """Layers and their annotations: what wrote this, and each sentence that points somewhere on the current image."""
    seen, scale = seen_square(export.study.current), scales(export.overlays)["current"]
    edges = np.array([shown.Columns, shown.Rows])
    corner, size = np.array([seen.left, seen.top]), np.array([seen.width, seen.height])
    first = GraphicLayer("PRIORRG", 1, texts.export.GSPS_LAYER)
    note = TextObject(f"{texts.report.DISCLAIMER} {export.training}".strip()[:_TEXT], "DISPLAY", bounding_box=_FOOT)
    layers = [first]
    annotations = [GraphicAnnotation([shown], first, text_objects=[note])]
    for number, overlay in enumerate(export.overlays, 1):
        lines = [(corner + line * size) * edges for line in outlines(levels(overlay.current, scale))]
        if not lines:
            continue
        sentence = with_words_for_gaps(overlay.sentence.text).strip()
        said = texts.export.GSPS_SENTENCE.format(number=number, sentence=sentence)
        layer = GraphicLayer(f"SENTENCE_{number}", len(layers) + 1, said[:_LAYER_DESCRIPTION])
        layers.append(layer)
        annotations.append(
            GraphicAnnotation(
                referenced_images=[shown],
                graphic_layer=layer,
                graphic_objects=[_outline(line) for line in lines],
                text_objects=[_label(said[:_TEXT], lines)],
            )
        )
    if len(layers) == 1:
        raise ExportError(texts.export.GSPS_NOTHING)
    return layers, annotations


def _outline(line: np.ndarray) -> GraphicObject:
    """line: (N, 2) x and y in the image's pixels, its corner at 0, 0; in the file it ends where it begins."""
    return GraphicObject("POLYLINE", np.vstack([line, line[:1]]), "PIXEL")


def _label(said: str, lines: Sequence[np.ndarray]) -> TextObject:
    """The sentence, at the top of its highest outline."""
    points = np.concatenate(lines)
    x, y = points[points[:, 1].argmin()]
    return TextObject(said, "PIXEL", anchor_point=(float(x), float(y)))
