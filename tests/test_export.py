"""What a reader takes away: every form is written, then opened again by a program that reads its kind."""

import base64
import datetime
import json
import logging
import re
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhirclient.models.diagnosticreport import DiagnosticReport as R4DiagnosticReport
from highdicom.sr import EnhancedSR
from PIL import Image
from pypdf import PdfReader

import priorrg
from priorrg import texts
from priorrg.__main__ import main
from priorrg.assets import EXAMPLES
from priorrg.errors import ExportError, StudyError
from priorrg.explain.drawing import picture
from priorrg.explain.overlays import Overlay
from priorrg.export.contents import ReportExport
from priorrg.export.forms import FORMS, check_form, form_of, refusals
from priorrg.export.pdf import EDGE, GAP, OUTLINE
from priorrg.export.text import clipboard_text
from priorrg.imaging.open import read_radiograph
from priorrg.report.sentences import EditedSentence, split_sentences
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import WeightsCard
from priorrg.study import ClinicalContext, Study
from priorrg.texts.export import EDITED, HUMAN_SENTENCE, LEGEND, MATCHING, NOT_EDITED, SIMULATED
from priorrg.texts.report import DISCLAIMER
from priorrg.ui.exports import take_away
from priorrg.ui.sessions import Run, Session

DICOM = EXAMPLES / "growing-effusion"
PNG = EXAMPLES / "resolved-pneumothorax"
REPORT = "Large left pleural effusion, increased. Mild cardiomegaly, unchanged. No pneumothorax."
EDITED_REPORT = "Large left pleural effusion, increased.\nHerzgröße normal, costs $5 and $6. No pneumothorax."
NOON = datetime.datetime(2026, 11, 25, 12, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
CARD = WeightsCard("PriorRG embedded (simulated)", "simulated", "Never saw a person.", "coarse_memory")


@pytest.fixture
def dicom_study():
    context = ClinicalContext("Shortness of breath.", "Congestive heart failure.")
    return Study(read_radiograph(DICOM / "current.dcm"), read_radiograph(DICOM / "prior.dcm"), context)


def made(study, **changes) -> ReportExport:
    """A finished report on a study, with overlays of chance."""
    rng = np.random.default_rng(0)
    sentences = tuple(split_sentences(REPORT))
    grids = [rng.random((8, 8), dtype=np.float32) for _ in range(2 * len(sentences))]
    overlays = tuple(
        Overlay(sentence, grids[2 * n], grids[2 * n + 1] if study.has_prior else None)
        for n, sentence in enumerate(sentences)
    )
    fields = {"draft": "Moderate left pleural effusion.", "report": REPORT, "sentences": sentences, "card": CARD}
    return ReportExport(study, **fields | {"written_at": NOON, "overlays": overlays} | changes)


def written(export, form, folder):
    """The path of an export on the disk."""
    path = folder / export.file_name(FORMS[form].suffix)
    path.write_bytes(FORMS[form].write(export))
    return path


def items(node):
    """All content items below a node of a structured report."""
    for item in node.get("ContentSequence", []):
        yield item
        yield from items(item)


def concept(item) -> str:
    return item.ConceptNameCodeSequence[0].CodeMeaning


def words(form, path) -> str:
    """All that an export says, read by a program of its kind, its lines joined."""
    if form == "pdf":
        said = " ".join(page.extract_text() for page in PdfReader(path).pages)
    elif form == "dicom":
        report = EnhancedSR.from_dataset(pydicom.dcmread(path))
        said = " ".join(str(item.TextValue) for item in items(report) if item.ValueType == "TEXT")
    elif form == "fhir":
        report = json.loads(path.read_bytes())
        assert DiagnosticReport.model_validate(report)
        said = f"{report['conclusion']} {base64.b64decode(report['presentedForm'][0]['data']).decode()}"
    else:
        said = path.read_text(encoding="utf-8")
    return " ".join(said.split())


def pictures(path) -> list[Image.Image]:
    """The different images of a PDF."""
    found = {bytes(image.data): image.image for page in PdfReader(path).pages for image in page.images if image.image}
    return list(found.values())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("edited", [None, EDITED_REPORT], ids=["as written", "edited"])
def test_every_export_says_what_it_is_who_wrote_it_and_when(form, edited, dicom_study, tmp_path):
    said = words(form, written(made(dicom_study, edited=edited), form, tmp_path))
    for sentence in [DISCLAIMER, CARD.name, f"PriorRG {priorrg.__version__}", CARD.note, SIMULATED, "2026-11-25 12:05"]:
        assert sentence in said
    assert (EDITED in said, NOT_EDITED in said) == (edited is not None, edited is None)
    for sentence in split_sentences(edited or REPORT):
        assert " ".join(sentence.text.split()) in said, "the report itself, whole, in the words of who wrote it last"


def test_the_clipboard_gets_the_report_first_and_then_what_it_is(dicom_study):
    copied = clipboard_text(made(dicom_study))
    assert copied.startswith(REPORT)
    assert DISCLAIMER in copied and NOT_EDITED in copied and SIMULATED in copied


def test_an_edit_that_changed_nothing_is_none(dicom_study):
    assert not made(dicom_study, edited=f" {REPORT}\n").is_edited
    assert not made(dicom_study).is_edited


def test_other_weights_are_not_said_to_be_of_simulated_images(dicom_study, tmp_path):
    export = made(dicom_study, card=replace(CARD, name="Own", kind="own", note="Learned from our archive."))
    said = words("text", written(export, "text", tmp_path))
    assert SIMULATED not in said and "Learned from our archive." in said


def test_file_names_hold_a_moment_and_nothing_else(dicom_study):
    assert made(dicom_study).file_name(".pdf") == "priorrg-report-20261125-1205.pdf"


# PDF


def drawn_lines(path) -> list[np.ndarray]:
    """(N, 2) points of each closed line on the pages of sentences that is in the colour of outlines, in points."""
    amber = " ".join(f"{int(OUTLINE[at : at + 2], 16) / 255:.10f}".rstrip("0") for at in (1, 3, 5))
    found = []
    for page in PdfReader(path).pages[1:]:
        contents = page.get_contents()
        assert contents is not None
        for drawn in re.findall(rf"{amber} RG(.*?)\nS\b", contents.get_data().decode("latin-1"), re.DOTALL):
            found.append(np.array(re.findall(r"([-\d.]+) ([-\d.]+) [ml]\b", drawn), dtype=float))
    return found


def test_a_pdf_shows_both_images_and_outlines_each_sentence_on_both_with_a_legend(dicom_study, tmp_path):
    path = written(made(dicom_study), "pdf", tmp_path)
    found = pictures(path)
    assert sorted(image.width for image in found) == [420, 420, 1000, 1000], "each film once in each size"
    assert not any(np.ptp(np.asarray(image.convert("RGB")), axis=2).any() for image in found), "no tint hides lung"
    films = [np.asarray(picture(film, 1000)) for film in (dicom_study.current, dicom_study.prior)]
    large = [np.asarray(image.convert("L")) for image in found if image.width == 1000]
    assert all(any(np.array_equal(image, film) for image in large) for film in films), "upright"
    assert len(drawn_lines(path)) >= 6 and LEGEND in words("pdf", path)


def test_a_pdf_outlines_what_the_overlay_shows_on_the_square_that_the_model_saw(make_radiograph, tmp_path):
    """Films that are not square, one hot patch each off the diagonal: current wide and prior tall."""
    films = [replace(make_radiograph(1), pixels=np.full(shape, 400, np.uint16)) for shape in ((300, 900), (900, 300))]
    grids, hot = [np.zeros((8, 8), np.float32) for _ in films], [(1, 5), (6, 2)]
    for grid, place in zip(grids, hot, strict=True):
        grid[place] = 1
    sentences = tuple(split_sentences("No effusion."))
    overlay = Overlay(sentences[0], grids[0], grids[1])
    export = made(Study(*films), report="No effusion.", sentences=sentences, overlays=(overlay,))
    path = written(export, "pdf", tmp_path)
    current, prior = (line.mean(axis=0) for line in drawn_lines(path))
    patch = EDGE / 3 / 8  # of a seen square that is a third of the longer edge
    across, up = prior - current
    # Both squares lie in the middle of their places, which stand side by side; the prior's hangs a third lower.
    assert across == pytest.approx(EDGE + GAP + (2 - 5) * patch, abs=1)
    assert up == pytest.approx(-EDGE / 3 - (6 - 1) * patch, abs=1)


def test_a_pdf_without_a_prior_says_so(dicom_study, tmp_path):
    path = written(made(replace(dicom_study, prior=None)), "pdf", tmp_path)
    assert len(pictures(path)) == 2, "the film, large and small"
    assert "No prior image: nothing was compared." in words("pdf", path)


def test_a_long_report_goes_on_over_pages_that_each_carry_the_disclaimer(dicom_study, tmp_path):
    long = " ".join(f"Sentence number {n} of a report with a {'long' * 40} word." for n in range(80))
    pages = PdfReader(written(made(dicom_study, edited=long), "pdf", tmp_path)).pages
    texts = [" ".join(page.extract_text().split()) for page in pages]
    assert len(pages) > 3
    assert all(DISCLAIMER in text and EDITED in text for text in texts)
    assert "Sentence number 79" in " ".join(texts)
    assert texts[-1].endswith(f"page {len(pages)} of {len(pages)}")


# DICOM structured report


@pytest.fixture
def named(tmp_path):
    """A current radiograph in DICOM of somebody with a name."""
    data = pydicom.dcmread(DICOM / "current.dcm")
    data.PatientName, data.PatientID, data.PatientBirthDate = "Sehrgeheim^Erika", "ID-4711", "19501231"
    data.AccessionNumber = "ACC-0815"
    data.save_as(tmp_path / "named.dcm")
    return data, read_radiograph(tmp_path / "named.dcm")


def test_a_structured_report_stands_in_its_study_and_points_at_both_images(dicom_study, named, tmp_path):
    source, current = named
    before = pydicom.dcmread(DICOM / "prior.dcm")
    path = written(made(replace(dicom_study, current=current)), "dicom", tmp_path)
    report = EnhancedSR.from_dataset(pydicom.dcmread(path))
    assert report.StudyInstanceUID == source.StudyInstanceUID
    assert report.SeriesInstanceUID not in (source.SeriesInstanceUID, before.SeriesInstanceUID)
    assert set(report.get_evidence()) == {
        (data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID, data.SOPClassUID)
        for data in (source, before)
    }
    shown = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items(report) if item.ValueType == "IMAGE"
    ]
    assert shown == [source.SOPInstanceUID, before.SOPInstanceUID]


