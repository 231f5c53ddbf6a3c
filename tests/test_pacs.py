"""Studies from an image server and reports back to it, against a real Orthanc with its DICOMweb plugin."""

import io
import json
import shutil
import subprocess
import time
from pathlib import Path

import pydicom
import pytest
import requests
from pydicom.uid import generate_uid

from priorrg.__main__ import main
from priorrg.errors import PacsError
from priorrg.pacs.server import Pacs
from tests.serving import free_port
from tests.test_imaging import dicom, written

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.is_file(),
    reason="No Orthanc here: apt-get install orthanc orthanc-dicomweb",
)
PATIENT = "P-17"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """(address, study UIDs by day): three films of one patient, and a CT-like object on the newest day."""
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {"HttpPort": port, "DicomServerEnabled": False, "StorageDirectory": str(folder / "db")}
    settings |= {"IndexDirectory": str(folder / "db"), "Plugins": [str(PLUGIN)], "RemoteAccessAllowed": False}
    settings |= {"AuthenticationEnabled": False, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                requests.get(f"{address}/system", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert program.poll() is None, (folder / "log").read_text(encoding="utf-8", errors="replace")
                time.sleep(0.2)
        days = {}
        for day, modality, patient in (
            ("20240101", "DX", PATIENT),
            ("20240301", "DX", PATIENT),
            ("20240401", "CT", PATIENT),
            ("20240302", "DX", "P-1799"),
        ):
            days[day] = generate_uid()
            data = dicom(StudyDate=day, Modality=modality, PatientID=patient, StudyInstanceUID=days[day])
            data.SeriesInstanceUID, data.SOPInstanceUID = generate_uid(), generate_uid()
            data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            data.StudyTime = "120000"
            data.PixelData = data.PixelData[::-1] if day == "20240101" else data.PixelData
            requests.post(f"{address}/instances", data=written(data), timeout=30).raise_for_status()
        yield f"{address}/dicom-web", days
    finally:
        program.terminate()
        program.wait(30)


def days_of(files):
    return [str(pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True).StudyDate) for file in files]


@needs_orthanc
def test_a_study_comes_with_the_patients_latest_earlier_film(orthanc):
    address, days = orthanc
    assert days_of(Pacs(address).with_prior(days["20240301"])) == ["20240301", "20240101"]
    assert days_of(Pacs(address).with_prior(days["20240101"])) == ["20240101"]
    assert days_of(Pacs(address).latest(PATIENT)) == ["20240301", "20240101"], "a CT is no film, P-1799 somebody else"


@needs_orthanc
def test_what_the_server_does_not_have_is_a_sentence_without_identifiers(orthanc):
    address, days = orthanc
    for ask, part in (
        (lambda: Pacs(address).study(days["20240401"]), "no chest radiograph"),
        (lambda: Pacs(address).latest("P-18"), "no chest radiograph"),
        (lambda: Pacs(address).latest("P-*"), "given whole"),
        (lambda: Pacs(address).study("1.2; drop"), "no Study Instance UID"),
        (lambda: Pacs(address.replace("dicom-web", "nowhere")).study(days["20240301"]), "."),
    ):
        with pytest.raises(PacsError) as raised:
            ask()
        assert part in str(raised.value) and "P-1" not in str(raised.value)
        assert days["20240301"] not in str(raised.value)


def test_a_server_that_is_not_there_is_a_sentence():
    with pytest.raises(PacsError, match="did not answer"):
        Pacs("http://127.0.0.1:9").study("1.2.3")
    with pytest.raises(PacsError, match="no address of a DICOMweb service"):
        Pacs("pacs")


@needs_orthanc
def test_a_report_is_sent_only_after_a_yes_and_lies_with_its_study(orthanc, small_weights, monkeypatch, capsys):
    address, days = orthanc
    command = ["pacs", address, "--study", days["20240301"], "--send", "--weights", str(small_weights)]
    rest = f"{address.removesuffix('/dicom-web')}/tools/find"

    def stored(modality: str) -> list[str]:
        asked = {"Level": "Instance", "Query": {"StudyInstanceUID": days["20240301"], "Modality": modality}}
        return requests.post(rest, json=asked, timeout=30).json()

    for typed, count in (("no\n", 0), ("yes\n", 1)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main(command) == 0
        printed = capsys.readouterr()
        assert "not a medical device" in printed.err.lower() and len(printed.out.split()) > 3
        assert "Current: AP, 2024-03-01" in printed.err and "Prior: AP, 2024-01-01" in printed.err
        assert len(stored("SR")) == len(stored("PR")) == count
    file = requests.get(f"{rest.removesuffix('/tools/find')}/instances/{stored('PR')[0]}/file", timeout=30).content
    outlines = pydicom.dcmread(io.BytesIO(file))
    assert outlines.SOPClassUID.name == "Grayscale Softcopy Presentation State Storage" and outlines.PatientID == ""
    (film,) = outlines.ReferencedSeriesSequence[0].ReferencedImageSequence
    asked = {"Level": "Instance", "Expand": True, "Query": {"SOPInstanceUID": film.ReferencedSOPInstanceUID}}
    assert len(requests.post(rest, json=asked, timeout=30).json()) == 1, "it is shown on a film that lies there"
