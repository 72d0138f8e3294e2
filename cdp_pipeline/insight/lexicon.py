"""Words that carry an opinion, by language: the files of ``insight/lexicons``.

Belongs here: reading them and looking words up. How words add up to a judgement stands in
``sentiment``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from cdp_pipeline.declared import DeclarationError, DeclaredFile, load_declared
from cdp_pipeline.sqlmodels.problems import Problem

LANGUAGES = ("da", "en", "fi", "nb", "sv")
"""Languages with a lexicon, ISO 639-1."""

ALIASES = {"no": "nb", "nn": "nb"}
"""Language codes that mean one of `LANGUAGES`."""

WEIGHTS = {
    "very_positive": 2.0,
    "positive": 1.0,
    "neutral": 0.0,
    "negative": -1.0,
    "very_negative": -2.0,
    "both_ways": 0.0,
}
_USES = (*WEIGHTS, "nothing", "negations", "stronger", "weaker", "boundaries")


class LexiconFile(DeclaredFile):
    """One file: words by use, separated by spaces."""

    very_positive: str
    positive: str
    very_negative: str
    negative: str
    neutral: str
    both_ways: str = Field(description="Say something only with a negation: works, does not work.")
    nothing: str
    negations: str
    stronger: str
    weaker: str
    boundaries: str
    function_words: str


@dataclass(frozen=True)
class Lexicon:
    """The words of one language.

    Attributes
    ----------
    words : mapping
        A whole word to its use.
    stems : mapping
        How words begin, to their use; the longest that fits counts.
    phrases : mapping
        Two or more words to their use; they come before single words.
    function_words : frozenset of str
        Words by which the language is recognised.
    """

    words: Mapping[str, str]
    stems: Mapping[str, str]
    phrases: Mapping[tuple[str, ...], str]
    function_words: frozenset[str]

    def entry(self, word: str) -> tuple[str, str] | None:
        """Return the entry that a word falls under and its use, as in ``("besvik*", "negative")``.

        >>> lexicon = Lexicon({"bra": "positive"}, {"besvik": "negative"}, {}, frozenset())
        >>> lexicon.entry("besviken"), lexicon.entry("braxen")
        (('besvik*', 'negative'), None)
        """
        if word in self.words:
            return word, self.words[word]
        for length in range(len(word), 2, -1):
            use = self.stems.get(word[:length])
            if use is not None:
                return f"{word[:length]}*", use
        return None


def load_lexicons(paths: Mapping[str, Path]) -> dict[str, Lexicon]:
    """Read the lexicon of each language.

    Raises
    ------
    DeclarationError
        If a file has other parts than it should, or one word twice.
    """
    return {language: _lexicon(path) for language, path in sorted(paths.items())}


def _lexicon(path: Path) -> Lexicon:
    content = load_declared(path, LexiconFile, "see the comments at the top of sv.yml")
    uses: dict[str, str] = {}
    problems = []
    for use in _USES:
        for word in getattr(content, use).split():
            if uses.setdefault(word, use) != use:
                problems.append(
                    Problem(path, 1, f"{word} is both {uses[word]} and {use}", "keep one of them")
                )
    if problems:
        raise DeclarationError(problems)
    return Lexicon(
        words={
            word: use for word, use in uses.items() if "_" not in word and not word.endswith("*")
        },
        stems={
            word[:-1]: use for word, use in uses.items() if word.endswith("*") and "_" not in word
        },
        phrases={
            tuple(word.rstrip("*").split("_")): use for word, use in uses.items() if "_" in word
        },
        function_words=frozenset(content.function_words.split()),
    )


def known_language(code: str | None) -> str | None:
    """Return the language of a code as delivered, such as ``sv`` of ``sv-SE``; None when none."""
    if not code:
        return None
    short = code.strip().lower().replace("_", "-").split("-")[0]
    return ALIASES.get(short, short) or None


def longest_phrase(lexicons: Iterable[Lexicon]) -> int:
    """Return the number of words in the longest phrase."""
    return max((len(phrase) for lexicon in lexicons for phrase in lexicon.phrases), default=1)
