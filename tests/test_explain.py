"""Overlays: where each sentence came from, on the embedded weights and its simulated examples."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from priorrg.explain.overlays import METHODS, explain, memory_flow, specific
from priorrg.explain.placement import seen_square
from priorrg.imaging.open import read_radiograph
from priorrg.model.vision import VisionFeatures
from priorrg.report.sentences import split_sentences
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.image_features import ImageFeatures
from priorrg.reporting.reporter import ReportDone, Reporter
from priorrg.study import ClinicalContext, Study
from priorrg.ui.report_payload import overlay_payload

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"


@pytest.fixture(scope="module")
def reporter():
    return Reporter.load()


@pytest.fixture(scope="module")
def examples():
    found = []
    for file in sorted(EXAMPLES.glob("*/study.json")):
        entry, folder = json.loads(file.read_text(encoding="utf-8")), file.parent
        prior = read_radiograph(folder / entry["files"]["prior"]) if entry["has_prior"] else None
        context = ClinicalContext(entry["indication"], entry["history"])
        found.append(Study(read_radiograph(folder / entry["files"]["current"]), prior, context))
    return found


@pytest.fixture(scope="module")
def with_prior(examples):
    return next(study for study in examples if study.has_prior)


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
            assert np.isfinite(grid).all() and (grid >= 0).all() and grid.max() > 0
        # Attention's rollout says nothing about how much each image weighs.
        if method == "attention":
            assert overlay.shares is None
        else:
            assert overlay.shares is not None and sum(overlay.shares) == pytest.approx(1)


def test_the_one_patch_that_shows_something_is_the_one_that_lights_up_on_its_own_image(
    reporter, with_prior, monkeypatch
):
    """Above the diagonal on the current image, below it on the prior: neither transposed, shifted nor exchanged."""
    hot = {with_prior.current.fingerprint: (3, 10), with_prior.prior.fingerprint: (8, 2)}

    def encode(radiograph):
        seen = reporter.model.encode_image(reporter.processor.images([radiograph]))
        row, column = hot[radiograph.fingerprint]
        only = torch.zeros_like(seen.last_hidden_state)
        only[:, 1 + 14 * row + column] = 1  # behind the CLS token, row by row
        return VisionFeatures(seen.last_hidden_state * only, seen.hidden_states * only[:, None])

    monkeypatch.setattr(reporter, "images", ImageFeatures(encode, 2))
    overlays = overlays_of(reporter, with_prior, "gradient")
    assert overlays
    for overlay in overlays:
        payload = overlay_payload(overlay)
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
    grids = [overlay.current.ravel() for overlay in overlays]
    assert len({grid.argmax() for grid in grids}) > 1
    for first, second in itertools.combinations(grids, 2):
        assert np.corrcoef(first, second)[0, 1] < 0.99


def test_a_left_effusion_is_pointed_to_where_it_lies(reporter, examples):
    """The left costophrenic angle: the lower right quarter of the image."""
    found = 0
    for study in examples:
        for overlay in overlays_of(reporter, study, "attention"):
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
    reporter = Reporter.load(save_small_model(mask_context_padding=False, vision_stem_channels=[]))
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
