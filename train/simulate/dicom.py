"""A simulated film as a DICOM object (PS3.3 A.26, Digital X-Ray Image for presentation) that belongs to nobody; and the
mark by which its PNG says the same."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, RLELossless, generate_uid

from priorrg.study import SIMULATED
from train.simulate.anatomy import FIELD_CM

NOBODY = "SIMULATED"


def png_mark() -> PngInfo:
    """What a simulated film's PNG says of itself, as its DICOM object does."""
    mark = PngInfo()
    mark.add_text("Description", SIMULATED)
    return mark


def write_dicom(
    file: Path, pixels: np.ndarray, view: str, day: datetime.date, uid_seed: str, patient: str = NOBODY
) -> None:
    """12-bit pixels (rows, columns) uint16 as an RLE-compressed file; the same seed gives the same UIDs.

    patient: his ID, by which films of one are told from those of another.
    """
    data = dicom_of(pixels, view, day, uid_seed, patient)
    data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    data.save_as(file, enforce_file_format=True)


def dicom_of(pixels: np.ndarray, view: str, day: datetime.date, uid_seed: str, patient: str = NOBODY) -> FileDataset:
    """A digital radiograph object (DX, for presentation) of 12-bit pixels (rows, columns) uint16, of nobody."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[uid_seed, "instance"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = generate_uid(entropy_srcs=[uid_seed, "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[uid_seed, "series"])
    data.PatientName, data.PatientID = "SIMULATED^NOBODY", patient
    data.PatientBirthDate, data.PatientSex = "", ""
    data.StudyID, data.AccessionNumber, data.ReferringPhysicianName = "", "", ""
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = day.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = "080000"
    data.Modality, data.BodyPartExamined, data.StudyDescription = "DX", "CHEST", "Simulated chest radiograph"
    data.SeriesNumber = data.InstanceNumber = "1"
    data.PresentationIntentType = "FOR PRESENTATION"
    data.ImageType = ["DERIVED", "PRIMARY"]  # PS3.3 C.8.11.3: derived, for it is no exposure of a person
    data.DerivationDescription = SIMULATED
    data.ViewPosition, data.ImageLaterality, data.PatientOrientation = view, "U", ["L", "F"]
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", -1  # bone is bright
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    data.WindowCenter, data.WindowWidth = "2048", "4096"
    data.ImagerPixelSpacing = [f"{FIELD_CM * 10 / pixels.shape[0]:.5f}"] * 2
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    data.PixelData = pixels.astype("<u2").tobytes()
    return data
