"""Our own decoding writes what transformers' writes, and hands out its words as soon as they are certain."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from priorrg.errors import CheckpointError
from priorrg.export.contents import ReportExport, remarks_after
from priorrg.model.decoding import can_pack, linear
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import ReportDone, ReportWord
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.reporting.together import Next
from priorrg.reporting.writing import BeamSearch, Writing
from priorrg.study import ClinicalContext
from tests.test_model_parity import published  # noqa: F401 (a fixture)

STUDIES = 6  # of the embedded weights here; tests/benchmarks/decoding.py reads 200


def written(reporter, memory, num_beams):
    never = threading.Event()
    if num_beams == 1:
        writing = Writing(reporter._writer, memory, never)
    else:
        writing = BeamSearch(reporter._writer, memory, never, num_beams)
    texts = [writing.settled_text for _ in writing.steps()]
    return writing, texts


def by_transformers(model, memory, num_beams):
    ids = model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=memory),
        num_beams=num_beams,
        max_length=model.config.max_report_tokens,
    )
    return ids[0, 1:].tolist()


@pytest.mark.parametrize("num_beams", [1, 2, 3, 5])
@pytest.mark.parametrize("study", range(4))
def test_the_published_ids_are_written(published, study, num_beams):  # noqa: F811
    """With 1 and 3 beams those of the parity case, with others those of transformers."""
    published.model.config.max_report_tokens = published.case["dims"]["max_length"]
    reporter = Reporter(published.model, published.processor)
    memory = published.tensors[f"single.{study}.memory"]
    writing, texts = written(reporter, memory, num_beams)
    expected = by_transformers(published.model, memory, num_beams)
    assert writing.tokens == expected
    if num_beams in (1, 3):
        name = {1: "greedy", 3: "beam3"}[num_beams]
        ids = published.tensors[f"single.{study}.{name}"][0, 1:].tolist()
        assert writing.tokens == ids[: len(writing.tokens)]
    for text in texts:
        assert writing.text.startswith(text), "a word that was shown never changes"
    assert all(0 < probability <= 1 for probability in writing.probabilities)
    assert len(writing.probabilities) == len(writing.tokens)


def test_embedded_weights_write_the_same_by_beams_as_transformers():
    reporter = Reporter.load()
    config = reporter.config
    generator = torch.Generator().manual_seed(3)
    for number in range(STUDIES):
        memory = torch.randn(1, 3 * config.num_latents, config.hidden_size, generator=generator)
        writing, _ = written(reporter, memory, 3)
        assert writing.tokens == by_transformers(reporter.model, memory, 3), number


def test_a_beam_search_streams_the_words_that_all_versions_share(small_weights, study):
    events = list(Reporter.load(small_weights).stream(study, num_beams=3))
    words = [event.text_so_far for event in events if isinstance(event, ReportWord)]
    done = next(event for event in events if isinstance(event, ReportDone))
    assert words and words == sorted(set(words), key=len)
    assert all(done.text.startswith(text) for text in words)


def test_a_report_that_ended_at_the_limit_says_so(save_small_model, study):
    short = Reporter.load(save_small_model(max_report_tokens=4))
    done = next(event for event in short.stream(study) if isinstance(event, ReportDone))
    assert done.is_cut and len(done.tokens) == 3


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_report_that_ended_at_the_limit_is_written_on_from_there(save_small_model, study, num_beams):
    """Greedily it is the same report as under a higher limit; by beams it keeps its beginning."""
    folder = save_small_model(max_report_tokens=8)
    reporter = Reporter.load(folder)

    def read(by, **more):
        return [event for event in by.stream(study, num_beams=num_beams, **more)][-1]

    short = read(reporter)
    assert short.can_go_on and short.is_unfinished and len(short.tokens) == 7
    events = list(reporter.stream(study, num_beams=num_beams, with_draft=False, begun=short.tokens))
    longer = events[-1]
    assert longer.tokens[:7] == short.tokens and len(longer.tokens) == 14
    assert len(longer.probabilities) == 14
    assert longer.probabilities[:7] == pytest.approx(short.probabilities, rel=1e-4)
    words = [event.text_so_far for event in events if isinstance(event, ReportWord)]
    assert all(longer.text.startswith(text) for text in words)
    whole = Reporter.load(folder, most_tokens=15)
    if num_beams == 1:
        assert read(whole).tokens == longer.tokens
    full = read(Reporter.load(folder, most_tokens=1024))
    assert full.is_cut == (len(full.tokens) == 1023) and not full.can_go_on, "the position table is full"
    with pytest.raises(CheckpointError, match="has 1,024 places"):
        Reporter.load(folder, most_tokens=1025)


def test_another_context_does_not_fuse_the_same_images_again(small_weights, study, monkeypatch):
    reporter = Reporter.load(small_weights)
    fused = []
    fine = reporter.model.fine_features
    monkeypatch.setattr(reporter.model, "fine_features", lambda *given: fused.append(1) or fine(*given))
    reporter.report(study)
    other = reporter.report(replace(study, context=ClinicalContext("Trauma.", "")))
    assert len(fused) == 1
    assert other == Reporter.load(small_weights).report(replace(study, context=ClinicalContext("Trauma.", "")))
    reporter.forget([study.prior.fingerprint])
    reporter.report(study)
    assert len(fused) == 2, "what was forgotten is computed anew"


def test_packed_matrices_are_there_and_compute_the_same(monkeypatch):
    """The operators are not promised to stay: whoever moves torch sees here that decoding became slow again."""
    assert can_pack()
    torch.manual_seed(0)
    weight, bias, rows = torch.randn(700, 64), torch.randn(700), torch.randn(3, 64)
    packed = linear(weight, bias)(rows)
    torch.testing.assert_close(packed, torch.nn.functional.linear(rows, weight, bias), rtol=1e-5, atol=1e-5)
    monkeypatch.setattr("priorrg.model.decoding.can_pack", lambda: False)
    assert torch.equal(linear(weight, bias)(rows), torch.nn.functional.linear(rows, weight, bias))


def test_what_published_weights_write_is_told_and_gaps_are_never_exported(study):
    text = "Frontal and lateral views. Compared to ___, the effusion is"
    done = ReportDone(text, tuple(range(99)), tuple(split_sentences(text)), (), (), is_cut=True)
    cut, lateral, gap = remarks_after(study, done.text, done.is_cut)
    assert (
        "the length that these weights write at most" in cut
        and "left out of the training data" in gap
        and "lateral view" in lateral
    )
    card = WeightsCard("n", "published", "", "whole_memory")
    export = ReportExport(study, "", text, done.sentences, card, datetime.now().astimezone())
    assert "___" not in export.text and "[date or name left out of the training data]" in export.text
    assert all(is_the_models for _, is_the_models in export.text_sentences())
    whole = ReportDone("No effusion.", (5, 6), tuple(split_sentences("No effusion.")), ())
    assert remarks_after(study, whole.text, whole.is_cut) == []


@pytest.mark.parametrize("at_once", [3, 8])
def test_texts_of_many_readers_are_written_in_common_steps_as_each_alone(at_once):
    """Drafts and reports, greedy ones and searches, each of its own length, joining as others leave."""
    reporter = Reporter.load()
    config, never = reporter.config, threading.Event()
    generator = torch.Generator().manual_seed(at_once)

    def writing(number):
        latents = (2 + number % 2) * config.num_latents
        memory = torch.randn(1, latents, config.hidden_size, generator=generator)
        beams = 1 + number % 3
        return (
            Writing(reporter._writer, memory, never)
            if beams == 1
            else BeamSearch(reporter._writer, memory, never, beams)
        )

    texts = [writing(number) for number in range(at_once + 3)]
    with ThreadPoolExecutor(at_once) as readers:
        list(readers.map(Writing.finish, texts))
    for number, text in enumerate(texts):
        beams = text.num_beams if isinstance(text, BeamSearch) else 1
        assert text.tokens == by_transformers(reporter.model, text.memory, beams), number


def test_a_reader_who_stops_leaves_and_the_others_write_on(small_weights):
    reporter = Reporter.load(small_weights)
    memory = torch.randn(1, 3 * reporter.config.num_latents, reporter.config.hidden_size)
    stop = threading.Event()
    stops = (stop, threading.Event(), threading.Event())
    stopped, gone, stays = (Writing(reporter._writer, memory, one) for one in stops)
    steps = {text: text.steps() for text in (stopped, gone, stays)}
    for text in steps.values():
        next(text)
    stop.set()
    del steps[gone]  # as when a page goes away
    list(steps[stopped])
    for _ in steps[stays]:
        pass
    assert stays.tokens == by_transformers(reporter.model, memory, 1)


def test_what_goes_wrong_in_one_text_is_told_to_its_reader_alone(small_weights):
    reporter = Reporter.load(small_weights)
    memory = torch.randn(1, 3 * reporter.config.num_latents, reporter.config.hidden_size)
    never = threading.Event()

    class Broken(Writing):
        def search(self):
            yield Next([0], [0])
            raise RuntimeError("broken")

    broken, whole = Broken(reporter._writer, memory, never), Writing(reporter._writer, memory, never)
    with ThreadPoolExecutor(1) as other:
        finished = other.submit(whole.finish)
        with pytest.raises(RuntimeError, match="broken"):
            broken.finish()
        finished.result()
    assert whole.tokens == by_transformers(reporter.model, memory, 1)