def test_a_structured_report_is_preliminary_unverified_and_of_nobody(dicom_study, named, tmp_path):
    _, current = named
    path = written(made(replace(dicom_study, current=current)), "dicom", tmp_path)
    report = pydicom.dcmread(path)
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "PARTIAL",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    for field in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber"):
        assert field in report and not report[field].value
    for identifier in (b"Sehrgeheim", b"Erika", b"4711", b"19501231", b"0815"):
        assert identifier not in path.read_bytes()
    assert MATCHING in words("dicom", path) and "match by Study Instance UID" in report.SeriesDescription


def test_a_structured_report_holds_its_sentences_with_codes_for_what_is_present(dicom_study, tmp_path):
    report = pydicom.dcmread(written(made(dicom_study), "dicom", tmp_path))
    section = next(item for item in items(report) if item.ValueType == "CONTAINER" and concept(item) == "Findings")
    assert [item.TextValue for item in section.ContentSequence] == [s.text for s in split_sentences(REPORT)]
    effusion, heart, _ = section.ContentSequence
    code = effusion.ContentSequence[0]
    assert code.ConceptCodeSequence[0].CodeMeaning == "Pleural effusion"
    assert code.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Left"
    assert heart.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Cardiomegaly"
    coded = {i.ConceptCodeSequence[0].CodeMeaning for i in items(section) if i.ValueType == "CODE"}
    assert "Pneumothorax" not in coded, "what is denied gets no code"


