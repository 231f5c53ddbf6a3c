"""Zip archives and the folder of a CD as readers bring them: real archives, also hostile ones, into a session."""

import io
import zipfile
from typing import Any

import pydicom
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from priorrg.errors import ImageError
from priorrg.imaging import archives
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.sessions import Session
from priorrg.ui.several import take_files
from tests.browsing import EXAMPLE

FILMS = {name: (EXAMPLE / f"{name}.dcm").read_bytes() for name in ("current", "prior")}


def archive(folder, entries: dict[str, bytes], **options):
    """An upload of its own: a zip of these names and contents."""
    path = folder / "upload" / "CD.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as pack:
        for name, content in entries.items():
            pack.writestr(name, content)
    return path


def told(session: Session) -> str:
    return " ".join(note["text"] for note in notes_payload(session)["notes"])


def take(path, session: Session | None = None) -> Any:
    """Nothing may stay on the disk, whatever comes of it."""
    session = session or Session()
    folder = path.parent.parent
    try:
        take_files(session, [str(path)])
    finally:
        assert not list(folder.iterdir())
    return session


def test_the_films_of_an_archive_are_sorted_and_named_and_its_other_files_counted(tmp_path):
    entries = {
        "IMAGES/OLD": FILMS["prior"],
        "IMAGES/NEW": FILMS["current"],
        "VIEWER/RUN.EXE": b"MZ",
        "README": b"Hello",
    }
    session = take(archive(tmp_path, entries))
    assert session.current.study_date > session.prior.study_date
    assert "NEW (PA, 2026-03-10 08:00) is the current image." in told(session)
    assert "OLD (PA, 2026-03-04 08:00) is the prior." in told(session)
    assert "2 other files are no DICOM, PNG or JPEG" in told(session)


def test_the_folder_of_a_cd_is_taken_with_its_directory_left_alone(tmp_path):
    """As pydicom writes one: a DICOMDIR and the images under their names, each an upload of its own."""
    cd = tmp_path / "cd"
    names = FileSet()
    for content in FILMS.values():
        data = pydicom.dcmread(io.BytesIO(content))
        data.PatientID, data.StudyID, data.SeriesNumber, data.InstanceNumber = "SIM", "1", 1, 1
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        names.add(data)
    names.write(cd)
    uploads = []
    for number, path in enumerate(sorted(path for path in cd.rglob("*") if path.is_file())):
        uploads.append(tmp_path / "uploads" / str(number) / path.name)
        uploads[-1].parent.mkdir(parents=True)
        uploads[-1].write_bytes(path.read_bytes())
    session = Session()
    take_files(session, [str(path) for path in uploads])
    assert session.current is not None and session.prior is not None
    assert "1 other file is no DICOM" in told(session) and "damaged" not in told(session)
    assert not list((tmp_path / "uploads").iterdir())


def test_names_that_point_elsewhere_are_names_and_no_paths(tmp_path):
    entries = {"../../outside.dcm": FILMS["current"], "/etc/absolute.dcm": FILMS["prior"]}
    session = take(archive(tmp_path, entries))
    assert session.current is not None and session.prior is not None
    assert "outside.dcm (PA" in told(session) and ".." not in told(session).replace("...", "")


def test_an_archive_that_grows_beyond_all_measure_is_refused_while_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_UNPACKED_BYTES", 2**21)
    bomb = b"\x89PNG\r\n\x1a\n" + bytes(2**22)
    session = take(archive(tmp_path, {"good": FILMS["current"]}))
    before, path = session.current, archive(tmp_path, {"bomb.png": bomb})
    assert path.stat().st_size < 2**14
    with pytest.raises(ImageError, match="holds more than a ZIP archive may"):
        take(path, session)
    assert session.current is before


@pytest.mark.parametrize("what", ["entries", "damaged", "cut", "text", "encrypted"])
def test_an_archive_that_cannot_be_taken_is_told_in_a_sentence(tmp_path, monkeypatch, what):
    path = archive(tmp_path, {f"note {number}": b"text" * 9 for number in range(4)} | {"film": FILMS["current"]})
    said = {
        "entries": "holds more than a ZIP archive may",
        "damaged": "damaged ZIP archive",
        "cut": "damaged ZIP archive",
        "text": "holds no DICOM, PNG or JPEG",
        "encrypted": "encrypted ZIP archive",
    }[what]
    content = bytearray(path.read_bytes())
    if what == "entries":
        monkeypatch.setattr(archives, "MOST_ENTRIES", 4)
    elif what == "damaged":
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(64)
    elif what == "cut":
        content = content[:-400]
    elif what == "encrypted":
        for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    if what == "text":
        path = archive(tmp_path, {"letter": b"Dear colleague"})
    with pytest.raises(ImageError, match=f"None of these files.*CD.zip.*{said}"):
        take(path)


def test_a_film_in_an_archive_that_cannot_be_read_is_named_and_the_others_load(tmp_path):
    session = take(archive(tmp_path, {"BAD": FILMS["current"][:3000], "GOOD": FILMS["prior"]}))
    assert session.current is not None and session.prior is None
    assert "BAD" in told(session) and "GOOD (PA, 2026-03-04 08:00) is the current image." in told(session)
