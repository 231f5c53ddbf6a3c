"""Overlays: where each sentence came from, on the embedded weights and its simulated examples."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.path import Path as MatplotlibPath

from priorrg.assets import PAGE_FILES
from priorrg.explain.boxes import MASS, boxes, boxes_of
from priorrg.explain.drawing import levels, scales
from priorrg.explain.outlines import FAINTEST, outlines, strength
from priorrg.explain.overlays import METHODS, Overlay, explain, explain_phrases, memory_flow, methods_of, specific
from priorrg.explain.placement import Seen, seen_square
from priorrg.imaging.open import read_radiograph
from priorrg.model.vision import VisionFeatures
from priorrg.report.sentences import Sentence, split_sentences
from priorrg.reporting.batches import Batches
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.events import ReportDone
from priorrg.reporting.image_features import ImageFeatures
from priorrg.reporting.reporter import Reporter
from priorrg.study import ClinicalContext, Study
from priorrg.ui.editing import edit
from priorrg.ui.report_payload import overlay_payloads
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session

CLOSINGS = ("No other acute abnormality.", "Otherwise unremarkable.", "Nothing else of note.")
CLOSINGS += ("The remainder of the chest is unremarkable.",)
EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"


@pytest.fixture(scope="module")
def reporter():
    return Reporter.load()


@pytest.fixture(scope="module")
def examples():
    found = {}
    for file in sorted(EXAMPLES.glob("*/study.json")):
        entry, folder = json.loads(file.read_text(encoding="utf-8")), file.parent
        prior = read_radiograph(folder / entry["files"]["prior"]) if entry["has_prior"] else None
        context = ClinicalContext(entry["indication"], entry["history"])
        found[folder.name] = Study(read_radiograph(folder / entry["files"]["current"]), prior, context)
    return found


@pytest.fixture(scope="module")
def with_prior(examples):
    return examples["growing-effusion"]  # drawn, not chosen by what some weights read of it


def reading_of(reporter, study) -> ReportDone:
    return next(event for event in reporter.stream(study) if isinstance(event, ReportDone))


def overlays_of(reporter, study, method):
    done = reading_of(reporter, study)
    return explain(reporter, study, done.tokens, done.sentences, method)


@pytest.mark.parametrize("method", METHODS)
def test_every_sentence_has_an_overlay_on_both_images(reporter, with_prior, method):
    done = reading_of(reporter, with_prior)
    overlays = explain(reporter, with_prior, done.tokens, done.sentences, method)
    assert [overlay.sentence for overlay in overlays] == list(done.sentences)
    for overlay in overlays:
        for grid in (overlay.current, overlay.prior):
            assert grid is not None and grid.shape == (14, 14)
            assert np.isfinite(grid).all() and (grid >= 0).all()
            assert grid.any() != (overlay.sentence.text in CLOSINGS), "a sentence about no place shows no heat"
        # Only the gradient says how much each image weighs.
        if method != "gradient" or not overlay.current.any():
            assert overlay.shares is None
        else:
            assert overlay.shares is not None and sum(overlay.shares) == pytest.approx(1)


def test_the_one_patch_that_shows_something_is_the_one_that_lights_up_on_its_own_image(
    reporter, with_prior, monkeypatch
):
    """Above the diagonal on the current image, below it on the prior: neither transposed, shifted nor exchanged."""
    hot = {with_prior.current.fingerprint: (3, 10), with_prior.prior.fingerprint: (8, 2)}
    current, see = reporter.processor.images([with_prior.current]), reporter.model.encode_image

    def encode(pixels):
        seen = see(pixels)
        row, column = hot[(with_prior.current if torch.equal(pixels, current) else with_prior.prior).fingerprint]
        only = torch.zeros_like(seen.last_hidden_state)
        only[:, 1 + 14 * row + column] = 1  # behind the CLS token, row by row
        return VisionFeatures(seen.last_hidden_state * only, seen.hidden_states * only[:, None])

    monkeypatch.setattr(reporter.model, "encode_image", encode)
    monkeypatch.setattr(reporter, "images", ImageFeatures(Batches(reporter._encode, 1).begin, 2))
    overlays = overlays_of(reporter, with_prior, "gradient")
    overlays = [overlay for overlay in overlays if overlay.current.any()]
    assert overlays
    for overlay in overlays:
        (payload,) = overlay_payloads([overlay])
        for side, image in (("current", with_prior.current), ("prior", with_prior.prior)):
            lit = np.argwhere(getattr(overlay, side) > 0)
            assert lit.tolist() == [list(hot[image.fingerprint])]
            assert np.argwhere(np.array(payload[side]) > 0).tolist() == lit.tolist(), "so the page is told"


@pytest.mark.parametrize("method", METHODS)
def test_without_a_prior_there_is_no_overlay_on_it(reporter, with_prior, method):
    alone = replace(with_prior, prior=None)
    for overlay in overlays_of(reporter, alone, method):
        assert overlay.prior is None and overlay.shares is None


@pytest.mark.parametrize("method", METHODS)
def test_sentences_differ_in_what_they_point_to(reporter, with_prior, method):
    overlays = overlays_of(reporter, with_prior, method)
    assert len(overlays) > 2
    grids = [overlay.current.ravel() for overlay in overlays if overlay.current.any()]
    assert method == "attention" or len({grid.argmax() for grid in grids}) > 1
    for first, second in itertools.combinations(grids, 2):
        assert np.corrcoef(first, second)[0, 1] < 0.99


def test_a_left_effusion_is_pointed_to_where_it_lies(reporter, examples):
    """The left costophrenic angle: the lower right quarter of the image."""
    found = 0
    for study in examples.values():
        for overlay in overlays_of(reporter, study, "grounding"):
            sentence = overlay.sentence.text.lower()
            if "left" in sentence and "effusion" in sentence and not sentence.startswith("no"):
                row, column = np.unravel_index(overlay.current.argmax(), overlay.current.shape)
                assert row >= 7 and column >= 7, sentence
                found += 1
    assert found


def test_every_token_of_a_sentence_belongs_to_it(reporter, with_prior):
    done = reading_of(reporter, with_prior)
    owners = sentence_places(reporter.processor, done.tokens, done.sentences)
    assert all(owners)
    places = [place for owned in owners for place in owned]
    assert places == sorted(set(places))
    for owned, sentence in zip(owners, done.sentences, strict=True):
        words = reporter.processor.decode([done.tokens[place] for place in owned])
        assert words.strip() == sentence.text.strip()


def test_attention_never_exceeds_what_there_is_and_context_latents_see_no_image(reporter, with_prior):
    with torch.no_grad():
        current, prior = memory_flow(reporter.memory(with_prior, output_attentions=True))
    assert prior is not None
    latents = reporter.config.num_latents
    assert current[:latents].sum() == prior[:latents].sum() == 0
    total = (current.sum(dim=1) + prior.sum(dim=1))[latents:]
    assert (total > 0).all() and (total <= 1 + 1e-5).all()


def test_explaining_leaves_the_reading_as_it_was(reporter, with_prior):
    before = reading_of(reporter, with_prior)
    for method in METHODS:
        explain(reporter, with_prior, before.tokens, before.sentences, method)
    after = reading_of(reporter, with_prior)
    assert (after.text, after.tokens) == (before.text, before.tokens)
    assert all(parameter.grad is None for parameter in reporter.model.parameters())


def test_the_published_kind_of_encoder_is_explained_too(save_small_model, study):
    """One channel or three, stem or none, padding masked or not: one code path."""
    changes = {"mask_context_padding": False, "vision_stem_channels": [], "grounding_size": 8}
    reporter = Reporter.load(save_small_model(**changes))
    for method in METHODS:
        overlays = overlays_of(reporter, study, method)
        assert overlays and all(overlay.current.shape == (4, 4) for overlay in overlays)


def test_what_all_sentences_share_recedes():
    shared = np.zeros((4, 4))
    shared[0, 0] = 10
    own = np.zeros((4, 4))
    own[3, 3] = 3
    first, second = specific([shared + own, shared])
    assert first.argmax() == 15
    assert second[0, 0] > second[3, 3]


def test_any_phrase_is_shown_where_it_points_and_one_about_nothing_stays_dark(reporter, examples):
    """Typed in words that no report has; what the film does not show, or what is denied, has no heat and no box."""
    study = next(
        study
        for study in examples.values()
        if any("left" in text and "effusion" in text and "resolved" not in text for text in said(reporter, study))
    )
    phrases = ["fluid on the left", "left pleural effusion.", "No pneumothorax.", "Otherwise unremarkable."]
    first, second, denied, closing = explain_phrases(reporter, study, phrases)
    assert [first.sentence.text, first.method] == [phrases[0], "grounding"]
    for overlay in (first, second):
        row, column = np.unravel_index(overlay.current.argmax(), overlay.current.shape)
        assert row >= 7 and column >= 7
    (box,) = (boxes_of(second, study)["current"] or [])[:1]
    assert box.left + box.width / 2 > 0.5 and box.top + box.height / 2 > 0.5
    assert denied.current.max() < 0.35 and not closing.current.any()
    assert boxes_of(denied, study)["current"] == [] == boxes_of(closing, study)["current"]


def said(reporter, study) -> list[str]:
    return [
        sentence.text.lower()
        for sentence in reading_of(reporter, study).sentences
        if not sentence.text.startswith("No")
    ]


def test_a_phrase_longer_than_the_weights_read_is_shown_all_the_same(reporter, with_prior):
    (overlay,) = explain_phrases(reporter, with_prior, ["left effusion " * 200])
    assert overlay.current.shape == (14, 14) and np.isfinite(overlay.current).all()


def test_a_sentence_of_the_readers_own_is_shown_where_it_points(reporter, with_prior):
    runs, session = Runs(reporter), Session()
    session.current, session.prior = with_prior.current, with_prior.prior
    runs.press(session, "", "", "PA", "PA")
    assert [payload["method"] for payload in runs.generate(session, "grounding")][-1] == "grounding"
    assert session.run is not None and runs.trace_typed(session) is None, "nothing was typed yet"
    edit(session, session.run.key, [{"text": "Large left pleural effusion.", "source": None, "removed": False}])
    payload = runs.trace_typed(session)
    assert payload is not None
    lit = np.array(payload["edits"][0]["overlay"]["current"])
    assert lit[7:, 7:].max() == lit.max() > 0
    assert runs.trace_typed(session) is None, "and once only"


def test_weights_without_the_head_have_the_other_methods_alone(small_weights, study):
    reporter = Reporter.load(small_weights)
    assert methods_of(reporter.config) == ("attention", "gradient")
    with pytest.raises(ValueError, match="grounding"):
        explain_phrases(reporter, study, ["left effusion"], "grounding")
    assert explain_phrases(reporter, study, ["left effusion"])[0].method == "attention"


def test_sentences_of_one_report_share_one_scale():
    strong = np.zeros((4, 4), np.float32)
    strong[1, 1] = 0.8
    report = [Overlay(Sentence("", 0, 0), grid, None, method="gradient") for grid in (strong, strong / 2, strong * 0)]
    tops = [levels(overlay.current, scales(report)["current"]).max() for overlay in report]
    assert tops == [255, 128, 0]
    likely = [replace(overlay, method="grounding") for overlay in report]
    assert levels(strong, scales(likely)["current"]).max() == round(0.8 * 255), "how likely, whatever else is said"


def test_boxes_lie_round_what_holds_half_of_the_heat():
    grid = np.zeros((10, 10))
    grid[1:3, 7:9], grid[8, 0] = 2.0, 3.0
    grid += 0.01
    first, second = boxes(grid, Seen(0.1, 0, 0.8, 1))
    assert (first.left, first.top, first.width, first.height) == pytest.approx((0.1 + 0.8 * 0.7, 0.1, 0.16, 0.2))
    assert second.left == pytest.approx(0.1) and first.mass + second.mass >= MASS
    assert boxes(grid * 0, Seen(0, 0, 1, 1)) == [] == boxes(grid, Seen(0, 0, 1, 1), least=4.0)


def test_an_empty_report_has_no_overlays(reporter, with_prior):
    assert explain(reporter, with_prior, (), (), "attention") == []


def test_an_unknown_method_is_refused(reporter, with_prior):
    sentences = tuple(split_sentences("No effusion."))
    with pytest.raises(ValueError, match="horoscope"):
        explain(reporter, with_prior, (1,), sentences, "horoscope")


def test_the_square_that_the_model_saw_is_the_middle(make_radiograph):
    seen = seen_square(make_radiograph(1))  # 160 rows, 192 columns
    assert (seen.top, seen.height) == (0, 1)
    assert (seen.left, seen.width) == pytest.approx((16 / 192, 160 / 192))


def test_an_outline_holds_most_of_an_overlay_and_nothing_has_none():
    grid = np.zeros((14, 14), int)
    grid[3:6, 9:11], grid[11, 2], grid[0, 0] = 255, 120, 80
    (line,) = outlines(grid)
    assert line.mean(axis=0) == pytest.approx([10 / 14, 4.5 / 14], abs=0.01), "what little is elsewhere has no line"
    middles = (np.indices((14, 14)).reshape(2, -1).T[:, ::-1] + 0.5) / 14  # x and y, row by row
    inside = MatplotlibPath(line).contains_points(middles)
    assert inside.reshape(14, 14).tolist() == (grid == 255).tolist()
    assert outlines(np.full((14, 14), 80)) == []
    assert strength(np.full((14, 14), 95)) == FAINTEST and strength(grid) == 1


def test_the_outline_on_paper_is_that_of_the_page(browser):
    """Also where two areas meet at a corner, whose middle lies inside or outside."""
    rng = np.random.default_rng(3)
    meeting = [np.pad(np.array([[255, 150], [low, 250]]), 3) for low in (100, 150)]
    meeting += [grid[::-1] for grid in meeting]
    chance = [np.rint(255 * rng.random((14, 14)) ** power).astype(int) for power in (0.5, 1, 2, 3)]
    page = browser.new_page()
    rules = (PAGE_FILES / "overlay.js").read_text(encoding="utf-8")
    drawn = [
        page.evaluate(f"levels => {{ {rules}\nreturn outlinesOf(levels); }}", grid.tolist())
        for grid in (*meeting, *chance)
    ]
    page.close()
    assert [len(lines) for lines in drawn[:4]] == [2, 1, 2, 1], "apart and joined"
    for grid, lines in zip((*meeting, *chance), drawn, strict=True):
        assert segments(outlines(grid)) == segments(lines)


def segments(lines) -> set[frozenset[tuple[float, ...]]]:
    """The pieces of closed lines, wherever each begins and whichever way it runs."""
    points = [np.round(np.asarray(line) + 1e-9, 6) for line in lines]  # not at a tie, where a last bit would decide
    ends = [(line, np.roll(line, -1, axis=0)) for line in points]
    pairs = [pair for start, end in ends for pair in zip(start.tolist(), end.tolist(), strict=True)]
    return {frozenset((tuple(start), tuple(end))) for start, end in pairs}
