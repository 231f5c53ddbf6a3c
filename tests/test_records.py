"""Records as data sets of the world hold them: read rightly, or named, counted and left out."""

import json

import pytest

from priorrg.errors import DataError
from priorrg.study import UNKNOWN_VIEW
from train.data import read_annotation, read_view_positions
from train.placeholders import without_placeholders

PRIOR = {"latest_study": {"image_path": ["before.png"], "view_position": ["AP"]}}
NAN = float("nan")


def record(**changes):
    fields = {
        "subject_id": 10,
        "study_id": 20,
        "id": "image 30",
        "anchor_scan": {"image_path": ["now.png"], "view_position": ["PA"]},
        "prior_study": PRIOR,
        "indication_pure": "Cough.",
        "history_pure": "",
        "findings": "Small left effusion.",
        "findings_factual_serialization": ["a fact"],
    }
    return fields | changes


def scan(path, view=("PA",)):
    return {"image_path": path, "view_position": list(view) if isinstance(view, tuple) else view}


@pytest.fixture
def read(tmp_path):
    """A function records -> (those of the split `train`, read from a file that holds them)."""

    def read(*records, **settings):
        file = tmp_path / "annotation.json"
        file.write_text(json.dumps({"train": records}), encoding="utf-8")
        return read_annotation(file, **settings)["train"]

    return read


# Read rightly


@pytest.mark.parametrize("path", [["now.png"], "now.png", [" now.png"]])
def test_an_image_path_may_stand_in_a_list_or_by_itself(read, path):
    assert read(record(anchor_scan=scan(path)))[0].current == "now.png"


def test_a_path_that_was_written_on_windows_is_found_elsewhere(read):
    prior = {"latest_study": scan(["p1\\s1\\before.png"])}
    (one,) = read(record(anchor_scan=scan(["p1\\s2\\now.png"]), prior_study=prior))
    assert (one.current, one.prior) == ("p1/s2/now.png", "p1/s1/before.png")


VIEWS = [(["AP"], "AP"), ("AP", "AP"), ([None], UNKNOWN_VIEW), ([], UNKNOWN_VIEW)]


@pytest.mark.parametrize(("view", "read_as"), VIEWS)
def test_a_view_position_may_stand_in_a_list_by_itself_or_be_missing(read, view, read_as):
    assert read(record(anchor_scan=scan(["now.png"], view)))[0].view == read_as


@pytest.mark.parametrize("prior", [None, NAN, {}, {"latest_study": None}, {"latest_study": {}}])
def test_no_prior_study_is_written_in_many_ways(read, prior):
    (one,) = read(record(prior_study=prior))
    assert (one.prior, one.prior_view) == (None, UNKNOWN_VIEW)


@pytest.mark.parametrize("nothing", [None, NAN, "", "  ", "___", " ___ ."])
def test_a_context_that_is_not_there_is_empty(read, nothing):
    (one,) = read(record(indication_pure=nothing, history_pure=nothing))
    assert (one.context.indication, one.context.history) == ("", "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("read_file", ["annotation", "view positions"])
def test_a_file_may_have_a_byte_order_mark_or_be_latin_1(tmp_path, encoding, read_file):
    file = tmp_path / "file.json"
    if read_file == "annotation":
        written = {"train": [record(findings="Pleuraerguß, größer.")]}
        file.write_bytes(json.dumps(written, ensure_ascii=False).encode(encoding))
        assert read_annotation(file)["train"][0].findings == "Pleuraerguß, größer."
    else:
        file.write_bytes(json.dumps({"unk": 0, "schräg": 1}, ensure_ascii=False).encode(encoding))
        assert read_view_positions(file) == {"unk": 0, "schräg": 1}


# De-identification


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("___ year old man with cough.", "year old man with cough."),
        ("___-year-old woman with fever.", "woman with fever."),
        ("___F with dyspnea", "F with dyspnea"),
        ("As compared to ___, the effusion is larger.", "As compared to, the effusion is larger."),
        ("Discussed with Dr. ___ at ___:___ on ___/___/___.", "Discussed with Dr. at on."),
        ("___. No effusion. ___.", "No effusion."),
        ("Mr. ___'s tube (___) is in place.", "Mr. tube is in place."),
        ("XXXX-year-old with mid-XXXX pain.", "with pain."),
    ],
)
def test_placeholders_of_mimic_go_as_those_of_iu_x_ray_do(read, published, ours):
    assert without_placeholders(published) == ours
    (one,) = read(record(findings=published, indication_pure=published))
    assert one.findings == one.context.indication == ours


