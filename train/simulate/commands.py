"""The commands of python -m train that draw patients: simulate, sheet, examples and cases.

Each takes its parsed options and writes where they say.
"""

from __future__ import annotations

import argparse


def simulate_command(options: argparse.Namespace) -> None:
    from train.simulate.dataset import write_data_set

    patients = {split: getattr(options, split) for split in ("train", "val", "test", "shifted", "dicom")}
    write_data_set(options.output, patients, options.seed, options.size, options.workers)


def sheet_command(options: argparse.Namespace) -> None:
    from train.simulate.sheet import write_sheet

    write_sheet(options.output, options.seed, options.patients, is_blinded=options.blinded)


def examples_command(options: argparse.Namespace) -> None:
    from train.choose_examples import choose
    from train.simulate.examples import write_examples

    write_examples(options.output)
    if options.data:
        choose(options.weights, options.data, options.output)


def cases_command(options: argparse.Namespace) -> None:
    from train.simulate.cases import write_cases

    print(f"Wrote {options.count} cases: {write_cases(options.output, options.count, options.seed, options.size)}")
