"""Steps of fixed shape write what today's steps write, and hold to what a CUDA graph asks; the same code as on a GPU.

A CUDA graph repeats operators with the shapes and addresses that they had. `traced` does that on a CPU: the operators
of one step are written down and repeated, so whatever Python decided anew at each step would stay as it was.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.decoding import ReportDecoder
from priorrg.model.fixed_steps import FixedDecoder, captured
from priorrg.model.precisions import FLOAT32
from priorrg.reporting import zero_gpu
from priorrg.reporting.on_device import IMAGES_AT_ONCE, decoder_of, images_at_once, studies_at_once
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.together import Together
from priorrg.reporting.writing import BeamSearch, Writer, Writing
from tests.benchmarks import gpu
from tests.test_model_parity import published  # noqa: F401 (a fixture)

CPU = torch.device("cpu")
# What a graph cannot hold: values that the host reads, shapes that depend on values, tensors made from the host's.
REFUSED = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "lift_fresh")


def traced(step):
    module = make_fx(step)()
    names = [str(node.target) for node in module.graph.nodes]
    assert not [name for name in names if any(refused in name for refused in REFUSED)]
    assert any("index_put_" in name for name in names), "what was read is kept in place"
    return module


@pytest.fixture
def plain_matrices(monkeypatch):
    """As on a GPU, which has no packed ones; they cannot be traced either."""
    monkeypatch.setattr("priorrg.model.decoding.can_pack", lambda: False)


def writer_of(reporter, capture, rows=4, positions=None):
    config = reporter.config
    most = positions or config.max_report_tokens
    decoder = FixedDecoder(reporter.model.decoder, rows, most, 3 * config.num_latents, capture)
    return Writer(reporter.model, Together(decoder, CPU), reporter.processor, CPU)


def text(writer, memory, beams, **more):
    never = threading.Event()
    return Writing(writer, memory, never, **more) if beams == 1 else BeamSearch(writer, memory, never, beams, **more)


def written(writer, memory, beams, **more):
    one = text(writer, memory, beams, **more)
    one.finish()
    return one.tokens


@pytest.mark.parametrize(("name", "beams"), [("greedy", 1), ("beam3", 3)])
def test_the_published_ids_are_written_in_repeated_steps(published, plain_matrices, name, beams):  # noqa: F811
    published.model.config.max_report_tokens = published.case["dims"]["max_length"]
    writer = writer_of(Reporter(published.model, published.processor), traced)
    for study in range(4):
        tokens = written(writer, published.tensors[f"single.{study}.memory"], beams)
        assert tokens and tokens == published.tensors[f"single.{study}.{name}"][0, 1:].tolist()[: len(tokens)]


def test_mixed_texts_of_the_embedded_weights_are_those_of_steps_of_any_shape(plain_matrices):
    """Drafts and reports, greedy ones and searches, joining as others leave; the first room is too small for them."""
    reporter = Reporter.load()
    config, generator = reporter.config, torch.Generator().manual_seed(5)
    asked = [
        (torch.randn(1, (2 + number % 2) * config.num_latents, config.hidden_size, generator=generator), 1 + number % 3)
        for number in range(5)
    ]
    fixed = writer_of(reporter, traced, rows=2)
    texts = [text(fixed, *one) for one in asked]
    with ThreadPoolExecutor(4) as readers:
        list(readers.map(Writing.finish, texts))
    for number, (one, (memory, beams)) in enumerate(zip(texts, asked, strict=True)):
        assert one.tokens == written(reporter._writer, memory, beams), number


@pytest.mark.parametrize("beams", [1, 3])
def test_a_text_that_outgrows_its_room_is_given_another_one(small_weights, plain_matrices, beams):
    reporter = Reporter.load(small_weights)
    memory = torch.randn(1, 24, 32, generator=torch.Generator().manual_seed(1))
    fixed = writer_of(reporter, traced)
    short, begun = (written(fixed, memory, beams), written(reporter._writer, memory, beams))
    assert short == begun and len(begun) == reporter.config.max_report_tokens - 1
    longer = written(fixed, memory, beams, begun=begun)
    assert longer == written(reporter._writer, memory, beams, begun=begun) and len(longer) > len(begun)
    assert written(fixed, memory, beams) == short, "in the first room again"


@torch.no_grad()
def test_what_was_written_before_and_warming_up_leave_no_trace(small_weights):
    reporter, captures = Reporter.load(small_weights), []
    decoder = FixedDecoder(
        reporter.model.decoder, rows=6, positions=24, memory=24, capture=lambda step: captures.append(1) or step
    )
    decoder.warm_up()
    assert len(captures) == 4, "of 1, 2, 4 and 8 rows"
    fresh, memory = ReportDecoder(reporter.model.decoder), torch.randn(1, 16, 32)
    ids = torch.randint(0, 50, (3, 5))
    for rows in (5, 3):  # the second text stands where the first one's rows were
        kept, plain = decoder.begin(), fresh.begin()
        for decoding in (kept, plain):
            decoding.join(memory, rows, 24)
        for number, order in enumerate([range(rows), [0] * rows, list(reversed(range(rows)))]):
            for decoding in (kept, plain):
                decoding.follow(0, order)
            found, wanted = kept.step(ids[number, :rows]), plain.step(ids[number, :rows])
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        kept.leave(0)
    assert len(captures) == 4, "nothing is captured while somebody waits"


def test_a_kept_gpu_gets_captured_steps_and_a_lent_one_does_not(small_weights, monkeypatch):
    model, steps, gpu = Reporter.load(small_weights).model, [], torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 << 30))
    monkeypatch.setattr("priorrg.reporting.on_device.captured", lambda step: steps.append(1) or step)
    assert isinstance(decoder_of(model, CPU, FLOAT32), ReportDecoder) and not steps
    assert isinstance(decoder_of(model, gpu, FLOAT32), FixedDecoder) and steps
    paper = PriorRGConfig()
    assert studies_at_once(paper, CPU) < studies_at_once(paper, gpu)
    assert images_at_once(paper, CPU) == 1 and images_at_once(paper, gpu) == IMAGES_AT_ONCE
    monkeypatch.setattr(zero_gpu, "IS_ON", True)
    assert not isinstance(decoder_of(model, gpu, FLOAT32), FixedDecoder) and studies_at_once(paper, gpu) == 1


def test_warming_up_reads_a_film_and_keeps_nothing_of_it(small_weights, study, monkeypatch):
    wanted = Reporter.load(small_weights).report(study)
    warm, read = Reporter.load(small_weights), []
    report = warm.report
    monkeypatch.setattr(warm, "report", lambda grey: read.append(grey) or report(grey))
    warm.warm_up()
    assert read[0].has_prior and not warm.images.holds(read[0].current)
    assert report(study) == wanted


def test_the_benchmark_of_a_gpu_runs_without_one(small_weights, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "EDGE", 64)
    gpu.main(1, 2, str(small_weights), "bfloat16")
    said = capsys.readouterr().out
    assert "CPU" in said and "(bfloat16)" in said and "2 studies, 16 at once" in said
    rows = [line for line in said.splitlines() if "other ids" in line]
    assert len(rows) == 6 and all(" 0 of 2 texts" in row for row in rows)


def test_a_graph_is_captured_after_a_warm_up_and_repeated(monkeypatch):
    """No GPU is here: CUDA's part is stood in for, by what keeps the order of its calls and forbids others."""
    calls = []

    class Stream:
        def wait_stream(self, other):
            calls.append("wait")

    class Graph:
        def replay(self):
            calls.append("replay")

    @contextmanager
    def capture(graph, pool=None, stream=None, capture_error_mode="global"):
        assert isinstance(graph, Graph) and capture_error_mode == "thread_local"
        calls.append("capture")
        yield

    stood_in = {"Stream": Stream, "current_stream": Stream, "CUDAGraph": Graph, "graph": capture}
    for name, value in stood_in.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    results = iter([torch.zeros(1), torch.ones(1)])
    again = captured(lambda: calls.append("step") or next(results))
    assert calls == ["wait", "step", "wait", "capture", "step"]
    assert again() is again() and again().item() == 1, "where the captured step wrote"
    assert calls[5:] == ["replay"] * 3
