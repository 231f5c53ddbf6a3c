"""The one small model that all tests share: random weights, real files, a tokenizer of few words.

Dimensions are those of the embedded model's kind (one channel, convolutional stem, padding masked), only smaller.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from priorrg.model.configuration import COARSE_FROM_MEMORY, PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor, make_image_processor, make_tokenizer
from priorrg.study import ClinicalContext, Radiograph, Study
from tests.browsing import CHROMIUM, FAR, opened
from tests.serving import NO_UTF_8, Served, free_port, served
from tests.training import configuration

IMAGE_SIZE, PATCH_SIZE = 32, 8


# Files whose tests share what takes long to make (`trained`, `patient_app`, `clinic`): one process runs them all.
TOGETHER = [
    (
        "test_training",
        "test_resuming",
        "test_features",
        "test_training_messages",
        "test_wordings",
        "test_localisation",
        "test_claims",
        "test_knowledge",
        "test_grounding",
    ),
    ("test_app", "test_keep", "test_api"),
    ("test_guard", "test_where_it_runs"),
]
SECONDS = {"browser": 8, "slow": 6}  # what such a test takes, roughly; others are quick


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `-n`, a file goes to one process, and with it those of TOGETHER."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


def _group(nodeid: str) -> str:
    file = Path(nodeid.partition("::")[0]).stem
    return next((" ".join(files) for files in TOGETHER if file in files), file)


def pytest_collection_modifyitems(items):
    """Marks the tests that ask for the browser, and puts the files that take longest first.

    Where there is no browser, only CI insists on it.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and "CI" not in os.environ:
                item.add_marker(pytest.mark.skip(reason="needs chromium on the path"))
        seconds[_group(item.nodeid)] += max(
            [SECONDS[name] for name in SECONDS if item.get_closest_marker(name)], default=0.2
        )
    items.sort(key=lambda item: -seconds[_group(item.nodeid)])


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Small models gain nothing from threads, and lose much when the machine is busy."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer_file():
    """A small byte-level BPE of the GPT-2 kind. Its training is not repeatable, so the parity case's one serves all."""
    return Path(__file__).parent / "parity" / "tokenizer.json"


@pytest.fixture(scope="session")
def small_config(tokenizer_file):
    """A function that makes the small model's configuration, with changes."""
    tokenizer = make_tokenizer(tokenizer_file)

    def make(**changes) -> PriorRGConfig:
        fields = {
            "vision_config": {
                "hidden_size": 32,
                "num_hidden_layers": 4,
                "num_attention_heads": 2,
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH_SIZE,
                "num_channels": 1,
            },
            "text_config": {
                "vocab_size": len(tokenizer),
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 64,
            },
            "decoder_config": {"vocab_size": len(tokenizer), "n_embd": 32, "n_layer": 2, "n_head": 2},
            "hidden_size": 32,
            "num_latents": 8,
            "vision_stem_channels": [4, 8],
            "mask_context_padding": True,
            "coarse_draft": COARSE_FROM_MEMORY,
            "max_report_tokens": 24,
            "num_beams": 1,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "weights_kind": "own",
            "weights_name": "small random weights",
            "training_note": "never trained",
        }
        return PriorRGConfig(**fields | changes)

    return make


@pytest.fixture(scope="session")
def save_small_model(tmp_path_factory, tokenizer_file, small_config):
    """A function that writes a small random model with its processor, with changes to its configuration."""

    def save(**changes):
        config = small_config(**changes)
        torch.manual_seed(7)
        model = PriorRGModel(config)
        tokenizer = make_tokenizer(tokenizer_file)
        _spread(model, tokenizer)
        folder = tmp_path_factory.mktemp("weights")
        model.save_pretrained(folder)
        images = make_image_processor(IMAGE_SIZE, config.vision_config.num_channels, 0.5, 0.25)
        PriorRGProcessor(tokenizer, images, config).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def small_weights(save_small_model):
    """Folder of the small model, as Reporter.load takes it."""
    return save_small_model()


