"""The API as a program uses it: the app as it is started, gradio_client, real files."""

import re
import shutil
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from priorrg import __version__
from tests.browsing import EXAMPLE
from tests.serving import ROOT

EVERY_ANSWER = {"orientation", "window", "context_note", "remarks", "weights", "weights_kind", "note", "api", "version"}


@pytest.fixture(scope="module")
def client(app):
    return Client(app.address, verbose=False)


@pytest.fixture(scope="module")
def study():
    return {
        "current": handle_file(str(EXAMPLE / "current.dcm")),
        "prior": handle_file(str(EXAMPLE / "prior.dcm")),
        "indication": "Evaluate for effusion.",
    }


@pytest.fixture(scope="module")
def overlay(client, study):
    return client.predict(**study, method="gradient", api_name="/overlay")


def test_four_endpoints_are_named_and_nothing_else_can_be_called(client):
    listed = client.view_api(return_format="dict", print_info=False)
    assert set(listed["named_endpoints"]) == {"/report", "/draft", "/overlay", "/where"}
    assert not listed["unnamed_endpoints"]
    names = [parameter["parameter_name"] for parameter in listed["named_endpoints"]["/overlay"]["parameters"]]
    asked = ["current", "prior", "indication", "history", "view", "prior_view", "method"]
    assert names == [*asked, "orientation", "prior_orientation", "window", "prior_window", "write_on"]


def test_the_documents_example_runs_as_it_stands(app, tmp_path, monkeypatch, capsys):
    document = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "gradio_client" in block]
    for name in ("current.dcm", "prior.dcm"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert code.count("http://localhost:7860") == 1
    exec(code.replace("http://localhost:7860", app.address), {})
    said = capsys.readouterr().out
    assert "effusion" in said, "the draft and the sentences were printed"


def test_draft_and_report_are_the_same_texts_everywhere(client, study, overlay):
    draft = client.predict(**study, api_name="/draft")
    report = client.predict(**study, api_name="/report")
    assert set(draft) == EVERY_ANSWER | {"coarse_draft"}
    assert set(report) == EVERY_ANSWER | {"coarse_draft", "refined_report", "sentences", "is_cut"}
    assert draft["coarse_draft"] and draft["coarse_draft"] == report["coarse_draft"] == overlay["coarse_draft"]
    assert {key: overlay[key] for key in report} == report
    assert (report["api"], report["version"]) == (1, __version__)
    assert "not a medical device" in report["note"] and report["weights"] and report["weights_kind"] == "simulated"


def test_each_sentence_has_a_grid_on_both_images(overlay):
    assert overlay["sentences"] and overlay["method"] == "gradient"
    assert [one["sentence"] for one in overlay["overlays"]] == overlay["sentences"]
    for one in overlay["overlays"]:
        assert overlay["refined_report"][one["start"] : one["end"]] == one["sentence"]
        for side in ("current", "prior"):
            grid = one[side]
            assert len(grid) > 1 and {len(row) for row in grid} == {len(grid)}, "G rows of G"
            assert all(value >= 0 for row in grid for value in row)
            lit = any(value > 0 for row in grid for value in row)
            assert lit == bool(one["boxes"][side]), "boxes where there is heat; the closing sentence has none"
        if one["shares"]:
            assert sum(one["shares"]) == pytest.approx(1)
    for side in ("current", "prior"):
        seen = overlay["seen"][side]
        assert 0 <= seen["left"] < seen["left"] + seen["width"] <= 1 and seen["height"] <= 1


def test_without_a_prior_there_is_no_grid_on_it(client, study):
    answer = client.predict(current=study["current"], api_name="/overlay")
    assert answer["method"] == "grounding" and answer["seen"]["prior"] is None
    assert all(one["prior"] is None and one["shares"] is None for one in answer["overlays"])


def test_any_text_is_shown_where_it_points(client, study):
    text = "left effusion. Is there a right pneumothorax?"
    answer = client.predict(**study, text=text, api_name="/where")
    assert [one["sentence"] for one in answer["overlays"]] == ["left effusion.", "Is there a right pneumothorax?"]
    assert text[answer["overlays"][1]["start"] :] == "Is there a right pneumothorax?"
    assert set(answer) == EVERY_ANSWER | {"method", "overlays", "seen"}
    with pytest.raises(Exception, match="0 sentences were given"):
        client.predict(**study, text=" ", api_name="/where")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current": None}, "no current image"),
        ({"view": "sideways"}, "view position 'sideways' is not known"),
        ({"method": "guess"}, "method 'guess' is not known. There are: grounding, attention, gradient"),
        ({"indication": "cough " * 2000}, "characters"),
        ({"prior": "letter"}, "^Prior image: "),
    ],
)
def test_what_cannot_be_read_comes_back_as_a_sentence(client, study, tmp_path, change, said):
    if change.get("prior"):
        letter = tmp_path / "letter.dcm"
        letter.write_text("Dear colleague, thank you for referring this patient.", encoding="utf-8")
        change = {"prior": handle_file(str(letter))}
    with pytest.raises(Exception, match=said) as caught:
        client.predict(**study | change, api_name="/overlay")
    assert "Traceback" not in str(caught.value) and "/" not in str(caught.value)


def test_nothing_that_was_sent_stays_on_the_disk(app, overlay):
    left = [file for file in app.uploads.rglob("*") if file.is_file() and file.stat().st_size]
    assert left == []
    assert "Evaluate for" not in app.log.read_text(encoding="utf-8") and ".dcm" not in app.log.read_text(
        encoding="utf-8"
    )


def test_two_uploads_of_one_file_lie_apart_so_that_nobody_deletes_the_others(app):
    file = EXAMPLE / "current.dcm"
    paths = [
        Path(httpx.post(f"{app.address}/gradio_api/upload", files={"files": ("film.dcm", file.read_bytes())}).json()[0])
        for _ in range(2)
    ]
    try:
        assert paths[0].parent != paths[1].parent
        assert all(path.read_bytes() == file.read_bytes() for path in paths)
    finally:
        for path in paths:
            path.unlink()


def test_of_many_calls_at_once_those_that_may_not_wait_are_told_so(study, patient_app):
    clients = [Client(patient_app.address, verbose=False) for _ in range(4)]
    jobs = [client.submit(**study, api_name="/draft") for client in clients]
    said = [str(job.exception(timeout=600) or "read") for job in jobs]
    refused = [one for one in said if one != "read"]
    assert said.count("read") >= 2, "one is read and one may wait"
    assert refused and all("The queue is full" in one for one in refused)
