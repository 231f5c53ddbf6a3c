"""A protocol as its file says it, with the line of whatever is wrong, and the order of reading that follows from it."""

from collections import Counter

import pytest

from priorrg.errors import SessionError
from priorrg.sessions.plan import plan
from priorrg.sessions.protocol import parse_protocol

SCORE = """\
title: Two arms
kind: score
instructions: Read.
consent: I take part.
cases: cases.csv
readers: 4
arms:
  - name: refined
    report: refined
  - name: human
    report: reference
order:
  seed: 3
"""
COMPARE = SCORE.replace("kind: score", "kind: compare")
CASES = [f"case{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("title: Two arms", "titel: Two arms", "protocol, line 1: titel is no key of a protocol."),
        ("title: Two arms\n", "", "protocol, line 1: title is missing."),
        ("kind: score", "kind: judge", "protocol, line 2: kind is 'judge': input should be 'score'"),
        ("readers: 4", "readers: 0", "protocol, line 6: readers is 0: give 1 to 500"),
        ("    report: reference", "    report: referenz", "protocol, line 11: arms.1.report is 'referenz'"),
        ("    report: reference", "    report: reference\n    show: [dots]", "protocol, line 10: arm human: what is"),
        ("name: human", "name: refined", "protocol, line 7: arms: refined stands there twice."),
        ("  seed: 3", "  seed: 3\n  seed: 4", "protocol, line 14: seed stands there twice."),
        ("kind: score", "kind: detect", "protocol, line 7: arms: a session of kind detect needs one with"),
        ("consent: I take part.", "consent: [", "protocol, line 6: this is no YAML"),
        ("order:", "judging: {categories: {typo: Typo}}\norder:", "protocol, line 12: categories must be of false_fin"),
    ],
)
def test_what_is_wrong_in_a_protocol_is_told_with_its_line(was, becomes, said):
    with pytest.raises(SessionError) as told:
        parse_protocol(SCORE.replace(was, becomes))
    assert said in str(told.value)


def test_a_protocol_brings_questions_and_words_and_lets_them_be_replaced():
    shipped = parse_protocol(SCORE)
    assert [question.id for question in shipped.questions][:3] == ["acceptability", "answers_indication", "usefulness"]
    assert shipped.readers == ("R1", "R2", "R3", "R4")
    mine = parse_protocol(SCORE + "judging:\n  significances: {none: Egal, critical: Sofort anrufen}\n")
    assert mine.judging.significances == {"none": "Egal", "critical": "Sofort anrufen"}
    assert mine.judging.categories == shipped.judging.categories


def test_an_order_is_the_same_wherever_it_is_made_and_another_for_each_reader():
    protocol = parse_protocol(SCORE)
    assert plan(protocol, CASES, "R1") == plan(protocol, CASES, "R1")
    orders = {tuple(one.case for one in plan(protocol, CASES, reader)) for reader in protocol.readers}
    assert len(orders) == 4
    assert plan(parse_protocol(SCORE.replace("seed: 3", "seed: 4")), CASES, "R1") != plan(protocol, CASES, "R1")


def test_a_latin_square_gives_each_case_every_arm_and_each_reader_all_arms_alike():
    protocol = parse_protocol(SCORE)
    plans = {reader: plan(protocol, CASES, reader) for reader in protocol.readers}
    for listed in plans.values():
        assert Counter(one.arm for one in listed) == {"refined": 6, "human": 6}
        assert sorted(one.case for one in listed) == sorted(CASES)
    for case in CASES:
        assert Counter(one.arm for listed in plans.values() for one in listed if one.case == case) == {
            "refined": 2,
            "human": 2,
        }


def test_a_crossover_gives_each_case_in_every_arm_one_a_visit_and_repeats_on_a_visit_of_their_own():
    text = (
        SCORE.replace("  seed: 3", "  seed: 3\n  design: crossover") + "washout_days: 14\nrepeats: 3\npractice: [case0]"
    )
    listed = plan(parse_protocol(text), CASES, "R2")
    assert [one.number for one in listed] == list(range(1, 27))
    assert listed[0].is_practice and listed[0].case == "case0"
    read = [one for one in listed if not one.is_practice and not one.is_repeat]
    assert Counter(one.visit for one in read) == {1: 11, 2: 11}
    assert {(one.case, one.arm) for one in read} == {(c, a) for c in CASES[1:] for a in ("refined", "human")}
    repeats = [one for one in listed if one.is_repeat]
    assert [one.visit for one in repeats] == [3, 3, 3] and listed[-3:] == repeats
    assert all(any((one.case, one.arm) == (again.case, again.arm) for one in read) for again in repeats)


def test_a_comparison_swaps_its_sides_at_random():
    protocol = parse_protocol(COMPARE.replace("readers: 4", "readers: 20"))
    sides = Counter(one.arms for reader in protocol.readers for one in plan(protocol, CASES, reader))
    assert set(sides) == {("refined", "human"), ("human", "refined")} and sum(sides.values()) == 240
    # A fair coin leaves 85 to 155 in all but one of a million draws.
    assert 85 < sides["refined", "human"] < 155