@torch.no_grad()
def _spread(model: PriorRGModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Make random weights say something: no norm an identity, and texts of words that vary with the memory."""
    for name, value in model.named_parameters():
        if "norm" in name or "ln_" in name or "lambda" in name or "LayerNorm" in name:
            value.add_(0.3 * torch.randn_like(value))
        elif ("crossattention" in name and name.endswith("weight")) or name.endswith("wpe.weight"):
            value.normal_(std=0.5)
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(std=0.3)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
    words = [number for token, number in tokenizer.get_vocab().items() if token.startswith("Ġ") and len(token) > 1]
    embedding = model.decoder.transformer.wte.weight
    embedding.normal_(std=0.01)  # bytes and special tokens are never the likeliest
    embedding[words] = 0.3 * torch.randn(len(words), embedding.shape[1])


@pytest.fixture(scope="session")
def make_radiograph():
    """A function seed -> Radiograph, 12 bits, smooth, each seed another picture."""

    def make(seed: int = 0, view: str = "PA") -> Radiograph:
        rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[0:160, 0:192] / 160.0
        waves = [np.sin(rng.uniform(2, 9) * rows + rng.uniform(2, 9) * columns + rng.uniform(0, 6)) for _ in range(4)]
        pixels = ((np.mean(waves, axis=0) + 1) / 2 * 4095).astype(np.uint16)
        return Radiograph(pixels, window=(2048.0, 4096.0), view_position=view, source="PNG", bits=12)

    return make


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Ten simulated patients, as the command writes them."""
    from train.__main__ import main

    folder = tmp_path_factory.mktemp("data") / "sim"
    counts = ["--train", "6", "--val", "2", "--test", "2"]
    assert main(["simulate", "--output", str(folder), "--size", "64", "--workers", "1", *counts]) == 0
    return folder


@pytest.fixture(scope="session")
def trained(simulated, tmp_path_factory):
    """Folder of runs after vision, stage 1 and stage 2."""
    from train.__main__ import main

    runs = tmp_path_factory.mktemp("runs")
    config = configuration(simulated, runs)
    for command in ("vision", "stage1", "stage2"):
        assert main([command, "--config", config]) == 0
    return runs


@pytest.fixture
def study(make_radiograph):
    """A study with everything: current and prior image, indication and history."""
    context = ClinicalContext("Fever and cough, evaluate for pneumonia.", "Congestive heart failure.")
    return Study(make_radiograph(1, "PA"), make_radiograph(2, "AP"), context)


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """The app on the embedded weights (tests.serving.Served), started once for all tests that only use it."""
    with served(tmp_path_factory.mktemp("app"), "--hosts", FAR, **NO_UTF_8) as running:
        yield running


@pytest.fixture(scope="session")
def patient_app(tmp_path_factory, save_small_model):
    """The app on a model that writes hundreds of words, where one may wait behind whoever reads, and forgets at once.

    What must happen in the middle of a reading, or while others read, happens here.
    """
    flags = ["--weights", str(save_small_model(max_report_tokens=300)), "--queue-size", "1"]
    folder = tmp_path_factory.mktemp("patient")
    with served(folder, *flags, PRIORRG_AWAY_MINUTES="0.02", PRIORRG_AT_ONCE="1") as running:
        yield running


@pytest.fixture(scope="session")
def clinic(tmp_path_factory, save_small_model) -> Iterator[tuple[Served, str]]:
    """The app with two people who may log in, little room for uploads, and the address of its metrics."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "users.txt").write_text("anna:correct horse\nben:battery staple\n", encoding="utf-8")
    metrics = f"127.0.0.1:{free_port()}"
    flags = ["--auth", str(folder / "users.txt"), "--weights", str(save_small_model()), "--metrics", metrics]
    flags += ["--upload-quota-mb", "3", "--log-level", "debug", "--origins", "https://partner.example"]
    with served(folder, *flags, PRIORRG_THREADS="1") as running:
        yield running, f"http://{metrics}/metrics"


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {FAR} 127.0.0.1"]
        )


@pytest.fixture
def page(app, browser):
    """A fresh tab on which the first example study stands. `page.outside` collects requests to other hosts."""
    page = opened(browser, app.address)
    yield page
    page.close()
