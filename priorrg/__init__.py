"""PriorRG: a chest radiograph, the one before it and a sentence of context go in, a report comes out.

    reporter = priorrg.load()
    for event in reporter.stream(priorrg.read_study("current.dcm", prior="prior.dcm", indication="...")):
        print(event)

The names below are imported when first used, so that `import priorrg` stays light.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from priorrg.reporting.reporter import Reporter, read_study

    load = Reporter.load

__all__ = ["Reporter", "load", "read_study"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'priorrg' has no attribute {name!r}")
    from priorrg.reporting import reporter

    return reporter.Reporter.load if name == "load" else getattr(reporter, name)
