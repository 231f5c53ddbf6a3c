"""The one small model that all tests share: random weights, real files, a tokenizer of few words.

Dimensions are those of the embedded model's kind (one channel, convolutional stem, padding masked), only smaller.
"""

import os
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
from tests.serving import served
from tests.training import configuration

IMAGE_SIZE, PATCH_SIZE = 32, 8


def pytest_collection_modifyitems(items):
    """Tests that ask for the browser are marked as such; where there is none, only CI insists on it."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and "CI" not in os.environ:
                item.add_marker(pytest.mark.skip(reason="needs chromium on the path"))


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
    with served(tmp_path_factory.mktemp("app"), "--hosts", FAR) as running:
        yield running


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
