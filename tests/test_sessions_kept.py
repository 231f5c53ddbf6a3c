"""What a session keeps: events that are there or not, once, until their reader withdraws; a state rebuilt from them."""

import pytest
from PIL import Image

from priorrg.reporting.reporter import Reporter
from priorrg.sessions.prepare import prepare, prepared, to_prepare
from priorrg.sessions.session import Session

PROTOCOL = """\
title: Small
kind: score
instructions: Read.
consent: I take part.
cases: cases.csv
readers: 2
arms:
  - {name: refined, report: refined, show: [overlays]}
  - {name: alone, report: refined, prior: false}
  - {name: draft, report: draft}
  - {name: human, report: reference}
repeats: 1
washout_days: 14
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory, make_radiograph):
    folder = tmp_path_factory.mktemp("sessions")
    for seed in (1, 2, 3):
        Image.fromarray(make_radiograph(seed).display()).save(folder / f"{seed}.png")
    rows = ["case,current,prior,indication,reference", 'a,1.png,2.png,Cough.,"Clear lungs. No effusion."']
    rows += ["b,2.png,,Fever.,Small left effusion.", "c,3.png,1.png,,Normal."]
    (folder / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "small.yaml").write_text(PROTOCOL, encoding="utf-8")
    return Session.at(folder / "small.yaml")


def test_reports_are_generated_once_and_whoever_was_interrupted_goes_on(session, small_weights):
    loaded = []

    def load(name):
        loaded.append(name)
        return Reporter.load(small_weights)

    assert len(to_prepare(session)) == 6, "draft and refined report of a case are one reading, the human's is none"
    for done, of in prepare(session, load):
        assert of == 6
        if done == 2:
            break  # interrupted
    assert len(to_prepare(session)) == 4
    assert list(prepare(session, load))[-1] == (4, 4) and to_prepare(session) == []
    assert list(prepare(session, load)) == [(0, 0)] and len(loaded) == 2

    refined, alone = prepared(session, "a", "refined"), prepared(session, "a", "alone")
    assert refined and alone and refined.text != alone.text
    assert len(refined.overlays) == len(refined.sentences) == len(refined.confidences)
    current, prior = refined.overlays[0]
    assert current.shape == (4, 4) and prior is not None and alone.overlays[0][1] is None
    assert refined.weights == "small random weights" and len(refined.weights_digest) == 16
    draft = prepared(session, "a", "draft")
    assert draft and draft.text != refined.text and draft.weights_digest == refined.weights_digest
    human = prepared(session, "a", "human")
    assert human and human.sentences == ("Clear lungs.", "No effusion.") and human.weights == ""
