"""The model computes what the published implementation computes, stage by stage.

Tolerances are those of two float32 implementations that sum in another order: rtol 1e-4, atol 2e-5 up to the memory,
atol 2e-4 for logits, 1e-5 for losses. Token ids are equal.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers.modeling_outputs import BaseModelOutput

from priorrg.model.contrastive import contrastive_loss, same_study_matrix
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.model.published import import_checkpoint

PARITY = Path(__file__).parent / "parity"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The imported weights, the expected tensors, and the four studies as model inputs."""
    folder = import_checkpoint(
        PARITY / "published_style.ckpt",
        tmp_path_factory.mktemp("published"),
        tokenizer=PARITY / "tokenizer.json",
        view_positions=PARITY / "view_positions.json",
        heads={"vision": 2, "text": 2, "decoder": 2},
    )
    case = json.loads((PARITY / "case.json").read_text(encoding="utf-8"))
    tensors = load_file(PARITY / "tensors.safetensors")
    processor = PriorRGProcessor.from_pretrained(folder)
    has_prior = torch.tensor([view is not None for view in case["prior_view_positions"]])
    prior = torch.zeros_like(tensors["input.current"])
    prior[has_prior] = tensors["input.prior"]
    ids, mask = processor.context(case["contexts"], case["dims"]["encoder_max_length"])
    inputs = {
        "pixel_values": tensors["input.current"],
        "prior_pixel_values": prior,
        "has_prior": has_prior,
        "view_ids": torch.tensor([processor.view_id(view) for view in case["view_positions"]]),
        "prior_view_ids": torch.tensor([processor.view_id(view or "unk") for view in case["prior_view_positions"]]),
        "context_input_ids": ids,
        "context_attention_mask": mask,
    }
    model = PriorRGModel.from_pretrained(folder).eval()
    return SimpleNamespace(model=model, processor=processor, case=case, tensors=tensors, inputs=inputs)


@pytest.fixture(scope="module")
def memory(published):
    with torch.no_grad():
        return published.model.encode_study(**published.inputs)


def agrees(actual: torch.Tensor, expected: torch.Tensor, atol: float = 2e-5) -> None:
    torch.testing.assert_close(actual.detach(), expected, rtol=1e-4, atol=atol)


def test_texts_become_the_published_token_ids(published):
    tensors, case = published.tensors, published.case
    assert torch.equal(published.inputs["context_input_ids"], tensors["context.input_ids"])
    assert torch.equal(published.inputs["context_attention_mask"], tensors["context.attention_mask"])
    ids, mask = published.processor.report(case["reports"], case["dims"]["max_length"])
    assert torch.equal(ids, tensors["report.input_ids"])
    assert torch.equal(mask, tensors["report.attention_mask"])


def test_vision_features_agree(published):
    features = published.model.encode_image(published.inputs["pixel_values"])
    agrees(features.last_hidden_state, published.tensors["vision.last_hidden_state"])
    agrees(features.hidden_states, published.tensors["vision.hidden_states"])


def test_layer_fusion_and_joint_features_agree(published):
    layers = published.tensors["vision.hidden_states"]
    agrees(published.model.layer_fusion(layers), published.tensors["layer_fusion"])
    joint = published.model.joint_features(layers, published.inputs["view_ids"])
    agrees(joint, published.tensors["joint_features"])


def test_spatiotemporal_features_agree_with_and_without_a_prior(published):
    inputs, model = published.inputs, published.model
    prior_last = model.encode_image(inputs["prior_pixel_values"]).last_hidden_state
    features = model.spatiotemporal_features(
        published.tensors["vision.last_hidden_state"],
        inputs["view_ids"],
        prior_last,
        inputs["prior_view_ids"],
        inputs["has_prior"],
    )
    agrees(features, published.tensors["spatiotemporal_features"])


def test_context_agrees_before_and_after_its_projection(published):
    ids, mask = published.inputs["context_input_ids"], published.inputs["context_attention_mask"]
    hidden = published.model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    agrees(hidden, published.tensors["context.hidden"])
    agrees(published.model.encode_context(ids, mask), published.tensors["context.projected"])


