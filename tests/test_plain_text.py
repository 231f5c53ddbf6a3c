"""Text that somebody else wrote: what is invisible in it goes, what can be read stays, everywhere."""

import base64
import csv
import datetime
import io
import json
import pathlib
import sys
import unicodedata
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from PIL import Image

from priorrg.__main__ import main
from priorrg.assets import EXAMPLES
from priorrg.errors import PriorRGError
from priorrg.export.contents import ReportExport
from priorrg.export.dicom_sr import write_dicom_sr
from priorrg.export.fhir import write_fhir
from priorrg.export.pdf import write_pdf
from priorrg.export.text import clipboard_text, write_text
from priorrg.feedback.export import export_csv
from priorrg.feedback.store import Feedback, FeedbackStore, SentenceMark
from priorrg.imaging.open import read_radiograph
from priorrg.plain_text import plain_text
from priorrg.report.sentences import split_sentences
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.study import ClinicalContext, Radiograph, Study, check_context
from priorrg.ui.api import Asked, Uploads
from priorrg.ui.context import context_payload
from priorrg.ui.editing import edit, left_unsent
from priorrg.ui.feedback import send_feedback
from priorrg.ui.queue import Client
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session

HOSTILE = (
    "Small\x00 left\x07 eff\u200busion\x1b[31m \u202etfel\u202c\u2066 and\ufeff \ud83d more\ufdd0\U0001fffe."
    "\x85\U000e0041End\x9b."
)
# A file or an answer holds none of these, whoever wrote into it.
FORBIDDEN = {*map(chr, range(9)), *map(chr, range(14, 32)), *map(chr, range(0x7F, 0xA0))}
FORBIDDEN |= set("\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufdd0\U0001fffe\U000e0041")


def is_plain(text: str) -> bool:
    text.encode("utf-8")  # a lone surrogate raises
    return not FORBIDDEN & set(text)


def test_control_characters_overrides_and_what_is_invisible_go_and_the_words_stay():
    assert plain_text(HOSTILE) == "Small left effusion[31m tfel and \ufffd more.\nEnd."
    assert plain_text("a\tb\r\nc\vd\u2028e") == "a b\nc\nd\ne"
    assert plain_text("") == "" and plain_text("No effusion.") == "No effusion."


def test_half_a_pair_is_a_visible_gap_and_a_whole_pair_its_letter():
    assert plain_text("\ud83d\ude00") == "\U0001f600"
    assert plain_text("a\udc80b") == "a\ufffdb" and plain_text("\ud800") == "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "\u0627\u0646\u0635\u0628\u0627\u0628 \u062c\u0646\u0628\u064a \u200f(left)",
        "\u05d1\u05d3\u05d9\u05e7\u05d4 \u200ePA\u200e",
        "\u0645\u06cc\u200c\u0634\u0648\u062f",  # Persian: the joiner keeps two letters apart
        "\u0915\u094d\u200d\u0937",  # Hindi: the joiner makes the half form
        "e\u0301 A\u030a \u0e1b\u0e2d\u0e14 \u80ba",
        "\U0001f469\u200d\u2695\ufe0f",
    ],
)
def test_scripts_that_run_to_the_left_marks_joiners_and_emoji_stay(text):
    assert plain_text(text) == text


def test_no_letter_that_can_be_read_is_lost():
    letters = [chr(number) for number in range(sys.maxunicode + 1)]
    readable = "".join(letter for letter in letters if unicodedata.category(letter)[0] in "LMNPS")
    assert plain_text(readable) == readable
    assert is_plain(plain_text(" ".join(letters)))


# Where text comes in


@pytest.fixture
def radiograph_file(tmp_path, make_radiograph):
    path = tmp_path / "current.png"
    Image.fromarray(make_radiograph(1).display()).save(path)
    return path


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


def test_indication_and_history_are_plain_for_the_page_the_api_and_the_command_line(reporter, radiograph_file):
    context = check_context(ClinicalContext(HOSTILE, HOSTILE))
    assert is_plain(context.indication) and "left effusion" in context.indication and "\n" not in context.history
    assert is_plain(json.dumps(context_payload(reporter, HOSTILE, HOSTILE), ensure_ascii=False))
    asked = Asked(str(radiograph_file), indication=HOSTILE, history=HOSTILE)
    with Uploads(reporter, asked, Client()) as uploads:
        study = uploads.study()
    assert is_plain(study.context.indication) and is_plain(study.context.history)


def test_what_an_error_quotes_is_plain(reporter, tmp_path):
    assert is_plain(str(PriorRGError(HOSTILE)))
    with pytest.raises(PriorRGError) as raised:
        reporter.processor.check_view("P\x07A\u202e\ud800")
    assert is_plain(str(raised.value))
    with pytest.raises(PriorRGError) as raised:
        read_radiograph(b"no image at all", name=HOSTILE)
    assert is_plain(str(raised.value)) and "Small left effusion" in str(raised.value)