def test_only_sentences_of_a_human_are_marked_as_such(dicom_study, tmp_path):
    report = pydicom.dcmread(written(made(dicom_study, edited=EDITED_REPORT), "dicom", tmp_path))
    section = next(item for item in items(report) if item.ValueType == "CONTAINER" and concept(item) == "Findings")
    marked = {
        item.TextValue: any(below.get("TextValue") == HUMAN_SENTENCE for below in items(item))
        for item in section.ContentSequence
    }
    assert list(marked.values()) == [False, True, False]
    assert any("Herzgröße" in text for text in marked), "any letter survives"


def test_a_prior_that_was_no_dicom_is_told_in_words(dicom_study, tmp_path):
    study = replace(dicom_study, prior=read_radiograph(PNG / "prior.png"))
    report = EnhancedSR.from_dataset(pydicom.dcmread(written(made(study), "dicom", tmp_path)))
    assert len(report.get_evidence()) == 1
    assert "no DICOM object" in words("dicom", written(made(study), "dicom", tmp_path))


def without_uids(data):
    del data.SeriesInstanceUID


def with_a_name_for_a_uid(data):
    data.StudyInstanceUID = "Sehrgeheim^Erika"


def of_a_private_kind(data):
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.3.4.5"


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (None, "came as PNG, without a DICOM study"),
        (without_uids, "lacks its study, series or instance UID"),
        (with_a_name_for_a_uid, "lacks its study, series or instance UID"),
        (of_a_private_kind, "private or unknown kind"),
    ],
    ids=["PNG", "no series", "no UID", "private"],
)
def test_without_a_study_to_stand_in_there_is_a_reason_and_no_structured_report(damage, sentence, tmp_path):
    if damage is None:
        study = Study(read_radiograph(PNG / "current.png"))
    else:
        data = pydicom.dcmread(DICOM / "current.dcm")
        damage(data)
        data.save_as(tmp_path / "damaged.dcm", enforce_file_format=False)
        study = Study(read_radiograph(tmp_path / "damaged.dcm"))
    with pytest.raises(ExportError, match=sentence) as refusal:
        check_form(FORMS["dicom"], study)
    assert "PDF, text or FHIR" in str(refusal.value) and "Sehrgeheim" not in str(refusal.value)
    with pytest.raises(ExportError):
        FORMS["dicom"].write(made(study))
    for form in ("text", "pdf", "fhir"):
        assert FORMS[form].write(made(study))


