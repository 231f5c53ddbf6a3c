"""Reading a study as a stream of events, on the small model."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

import priorrg
from priorrg.errors import CheckpointError, StudyError
from priorrg.explain.overlays import explain
from priorrg.model.configuration import COARSE_FROM_WHOLE
from priorrg.reporting.events import DraftDone, DraftWord, Progress, ReportDone, ReportWord, Stopped
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.stopping import Stop
from priorrg.study import ClinicalContext, Study
from priorrg.ui.examples import examples


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture(scope="module")
def published_reader(save_small_model):
    """As imported weights are read: the decoder was never taught the coarse memory."""
    return Reporter.load(save_small_model(coarse_draft=COARSE_FROM_WHOLE, num_beams=3, mask_context_padding=False))


@pytest.fixture(scope="module")
def long_winded_reader(save_small_model):
    """Writes 600 tokens, so that a beam search takes long enough to be stopped."""
    return Reporter.load(save_small_model(max_report_tokens=600))


def kinds(events) -> list[type]:
    """Types of events in order, runs of one type counted once."""
    seen: list[type] = []
    for event in events:
        if not seen or seen[-1] is not type(event):
            seen.append(type(event))
    return seen


def only(events, kind):
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def test_events_come_in_reading_order(reporter, study):
    events = list(reporter.stream(study))
    assert kinds(events) == [Progress, DraftWord, DraftDone, Progress, ReportWord, ReportDone]
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert steps == ["images", "encoding", "drafting", "refining"]


def test_words_stream_in_whole_and_only_grow(reporter, study):
    events = list(reporter.stream(study))
    for word_kind, done_kind in ((DraftWord, DraftDone), (ReportWord, ReportDone)):
        shown = [event.text_so_far for event in events if isinstance(event, word_kind)]
        text = only(events, done_kind).text
        assert len(shown) > 1
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))
        assert shown[-1] == text
        assert all(text[len(part) :][:1] in (" ", "") for part in shown)


def test_the_report_comes_with_its_tokens_and_sentences(reporter, study):
    done = only(reporter.stream(study), ReportDone)
    assert reporter.processor.decode(list(done.tokens)) == done.text
    assert [done.text[sentence.start : sentence.end] for sentence in done.sentences] == [
        sentence.text for sentence in done.sentences
    ]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_the_report_is_what_generate_writes(reporter, study, num_beams):
    ids = reporter.model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=reporter.memory(study).full),
        num_beams=num_beams,
        max_length=reporter.config.max_report_tokens,
    )
    done = only(reporter.stream(study, num_beams=num_beams), ReportDone)
    assert list(done.tokens) == ids[0, 1:].tolist()


def test_our_draft_is_written_from_the_coarse_memory_alone(reporter, study):
    ids = reporter.model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=reporter.memory(study).coarse), num_beams=1
    )
    reading = reporter.report(study)
    assert reading.draft == reporter.processor.decode(ids[0])
    assert reading.draft != reading.report


def test_published_weights_draft_greedily_and_refine_by_beams_over_the_whole_memory(published_reader, study):
    events = list(published_reader.stream(study))
    before = [event for event in events if not isinstance(event, ReportWord)]
    assert kinds(before) == [Progress, DraftWord, DraftDone, Progress, ReportDone]
    outputs = BaseModelOutput(last_hidden_state=published_reader.memory(study).full)
    greedy = published_reader.model.generate(encoder_outputs=outputs, num_beams=1)
    beams = published_reader.model.generate(encoder_outputs=outputs, num_beams=3)
    assert only(events, DraftDone).text == published_reader.processor.decode(greedy[0])
    assert only(events, ReportDone).text == published_reader.processor.decode(beams[0])


def test_beams_report_their_progress(reporter, study):
    messages = [event.message for event in reporter.stream(study, num_beams=3) if isinstance(event, Progress)]
    assert sum("3 versions" in message for message in messages) > 2


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("words_before", [0, 1, 3])
def test_stop_ends_the_draft_within_one_token_and_keeps_it(reporter, study, words_before, num_beams):
    stop = Stop()
    shown = []
    for event in reporter.stream(study, stop, num_beams):
        if isinstance(event, Progress) and event.step == "drafting" and words_before == 0:
            stop.set()
        if isinstance(event, DraftWord):
            shown.append(event.text_so_far)
            if len(shown) == words_before:
                stop.set()
        last = event
    assert isinstance(last, Stopped)
    assert last.report == ""
    assert last.draft == "" if words_before == 0 else last.draft.startswith(shown[words_before - 1])
    assert len(shown) <= words_before + 1  # what the token in flight completed, and no more


def test_stop_during_the_report_keeps_draft_and_report(long_winded_reader, study):
    stop = Stop()
    for event in long_winded_reader.stream(study, stop, num_beams=1):
        if isinstance(event, ReportWord):
            stop.set()
        last = event
    assert isinstance(last, Stopped)
    assert last.draft and last.report


def test_stop_during_beam_search_ends_it_early(long_winded_reader, study):
    stop = Stop()
    steps = 0
    for event in long_winded_reader.stream(study, stop, num_beams=3):
        if isinstance(event, Progress) and "versions" in event.message:
            steps += 1
            stop.set()
        last = event
    assert isinstance(last, Stopped) and last.draft
    assert steps == 1


def test_a_listener_that_leaves_ends_the_search_and_frees_the_model(long_winded_reader, study):
    events = long_winded_reader.stream(study, num_beams=3)
    for event in events:
        if isinstance(event, Progress) and "versions" in event.message:
            break
    events.close()
    with ThreadPoolExecutor(1) as another:  # the lock lets the same thread in again
        assert another.submit(long_winded_reader.lock.acquire, timeout=1).result()
        another.submit(long_winded_reader.lock.release).result()


def test_no_prior_and_no_context_are_fine(reporter, study):
    bare = Study(study.current)
    assert isinstance(list(reporter.stream(bare))[-1], ReportDone)
    assert reporter.report(replace(study, prior=None)) != reporter.report(study)
    assert reporter.report(replace(study, context=ClinicalContext())) != reporter.report(study)


def test_a_context_that_is_too_long_is_refused_before_any_work(reporter, study, make_radiograph):
    unseen = Study(make_radiograph(99), context=ClinicalContext("x" * 3000))
    with pytest.raises(StudyError, match="3,000 characters"):
        list(reporter.stream(unseen))
    assert not reporter.images.holds(unseen.current)


def test_a_long_indication_does_not_push_the_history_out(reporter, make_radiograph):
    """Truncated as one text, the context would lose the history without a word."""
    long = ClinicalContext("Cough and fever since Monday, seen by the family doctor. " * 30, "Prior sternotomy.")
    fitting, note = reporter.processor.fit_context(long)
    assert fitting.history == long.history and long.indication.startswith(fitting.indication)
    assert 0 < len(fitting.indication) < len(long.indication)
    assert "words of the indication" in note and "history" not in note
    ids, _ = reporter.processor.context([reporter.processor.context_text(fitting)])
    assert 0.8 * reporter.config.max_context_tokens < ids.shape[1] <= reporter.config.max_context_tokens
    assert reporter.received_context(ClinicalContext("Cough.", "")).note == ""
    image = make_radiograph(1)
    assert reporter.report(Study(image, None, long)) == reporter.report(Study(image, None, fitting))


def test_an_image_is_encoded_once_and_again_after_it_was_forgotten(small_weights, study, monkeypatch):
    reporter = Reporter.load(small_weights)
    encoded = []
    encode = reporter.model.encode_image
    monkeypatch.setattr(reporter.model, "encode_image", lambda pixels: encoded.append(len(pixels)) or encode(pixels))
    first = reporter.report(study)
    second = reporter.report(replace(study, context=ClinicalContext("Another question.")))
    assert len(encoded) == 2 and first != second
    reporter.forget([study.current.fingerprint, "never seen"])
    assert not reporter.images.holds(study.current) and study.prior and reporter.images.holds(study.prior)
    assert reporter.report(study) == first
    assert len(encoded) == 3


def test_the_cache_is_bounded_and_keeps_what_was_used_last(small_weights, make_radiograph):
    loaded = Reporter.load(small_weights)
    reporter = Reporter(loaded.model, loaded.processor, cached_images=2)
    room = 2 * reporter.at_once  # at least, or what is written just now would be encoded again
    first, second, *others, last = (make_radiograph(seed) for seed in range(room + 1))
    for radiograph in (first, second, *others, first, last):
        reporter.prepare(radiograph)
    assert [reporter.images.holds(radiograph) for radiograph in (first, second, last)] == [True, False, True]
    assert all(reporter.images.holds(radiograph) for radiograph in others)


def test_sessions_that_read_at_once_write_what_each_writes_alone(reporter, study, make_radiograph):
    studies = [study, Study(make_radiograph(5)), Study(make_radiograph(6), make_radiograph(1))]
    alone = [reporter.report(each) for each in studies]
    together: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda number=number, each=each: together.update({number: reporter.report(each)}))
        for number, each in enumerate(studies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(studies))] == alone


def test_reading_leaves_no_gradient_but_allows_one_to_the_memory(reporter, study):
    memory = reporter.memory(study).full
    assert not memory.requires_grad
    memory.requires_grad_(True)  # would fail on a tensor made in inference mode
    reporter.model(memory=memory, decoder_input_ids=torch.tensor([[0, 5, 6]])).logits.sum().backward()
    assert memory.grad is not None and memory.grad.abs().sum() > 0


def test_the_card_says_which_weights_are_loaded(reporter):
    assert (reporter.card.name, reporter.card.kind, reporter.card.note) == (
        "small random weights",
        "own",
        "never trained",
    )


def test_weights_that_are_not_there_or_of_another_model_get_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match=r"has no config\.json\. Expected are"):
        Reporter.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="another model"):
        Reporter.load(tmp_path)


def test_a_torn_weights_file_is_refused(save_small_model):
    folder = save_small_model()
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors of .* is damaged"):
        Reporter.load(folder)


def test_the_package_offers_its_public_names():
    assert priorrg.load == Reporter.load and priorrg.Reporter is Reporter
    with pytest.raises(AttributeError):
        priorrg.nothing_of_this_name  # noqa: B018


def test_each_image_is_read_with_its_own_view_position(reporter, study):
    inputs = reporter.study_inputs(study)
    given = [inputs[name].tolist() for name in ("view_ids", "prior_view_ids")]
    assert given == [[reporter.processor.view_id(view)] for view in ("PA", "AP")] and given[0] != given[1]


def test_studies_read_at_once_are_read_as_each_alone(monkeypatch):
    """With and without prior and context, in batches that form while others are computed."""
    reporter = Reporter.load()
    films = [one.radiographs() for one in examples()]
    contexts = [one.context for one in examples()]
    studies = [
        Study(current, prior if number % 3 else None, context if number % 2 else ClinicalContext())
        for number, ((current, prior), context) in enumerate(zip(films, contexts, strict=True))
    ]
    quiet = [reporter.report(study) for study in studies]
    encode, sizes = reporter.model.encode_image, []

    def counted(pixels):
        time.sleep(0.2)  # the others come meanwhile
        sizes.append(len(pixels))
        return encode(pixels)

    monkeypatch.setattr(reporter.model, "encode_image", counted)
    reporter.forget([film.fingerprint for study in studies for film in (study.current, study.prior) if film])
    with ThreadPoolExecutor(len(studies)) as readers:
        assert list(readers.map(reporter.report, studies)) == quiet
    assert max(sizes) > 1


def test_explanations_beside_the_writing_change_neither(reporter, study):
    """They switch the decoder's attention for a pass; the steps of the texts never look at that."""
    done = only(reporter.stream(study), ReportDone)
    quiet = explain(reporter, study, done.tokens, done.sentences, "attention")
    with ThreadPoolExecutor(2) as readers:
        written = [readers.submit(lambda: only(reporter.stream(study), ReportDone)) for _ in range(4)]
        while not all(one.done() for one in written):
            beside = explain(reporter, study, done.tokens, done.sentences, "attention")
            assert all(np.allclose(one.current, other.current) for one, other in zip(beside, quiet, strict=True))
    assert all(one.result().tokens == done.tokens for one in written)
