"""What must be done to argv before an option parser may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mesosweep.domain.errors import UsageError

VARIADIC = frozenset({"--stages", "--override", "--label"})


def take_injected(
    argv: Sequence[str], prefixes: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Take `--<prefix>_<name> value` and `--<prefix>_<name>=value` out of argv.

    Tuning services inject parameters in either spelling. They are taken first
    because an option parser reads the value in `--env_y -5e-3` as options. What
    follows a bare `--` is left alone.

    Raises:
        UsageError: a parameter without a value, or given twice.
    """
    starts = tuple(f"--{prefix}_" for prefix in prefixes)
    rest: list[str] = []
    injected: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*rest, word, *words], injected
        if not word.startswith(starts):
            rest.append(word)
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals:
            if not words or words[0].startswith("--"):
                raise UsageError(f"--{name}: needs a value.", hint=f"Write --{name}=VALUE")
            value = words.pop(0)
        if name in injected:
            raise UsageError(f"--{name}: given twice ({injected[name]} and {value}).")
        injected[name] = value
    return rest, injected


def normalise(argv: Sequence[str], variadic: Collection[str] = VARIADIC) -> list[str]:
    """Rewrite `--stages 1 2` as `--stages 1 --stages 2`, for each option in `variadic`.

    Values run on until the next word that begins with `-`.

    Raises:
        UsageError: an option without a value; a parser would take the next option for it.
    """
    told: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*told, word, *words]
        told.append(word)
        option, equals, _ = word.partition("=")
        if option not in variadic:
            continue
        if not equals:
            if not words or words[0].startswith("-"):
                raise UsageError(f"{option}: needs a value.")
            told.append(words.pop(0))
        while words and not words[0].startswith("-"):
            told += [option, words.pop(0)]
    return told