def test_uids_are_neither_shown_nor_logged(dicom_study, caplog):
    reference = dicom_study.current.reference
    with caplog.at_level(logging.DEBUG):
        FORMS["dicom"].write(made(dicom_study))
    shown = repr(dicom_study.current) + repr(dicom_study) + repr(reference) + caplog.text
    for uid in (reference.study_uid, reference.series_uid, reference.instance_uid):
        assert uid not in shown


# FHIR


@pytest.mark.parametrize("edited", [None, EDITED_REPORT], ids=["as written", "edited"])
def test_a_fhir_report_is_valid_by_two_libraries_and_preliminary(edited, dicom_study, tmp_path):
    path = written(made(dicom_study, edited=edited), "fhir", tmp_path)
    report = DiagnosticReport.model_validate_json(path.read_bytes())
    again = R4DiagnosticReport(json.loads(path.read_text(encoding="utf-8")), strict=True)  # by R4's own definitions
    assert report.status == again.status == "preliminary"
    assert [
        observation.valueString for observation in again.contained or [] if observation.resource_type == "Observation"
    ] == [sentence.text for sentence in split_sentences(edited or REPORT)]


def test_all_that_a_fhir_report_contains_is_pointed_at_and_the_other_way_round(dicom_study):
    report = json.loads(FORMS["fhir"].write(made(dicom_study, edited=EDITED_REPORT)))
    contained = {resource["id"] for resource in report["contained"]}
    assert set(re.findall(r'"#([\w-]+)"', json.dumps(report))) == contained
    by_model = [o for o in report["contained"] if o["resourceType"] == "Observation" and "device" in o]
    assert [o["valueString"] for o in by_model] == ["Large left pleural effusion, increased.", "No pneumothorax."]


def test_a_fhir_report_names_the_studies_that_came_as_dicom_and_no_patient(dicom_study, named):
    source, current = named
    text = FORMS["fhir"].write(made(replace(dicom_study, current=current))).decode()
    report = json.loads(text)
    studies = [resource for resource in report["contained"] if resource["resourceType"] == "ImagingStudy"]
    assert studies[0]["identifier"][0]["value"] == f"urn:oid:{source.StudyInstanceUID}"
    assert studies[0]["series"][0]["instance"][0]["uid"] == source.SOPInstanceUID
    assert len(studies) == 2
    for identifier in ("Sehrgeheim", "4711", "1950-12-31", "0815", '"Patient"'):
        assert identifier not in text


def test_a_fhir_report_on_png_images_names_no_study(tmp_path):
    study = Study(read_radiograph(PNG / "current.png"), read_radiograph(PNG / "prior.png"))
    path = written(made(study), "fhir", tmp_path)
    report = DiagnosticReport.model_validate_json(path.read_bytes())
    assert report.imagingStudy is None and "PNG" in words("fhir", path)


def test_code_in_an_edited_report_stays_text(dicom_study):
    attack = "<script>alert(1)</script> & more."
    report = json.loads(FORMS["fhir"].write(made(dicom_study, edited=attack)))
    assert "<script>" not in report["text"]["div"] and "&lt;script&gt;" in report["text"]["div"]


# The command line