def test_edits_and_what_was_not_sent_are_plain_on_the_page(reporter, tmp_path, make_radiograph):
    runs, store = Runs(reporter), FeedbackStore(tmp_path / "feedback.sqlite3")
    session = Session()
    session.put("current", make_radiograph(1))
    runs.press(session, HOSTILE, HOSTILE, "PA", "PA")
    assert session.run is not None
    assert is_plain(session.run.study.context.indication)
    list(runs.generate(session, "attention"))
    payload = edit(session, session.run.key, [{"text": HOSTILE, "source": None, "removed": False}])
    assert is_plain(json.dumps(payload, ensure_ascii=False)) and is_plain(session.edited_text or "")
    assert is_plain(left_unsent(session, HOSTILE, HOSTILE))
    assert send_feedback(store, reporter.config, session, 3, HOSTILE, HOSTILE)
    (kept,) = store.rows()
    assert is_plain(kept.feedback.comment) and is_plain(kept.feedback.corrected_report)


# Where text goes out


@pytest.fixture
def export():
    def image(seed: int) -> Radiograph:
        pixels = np.random.default_rng(seed).integers(0, 4096, (64, 80)).astype(np.uint16)
        return Radiograph(pixels, (2048, 4096), HOSTILE, datetime.date(2026, 1, 2), "PNG", 12)

    report = "Small left effusion."
    study = Study(image(1), image(2), ClinicalContext(HOSTILE, HOSTILE))
    sentences = tuple(split_sentences(report))
    now = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    return ReportExport(study, report, report, sentences, WeightsCard("w", "own", "", ""), now, edited=HOSTILE)


def test_no_export_carries_what_is_invisible(export):
    fhir = write_fhir(export)
    form = base64.b64decode(json.loads(fhir)["presentedForm"][0]["data"]).decode("utf-8")
    for text in (write_text(export), clipboard_text(export), json.dumps(json.loads(fhir), ensure_ascii=False), form):
        assert is_plain(text) and "left effusion" in text
    assert write_pdf(export).startswith(b"%PDF")


def test_a_structured_report_carries_nothing_invisible(export):
    image = read_radiograph(EXAMPLES / "growing-effusion" / "current.dcm")
    written = write_dicom_sr(replace(export, study=Study(image, None, ClinicalContext(HOSTILE, HOSTILE))))
    report = pydicom.dcmread(io.BytesIO(written))
    values = [element.value for element in report.iterall() if isinstance(element.value, str)]
    assert len(values) > 10 and all(map(is_plain, values)) and any("left effusion" in value for value in values)


def test_feedback_is_kept_plain_and_exported_plain(tmp_path):
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    told = dict.fromkeys(
        ("coarse_draft", "refined_report", "corrected_report", "comment", "indication", "history", "weights_name"),
        HOSTILE,
    )
    told["comment"] = "\u200b=1+1"  # a formula, once what is invisible has gone
    told |= dict.fromkeys(("view_position", "prior_view_position", "reader", "session"), HOSTILE)
    store.add(
        Feedback(
            rating=3,
            marks=(SentenceMark(HOSTILE, 0, "other"),),
            has_prior=False,
            current_fingerprint="",
            prior_fingerprint="",
            weights_kind="own",
            settings={},
            **told,
        )
    )
    (kept,) = store.rows()
    assert all(is_plain(getattr(kept.feedback, name)) for name in told) and is_plain(kept.feedback.marks[0].sentence)
    export_csv(store.path, tmp_path / "feedback.csv")
    with pathlib.Path(tmp_path / "feedback.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert all(is_plain(cell) for row in rows for cell in row)
    assert dict(zip(*rows, strict=True))["comment"] == "'=1+1"


def test_the_command_line_takes_arguments_that_are_no_text(radiograph_file, tmp_path, small_weights, capsys):
    """Bytes that are not UTF-8 reach Python's arguments as lone surrogates."""
    out = tmp_path / "report.txt"
    command = ["report", str(radiograph_file), "--weights", str(small_weights)]
    assert main([*command, "--out", str(out), "--indication", "Cough\x07 \udcff and \u202efever."]) == 0
    written = out.read_text(encoding="utf-8")
    assert is_plain(written) and "Cough \ufffd and fever." in written
    capsys.readouterr()
    assert main([*command, "--out", "re\x07port\udcff.xyz"]) == 2
    said = capsys.readouterr().err
    assert is_plain(said) and "report\ufffd.xyz" in said
