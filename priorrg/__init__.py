"""PriorRG: a chest radiograph, the one before it and a sentence of context go in, a report comes out.

    reader = priorrg.load()
    for event in reader.read(priorrg.read_study("current.dcm", prior="prior.dcm", indication="...")):
        print(event)

The names below are imported when first used, so that `import priorrg` stays light.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from priorrg.reading import Reader, read_study

    load = Reader.load

__all__ = ["Reader", "load", "read_study"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'priorrg' has no attribute {name!r}")
    from priorrg import reading

    return reading.Reader.load if name == "load" else getattr(reading, name)