def test_the_command_line_writes_each_form_by_the_file_name(small_weights, tmp_path, capsys):
    paths = {form: tmp_path / f"report{FORMS[form].suffix}" for form in FORMS}
    options = [part for path in paths.values() for part in ("--out", str(path))]
    images = [str(DICOM / "current.dcm"), "--prior", str(DICOM / "prior.dcm")]
    assert main(["report", *images, "--weights", str(small_weights), "--json", *options]) == 0
    report = json.loads(capsys.readouterr().out)["report"]
    for form, path in paths.items():
        said = words(form, path)
        assert DISCLAIMER in said and NOT_EDITED in said and "small random weights" in said
    assert report.split()[0] in words("text", paths["text"])
    assert len(pictures(paths["pdf"])) == 4


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("report.docx", "does not say in which form"),
        ("report.dcm", "came as PNG"),
        ("no/such/folder/report.pdf", "No such file or directory"),
    ],
)
def test_the_command_line_refuses_before_it_reads(name, sentence, small_weights, tmp_path, capsys):
    arguments = [str(PNG / "current.png"), "--weights", str(small_weights), "--out", str(tmp_path / name)]
    assert main(["report", *arguments]) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err and "Traceback" not in printed.err and printed.out == ""


def test_an_ending_in_capitals_is_the_same_ending():
    assert form_of("REPORT.PDF") is FORMS["pdf"]


# The page


def finished(study, edits=()) -> Session:
    """A session whose report stands."""
    export = made(study)
    session, run = Session(), Run(study)
    session.begin(run)
    session.take_report(run, export.draft, ReportDone(REPORT, (), export.sentences, ()))
    session.overlays["attention"] = list(export.overlays)
    session.edits = tuple(edits)
    return session


def test_the_page_is_handed_each_form_as_it_stands_at_that_moment(dicom_study, tmp_path):
    session = finished(dicom_study)
    for form in FORMS:
        answer = take_away(session, CARD, form, "gradient")
        assert re.fullmatch(r"priorrg-report-\d{8}-\d{4}\.\w+", answer["name"])
        (tmp_path / answer["name"]).write_bytes(base64.b64decode(answer["data"]))
        assert NOT_EDITED in words(form, tmp_path / answer["name"])
    session.edits = (EditedSentence("Heart enlarged.", 1),)
    copied = take_away(session, CARD, "copy", "attention")["text"]
    assert copied.startswith("Heart enlarged.") and EDITED in copied
    first, second = (take_away(session, CARD, "text", "attention")["id"] for _ in range(2))
    assert first != second, "the same file asked for twice comes twice"


def test_without_a_report_the_page_is_told_why_there_is_nothing_to_take(dicom_study):
    with pytest.raises(StudyError, match="no finished report"):
        take_away(Session(), CARD, "pdf", "attention")
    session = finished(dicom_study)
    session.put("prior", None)
    with pytest.raises(StudyError, match="images were changed"):
        take_away(session, CARD, "copy", "attention")
    session = finished(dicom_study, [EditedSentence(s.text, n, True) for n, s in enumerate(split_sentences(REPORT))])
    with pytest.raises(StudyError, match="no sentence any more"):
        take_away(session, CARD, "text", "attention")


def test_a_reader_copies_and_downloads_every_form_and_nothing_of_it_lies_on_the_server(app, page, tmp_path):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert not page.is_visible("#exports .exports-bar"), "nothing to take away yet"
    page.click("#generate")
    page.wait_for_selector("#report .sentence", timeout=60_000)
    page.wait_for_function("() => document.querySelector('#report .status').textContent.startsWith('Finished')")
    for form in FORMS:
        with page.expect_download(timeout=60_000) as coming:
            page.click(f"#exports button[data-form={form}]")
        path = tmp_path / coming.value.suggested_filename
        coming.value.save_as(path)
        assert path.suffix == FORMS[form].suffix
        said = words(form, path)
        assert DISCLAIMER in said and NOT_EDITED in said and SIMULATED in said
    page.click("#exports button[data-form=copy]")
    page.wait_for_function("() => document.querySelector('#exports').textContent.includes('Copied')")
    sentence = page.inner_text("#report .sentence >> nth=0")
    assert page.evaluate("navigator.clipboard.readText()").startswith(" ".join(sentence.split()))
    left = [file for file in app.uploads.rglob("*") if file.is_file() and file.stat().st_size]
    assert left == []


def test_what_a_report_cannot_become_is_known_before_anybody_asks_and_said_in_the_readers_language(study):
    assert set(refusals(study)) == {"dicom"} and "without a DICOM study" in refusals(study)["dicom"]
    with texts.speaking("de"):
        assert "ohne DICOM-Studie" in refusals(study)["dicom"]


def test_a_german_page_hands_out_english_files_and_says_so_in_german(dicom_study):
    with texts.speaking("de"):
        answer = take_away(finished(dicom_study), CARD, "text", "gradient")
    taken = base64.b64decode(answer["data"]).decode()
    assert "not a medical device" in taken and "Medizinprodukt" not in taken
    assert answer["said"].startswith("Gespeichert")
