"""Weights to the hub, with their card: the folder's own files, nothing that says on whose machine they were made."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HFValidationError, HTTPError  # type: ignore[attr-defined]  # of its HTTP library

from priorrg import texts
from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig
from priorrg.reporting.kept import TAKEN
from priorrg.reporting.loading import load_weights
from priorrg.reporting.weights import CARD

MATTER = (
    "---\nlibrary_name: priorrg\npipeline_tag: image-to-text\ntags: [chest-x-ray, radiology-report-generation]\n---\n"
)


def push_to_hub(folder: Path, repository: str, public: bool = False, api: HfApi | None = None) -> str:
    """Send weights to a repository, which is made where it is not there yet; returns its address.

    public: whether one that is made is open to everybody; one that is there stays as it is. A folder without a card is
    given one, which says what the weights' configuration says. Raises CheckpointError for what is no folder of weights,
    for those of the paper's authors, and where the hub cannot be reached or refuses.
    """
    if not folder.is_dir():  # load_weights would take a repository's name too
        raise CheckpointError(f"There is no folder {folder}: name the one that training wrote.")
    config = load_weights(str(folder))[0].config
    assert isinstance(config, PriorRGConfig)
    if config.weights_kind == "published":
        raise CheckpointError(
            "These are the weights of the paper's authors: whoever wants them fetches them from there (priorrg weights "
            "published). What you taught them further can be passed on, as far as their license lets you."
        )
    api = api or HfApi(endpoint=constants.ENDPOINT)
    try:
        if not (folder / CARD).is_file():
            (folder / CARD).write_text(card_of(config), encoding="utf-8")
        made = api.create_repo(repository, private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(TAKEN),
            ignore_patterns="*/*",  # a pattern of names fits in folders as well: checkpoints of the training
            commit_message=f"{config.weights_name}, by PriorRG",
        )
    except (HTTPError, HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{folder} could not be sent to {repository} ({reason}). Look at the name and the line, log in with "
            "`hf auth login` (or set HF_TOKEN) and try again."
        ) from error
    return str(made)


def card_of(config: PriorRGConfig) -> str:
    """The card of weights that have none."""
    facts = {
        "Trained": config.training_note or "nobody wrote down on what",
        "Images": f"{config.vision_config.image_size} pixels an edge",
        "Reads": f"{config.max_context_tokens} tokens of indication and history",
        "Writes": f"{config.max_report_tokens} tokens, {config.num_beams} beams",
        "Views": ", ".join(sorted(config.view_positions, key=config.view_positions.__getitem__)),
    }
    rows = "\n".join(f"| {name} | {said} |" for name, said in facts.items())
    return (
        f"{MATTER}# {config.weights_name}\n\n{texts.report.DISCLAIMER}\n\n| | |\n|---|---|\n{rows}\n\n"
        "How well they read was not measured, or not written down here. To read with them: `priorrg weights use "
        "OWNER/NAME`, with this repository's name.\n"
    )