def test_all_latents_and_the_memory_agree(published, memory):
    agrees(memory.context, published.tensors["latents.context"])
    agrees(memory.spatiotemporal, published.tensors["latents.spatiotemporal"])
    agrees(memory.joint, published.tensors["latents.joint"])
    agrees(memory.full, published.tensors["memory"])


def test_cached_vision_features_give_the_same_memory_as_pixels(published, memory):
    model, inputs = published.model, dict(published.inputs)
    current = model.encode_image(inputs.pop("pixel_values"))
    prior = model.encode_image(inputs.pop("prior_pixel_values"))
    from_cache = model.encode_study(
        **inputs,
        current_last_hidden_state=current.last_hidden_state,
        current_hidden_states=current.hidden_states,
        prior_last_hidden_state=prior.last_hidden_state,
    )
    agrees(from_cache.full, memory.full)


def test_teacher_forced_logits_and_loss_agree(published):
    tensors = published.tensors
    with torch.no_grad():
        outputs = published.model(
            **published.inputs, decoder_input_ids=tensors["decoder.input_ids"], labels=tensors["decoder.labels"]
        )
    real = tensors["report.attention_mask"][:, :-1].bool()  # logits at padding mean nothing
    agrees(outputs.logits[real], tensors["decoder.logits"][real], atol=2e-4)
    torch.testing.assert_close(outputs.loss.reshape(1), tensors["decoder.loss"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "num_beams"), [("greedy", 1), ("beam3", 3)])
def test_generated_ids_are_identical(published, memory, name, num_beams):
    assert torch.equal(generate(published, memory.full, num_beams), published.tensors[f"generated.{name}"])
    texts = [published.processor.decode(ids) for ids in published.tensors[f"generated.{name}"]]
    assert texts == published.case["generated_text"][name]


@pytest.mark.parametrize("study", range(4))
def test_each_study_read_alone_agrees(published, study):
    length = int(published.inputs["context_attention_mask"][study].sum())
    alone = {name: value[study : study + 1] for name, value in published.inputs.items()}
    alone["context_input_ids"] = alone["context_input_ids"][:, :length]
    alone["context_attention_mask"] = alone["context_attention_mask"][:, :length]
    with torch.no_grad():
        memory = published.model.encode_study(**alone).full
    agrees(memory, published.tensors[f"single.{study}.memory"])
    assert torch.equal(generate(published, memory, 1), published.tensors[f"single.{study}.greedy"])
    assert torch.equal(generate(published, memory, 3), published.tensors[f"single.{study}.beam3"])


def test_stage_1_embeddings_and_loss_agree(published):
    case, processor, inputs = published.case, published.processor, dict(published.inputs)
    length = case["dims"]["max_length"]  # stage 1 cuts context and report alike
    inputs["context_input_ids"], inputs["context_attention_mask"] = processor.context(case["contexts"], length)
    report_ids, report_mask = processor.stage1_report(case["reports"], length)
    with torch.no_grad():
        visual, report, _ = published.model.align(
            **inputs, report_input_ids=report_ids, report_attention_mask=report_mask
        )
        numbers = torch.tensor([case["study_ids"].index(study) for study in case["study_ids"]])
        loss = contrastive_loss(visual, report, published.model.logit_scale, same_study_matrix(numbers))
    agrees(visual, published.tensors["stage1.visual_embedding"])
    agrees(report, published.tensors["stage1.report_embedding"])
    torch.testing.assert_close(loss.reshape(1), published.tensors["stage1.loss"], rtol=0, atol=1e-5)


def generate(published, memory: torch.Tensor, num_beams: int) -> torch.Tensor:
    """Token ids padded to the fixture's length; `<|endoftext|>` as bos, so the first column is the start token."""
    length = published.case["dims"]["max_length"]
    ids = published.model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=memory), max_length=length, num_beams=num_beams
    )
    padding = published.model.config.pad_token_id
    return torch.nn.functional.pad(ids, (0, length - ids.shape[1]), value=padding)
