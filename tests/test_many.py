"""Many studies: a manifest in, a line of JSON each out, in order and once, whatever happens to one of them."""

import csv
import datetime
import json
import shutil

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from priorrg.__main__ import main
from priorrg.errors import ExportError, StudyError
from priorrg.many.manifest import read_manifest, studies_in
from priorrg.many.reports import job_of, read_together, write_reports
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.texts.report import DISCLAIMER
from tests.test_imaging import dicom, written


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A folder of 19 studies, every third with a prior; number 4 has no image, number 18 a broken one."""
    folder, rng = tmp_path_factory.mktemp("many"), np.random.default_rng(0)
    for number in range(1, 8):
        Image.fromarray(rng.integers(0, 255, (160, 160), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with (folder / "studies.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["current", "prior", "indication", "view"])
        for number in range(1, 20):
            current = {4: "nowhere.png", 18: "broken.png"}.get(number, f"{number % 7 + 1}.png")
            prior = f"{(number + 3) % 7 + 1}.png" if number % 3 == 0 else ""
            table.writerow(
                [current, prior, f"Cough, case {number}." if number % 2 else "", "AP" if number == 5 else ""]
            )
    return folder


@pytest.fixture(scope="module")
def reports(studies, small_weights):
    output = studies / "reports.jsonl"
    command = ["report", "--manifest", str(studies / "studies.csv"), "--weights", str(small_weights)]
    assert main([*command, "--out", str(output)]) == 0
    return output


def lines_of(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_study_has_its_line_in_order_and_an_unreadable_one_says_why(reports):
    lines = lines_of(reports)
    assert [line["id"] for line in lines] == [str(number) for number in range(1, 20)]
    assert [line["id"] for line in lines if "error" in line] == ["4", "18"]
    assert "nowhere.png cannot be read" in lines[3]["error"] and "report" not in lines[3]
    assert all(line["disclaimer"] == DISCLAIMER and "small random weights" in line["weights"] for line in lines)


def test_a_batch_writes_what_each_study_alone_is_written(reports, studies, reporter):
    rows = read_manifest(studies / "studies.csv")
    for row, line in zip(rows, lines_of(reports), strict=True):
        if "error" not in line and int(row.id) in (1, 3, 5, 9, 19):
            prior = studies / row.prior if row.prior else None
            alone = reporter.report(read_study(studies / row.current, prior, row.indication, view=row.view))
            assert (line["draft"], line["report"]) == (alone.draft, alone.report)
            assert any("had reached the length" in said for said in line["remarks"]) == alone.is_cut


@pytest.mark.parametrize("files", [(), ("--files", "overlays")], ids=["in batches", "alone"])
def test_a_line_says_what_its_report_lacks(files, studies, save_small_model):
    """As the page and the answer of the API do: one that ended at the limit is no whole report."""
    command = [
        "report",
        "--manifest",
        str(studies / "studies.csv"),
        "--weights",
        str(save_small_model(max_report_tokens=4)),
    ]
    output = studies / f"short{len(files)}.jsonl"
    assert main([*command, "--out", str(output), *files]) == 0
    written = [line for line in lines_of(output) if "report" in line]
    assert all(any("had reached the length" in said for said in line["remarks"]) for line in written)


def test_on_a_gpu_studies_are_read_as_those_of_many_readers(reports, studies, reporter, monkeypatch):
    """No GPU is here; this is all that is done otherwise with a batch where one is."""
    monkeypatch.setattr("priorrg.many.reports.is_gpu", lambda device: True)
    monkeypatch.setattr(reporter.model, "generate", lambda *_, **__: pytest.fail("not in steps of ours"))
    rows = [row for row in read_manifest(studies / "studies.csv") if row.id in ("1", "2", "3", "5", "6")]
    asked = [
        read_study(studies / row.current, studies / row.prior if row.prior else None, row.indication, view=row.view)
        for row in rows
    ]
    lines = {line["id"]: line for line in lines_of(reports)}
    for row, reading in zip(rows, read_together(reporter, asked), strict=True):
        assert (reading.draft, reading.report) == (lines[row.id]["draft"], lines[row.id]["report"]), row.id


def test_what_was_killed_goes_on_behind_its_last_whole_line(reports, studies, reporter, tmp_path):
    whole = reports.read_bytes()
    half = tmp_path / "reports.jsonl"
    lines = whole.splitlines(keepends=True)
    half.write_bytes(b"".join(lines[:17]) + lines[17][:20])
    rows, told = read_manifest(studies / "studies.csv"), []
    job = job_of(reporter, studies, half)
    assert write_reports(reporter, rows, job, half, lambda *progress: told.append(progress)) == (19, 2)
    assert half.read_bytes() == whole and told == [(19, 2, 17, 19)]

    with pytest.raises(ExportError, match="other studies, other weights"):
        write_reports(reporter, rows[1:], job, half)
    with pytest.raises(ExportError, match="other studies, other weights"):
        write_reports(reporter, rows, job_of(reporter, studies, half, num_beams=2), half)
    assert half.read_bytes() == whole, "what stands there is left alone"


def test_parts_of_processes_that_were_killed_are_gone_on_with_by_one_and_joined_in_order(
    reports, studies, reporter, tmp_path
):
    lines = reports.read_bytes().splitlines(keepends=True)
    output, parts = tmp_path / "reports.jsonl", tmp_path / "reports.parts"
    parts.mkdir()
    output.write_bytes(b"".join(lines[:3]))
    (parts / "0000.jsonl").write_bytes(b"".join([lines[9], lines[2], lines[17][:40]]))  # one stands in the output, too
    (parts / "0003.jsonl").write_bytes(b"".join([lines[6], lines[18]]))
    rows, told, job = read_manifest(studies / "studies.csv"), [], job_of(reporter, studies, output)
    assert write_reports(reporter, rows, job, output, lambda *progress: told.append(progress)) == (19, 2)
    assert output.read_bytes() == reports.read_bytes() and not parts.exists() and told == [(19, 2, 6, 19)]

    parts.mkdir()
    (parts / "0000.jsonl").write_bytes(lines[1].replace(b'"2"', b'"another study"'))
    with pytest.raises(ExportError, match="other studies, other weights"):
        write_reports(reporter, rows, job, output)
    assert output.read_bytes() == reports.read_bytes()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("current,indicaton\na.png,Cough.\n", "nobody knows its column indicaton"),
        ("prior\na.png\n", "it has no column current"),
        ("id,current\n1,a.png\n1,b.png\n", "two studies with the id 1"),
        ("current,indication\na.png,Cough, fever.\n", "study 1: there are more cells than columns"),
        ('current,indication\na.png,"Cough.\n' + "b.png,Fever.\n" * 12_000, "a double quote that opened one was never"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_before_anything_is_read(tmp_path, text, sentence):
    file = tmp_path / "studies.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=sentence):
        read_manifest(file)


@pytest.fixture
def films(tmp_path):
    """DICOM files of two patients: A on three days, the second with two frontal films and a lateral one; B once."""
    folder = tmp_path / "films"
    folder.mkdir()
    days = {"A1": "20240101", "A2": "20240301", "A2 later": "20240301", "A2 lateral": "20240301"}
    days |= {"A3": "20240301", "B1": "20240201", "B undated": ""}
    studies: dict[str, str] = {}
    for name, day in days.items():
        path = folder / name / "image"
        path.parent.mkdir()
        data = dicom()
        data.PatientID, data.StudyDate, data.Modality = name[0], day, "DX"
        data.AcquisitionDate = data.ContentDate = day
        data.StudyTime = {"A2 later": "1200", "A3": "1800"}.get(name, "0900")
        data.AcquisitionTime = data.StudyTime
        data.StudyInstanceUID = studies.setdefault(name[:2], generate_uid())
        data.ViewPosition = "LL" if name.endswith("lateral") else "PA"
        data.save_as(path)
    (folder / "notes.txt").write_text("no film", encoding="utf-8")
    return folder


def test_a_folder_is_sorted_into_studies_with_their_priors_by_date(films):
    rows, aside = studies_in(films)
    assert {row.current: row.prior for row in rows} == {
        "A1/image": "",
        "A2 later/image": "A1/image",
        "A3/image": "A2 later/image",
        "B undated/image": "",
        "B1/image": "",
    }
    assert aside == {"no DICOM": 1, "lateral": 1, "more of a study": 1, "no date": 1}


def test_the_manifest_of_a_folder_is_read_as_it_is_and_names_no_patient(films, small_weights, tmp_path, capsys):
    for folder in ("A2", "A2 lateral", "A3", "B undated"):
        shutil.rmtree(films / folder)
    assert main(["manifest", str(films)]) == 0
    assert "3 studies, 1 with a prior" in capsys.readouterr().out
    written = (films / "studies.csv").read_text(encoding="utf-8")
    identifiers = [str(pydicom.dcmread(f, stop_before_pixels=True).StudyInstanceUID) for f in films.rglob("image")]
    assert not any(uid in written for uid in identifiers) and datetime.date(2024, 1, 1).isoformat() not in written
    output = tmp_path / "reports.jsonl"
    command = ["report", "--manifest", str(films / "studies.csv"), "--out", str(output)]
    assert main([*command, "--weights", str(small_weights)]) == 0
    assert [line["id"] for line in lines_of(output) if line["report"]] == ["A1/image", "A2 later/image", "B1/image"]


def test_nothing_to_read_and_options_that_do_not_go_together_are_a_sentence(studies, capsys):
    manifest = str(studies / "studies.csv")
    for arguments in ([], ["--manifest", manifest], ["--manifest", manifest, "--out", "reports.txt"]):
        assert main(["report", *arguments]) == 2
        assert "manifest" in capsys.readouterr().err


def test_overlays_and_dicom_objects_are_written_beside_the_lines_on_request(tmp_path, small_weights, reporter, capsys):
    for number, day in ((1, "20240101"), (2, "20240301")):
        data = dicom(StudyDate=day, StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid())
        data.PixelData = data.PixelData[::-1] if number == 1 else data.PixelData
        (tmp_path / f"{number}.dcm").write_bytes(written(data))
    Image.fromarray(np.arange(160 * 160, dtype=np.uint32).reshape(160, 160).astype(np.uint8)).save(tmp_path / "3.png")
    (tmp_path / "studies.csv").write_text("current,prior\n2.dcm,1.dcm\n3.png,\n", encoding="utf-8")
    command = ["report", "--manifest", str(tmp_path / "studies.csv"), "--weights", str(small_weights)]
    output = tmp_path / "reports.jsonl"
    assert main([*command, "--out", str(output), "--files", "overlays", "sr", "gsps"]) == 0
    first, second = lines_of(output)
    folder = tmp_path / "reports.files"
    assert set(first["files"]) == {"overlays", "sr", "gsps"} and first["refused"] == {}
    for kind, modality in (("sr", "SR"), ("gsps", "PR")):
        assert pydicom.dcmread(folder / first["files"][kind]).Modality == modality
    with np.load(folder / first["files"]["overlays"]) as arrays:
        assert DISCLAIMER in arrays["statements"]
        assert len(arrays["current"]) == len(arrays["prior"]) == len(arrays["sentences"]) > 0
        assert arrays["sentences"][0] in first["report"]
    alone = reporter.report(read_study(tmp_path / "2.dcm", tmp_path / "1.dcm"))
    assert (first["draft"], first["report"]) == (alone.draft, alone.report)
    assert set(second["files"]) == {"overlays"} and "came as PNG" in second["refused"]["sr"]
    capsys.readouterr()
    assert main([*command, "--out", str(output)]) == 2, "a run without files does not go on with one that had them"
    assert "other --files" in capsys.readouterr().err
