"""LIKE: the same answers as the plain definition, and in a time that does not double with each wildcard."""

import random

from oracle_stand_in.sql.evaluation.conditions import like_pattern


def like(text: str, pattern: str) -> bool:
    """The definition: which beginnings of the text each beginning of the pattern fits."""
    fits = {0}
    for character in pattern:
        if character == "%":
            fits = set(range(min(fits), len(text) + 1)) if fits else fits
        else:
            fits = {place + 1 for place in fits if place < len(text) and character in ("_", text[place])}
    return len(text) in fits


def test_like_is_what_its_definition_says() -> None:
    chance = random.Random(14)
    for _ in range(5_000):
        text = "".join(chance.choices("ab\n", k=chance.randint(0, 9)))
        pattern = "".join(chance.choices("ab%_\n", k=chance.randint(0, 8)))
        assert bool(like_pattern(pattern, None).fullmatch(text)) is like(text, pattern), (text, pattern)


def test_an_escaped_wildcard_is_a_character() -> None:
    assert like_pattern(r"100\%%", "\\").fullmatch("100% of it")
    assert not like_pattern(r"100\%%", "\\").fullmatch("1000")
    assert like_pattern("a!_b", "!").fullmatch("a_b")
    assert not like_pattern("a!_b", "!").fullmatch("axb")


def test_wildcards_do_not_double_the_time() -> None:
    """Kind: a regular expression that tries all ways. With 25 wildcards it stopped the server for all, for hours."""
    assert not like_pattern("%a" * 25 + "%b", None).fullmatch("a" * 4000)
