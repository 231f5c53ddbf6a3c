"""Every error that a reader or a user can cause, as one family with messages for a reader.

PriorRGError
├── ImageError          an upload that cannot be read as one radiograph
├── StudyError          a study that cannot be read as it stands (no current image, text too long)
├── BusyError           more readings wait for the model than may
├── CheckpointError     weights that are missing, incomplete or of another kind
├── FeedbackError       feedback that cannot be kept or exported
├── ExportError         a report that cannot be taken away in the form that was asked for
├── PacsError           an image server that does not answer, or has not what was asked for
├── SessionError        a feedback session that cannot be set up, kept or evaluated as it stands
└── DataError           a training data set or annotation file that does not hold what it should

A message says what was found, what was expected and what to do. Programming errors stay ordinary
exceptions and are never caught under this name.
"""

from priorrg.plain_text import plain_text


class PriorRGError(Exception):
    """Base of every error whose message may be shown to a reader as it stands.

    What a message quotes (a file's name, a word that was typed) is plain text in it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(plain_text(str(message)))


class ImageError(PriorRGError):
    """The upload is not one radiograph that PriorRG can read."""


class StudyError(PriorRGError):
    """The study, as given, cannot be read."""


class BusyError(PriorRGError):
    """As many readings wait for the model as this server lets wait."""


class CheckpointError(PriorRGError):
    """Weights are missing, incomplete, unsafe to load or of another kind."""


class FeedbackError(PriorRGError):
    """Feedback cannot be kept or exported. trouble: in a word, for the operator."""

    trouble = "unusable"


class ExportError(PriorRGError):
    """A report cannot be written in the form that was asked for."""


class PacsError(PriorRGError):
    """An image server does not answer, or does not have or take what it was asked. Names no patient and no study."""


class SessionError(PriorRGError):
    """A feedback session cannot be set up, kept or evaluated as it stands."""


class DataError(PriorRGError):
    """A training data set or annotation file does not hold what it should."""