def test_a_text_without_a_placeholder_stays_as_it_was(read):
    text = "  Tube at T4 ; tip 2.5 cm  above the carina_ \n No effusion"
    assert read(record(findings=text))[0].findings == text


# Left out


@pytest.mark.parametrize("nothing", [None, NAN, "", "   ", "\n", "___", "___ .", "___ ___"])
def test_a_record_without_findings_is_counted_and_left_out(read, nothing, capsys):
    assert [one.study_id for one in read(record(findings=nothing, study_id=1), record())] == ["20"]
    assert "train: 1 of 2 records left out, 1 of them without findings" in capsys.readouterr().out


@pytest.mark.parametrize("nothing", [None, NAN, []])
def test_a_record_without_facts_is_left_out_as_in_the_published_code(read, nothing):
    assert len(read(record(findings_factual_serialization=nothing), record())) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anchor_scan": scan([None])}, "anchor_scan.image_path is [null]; a path was expected"),
        ({"anchor_scan": scan([])}, "anchor_scan.image_path is []; a path was expected"),
        ({"anchor_scan": scan([5])}, "anchor_scan.image_path is [5]; a path was expected"),
        ({"anchor_scan": scan(5)}, "anchor_scan.image_path is 5; a path was expected"),
        ({"anchor_scan": scan(" ")}, 'anchor_scan.image_path is " "; a path was expected'),
        ({"anchor_scan": scan(["now.png"], [3])}, "anchor_scan.view_position is [3]; a text was expected"),
        ({"anchor_scan": None}, "anchor_scan is null; an object was expected"),
        ({"anchor_scan": {"view_position": ["PA"]}}, "lacks the field anchor_scan.image_path"),
        ({"prior_study": {"latest_study": scan([NAN])}}, "prior_study.latest_study.image_path is [NaN]; a path"),
        ({"prior_study": "p1"}, 'prior_study is "p1"; an object was expected'),
        ({"subject_id": None}, "subject_id is null; a text or a number was expected"),
        ({"study_id": NAN}, "study_id is NaN; a text or a number was expected"),
        ({"findings": 7}, "findings is 7; a text was expected"),
        ({"history_pure": ["Cough."]}, 'history_pure is ["Cough."]; a text was expected'),
        ({"findings": "No \ud83d effusion."}, "findings holds half of a character"),
        ({"simulation": {"prior": None, "asked": []}}, "simulation lacks or misshapes a field: 'current'"),
    ],
)
def test_one_record_that_cannot_be_used_is_named_and_stops_nobody(read, change, said, capsys):
    assert [one.study_id for one in read(record(study_id=1), record(**change), record(study_id=3))] == ["1", "3"]
    printed = capsys.readouterr().out
    assert "left out: train record 1 (image 30): it" in printed and said in printed
    assert "train: 1 of 3 records left out, 0 of them without findings" in printed


def test_what_is_no_record_at_all_is_named_too(read, capsys):
    assert len(read("p1", None, record())) == 1
    assert "train record 0 (without id): it is no record: 'p1'" in capsys.readouterr().out


@pytest.mark.parametrize("field", ["anchor_scan", "findings", "findings_factual_serialization", "prior_study"])
def test_a_record_without_a_field_is_named(read, field, capsys):
    broken = record()
    del broken[field]
    assert len(read(broken, record())) == 1
    assert f"train record 0 (image 30): it lacks the field {field}." in capsys.readouterr().out


def test_more_of_them_than_the_limit_end_the_run_with_the_first_one(read, capsys):
    broken = [record(id=f"image {number}", anchor_scan=None) for number in range(30)]
    with pytest.raises(DataError, match=r"More than 29 records .* the first is train record 0 \(image 0\): its "):
        read(*broken, most_unusable=29)
    assert read(*broken, record(), most_unusable=30)
    assert capsys.readouterr().out.count("left out: train record") == 40, "twenty are named each time, all are counted"


def test_a_file_in_no_encoding_is_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"train": "\x81\x8d"}')
    with pytest.raises(DataError, match="neither UTF-8 nor Latin-1"):
        read_annotation(tmp_path / "a.json")
