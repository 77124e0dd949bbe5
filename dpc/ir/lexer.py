"""Words of the text form, and errors that point at them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from dpc.errors import TextError, did_you_mean

KINDS = {
    "string": r'"(?:[^"\\\n]|\\.)*"',
    "value": r"%[\w.]+",
    "ref": r"@[A-Za-z_][\w.]*",
    "number": r"[-+]?(?:(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|(?:inf|nan)\b)",
    "word": r"[A-Za-z_][\w.]*~?",
    "sign": r".",
}
TOKEN = re.compile(
    r"(?:\s|//[^\n]*)*(?:" + "|".join(f"(?P<{k}>{r})" for k, r in KINDS.items()) + ")?"
)
NAMES = {"string": "a string", "value": "a %value", "ref": "a @name", "number": "a number",
         "word": "a name"}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One word: kind, text and where it begins; kind '' is the end."""

    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        return repr(self.text) if self.kind else "the end of the text"


class Tokens:
    """The words of a text, one ahead."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self._words = self._scan()
        self.next = next(self._words)

    def _scan(self) -> Iterator[Token]:
        at = 0
        while True:
            found = TOKEN.match(self.text, at)
            assert found is not None  # every part of the pattern may be empty
            if found.lastgroup is None:
                yield Token("", "", len(self.text))
                return
            yield Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
            at = found.end()

    def take(self, kind: str = "", what: str = "") -> Token:
        """The next word, which must be of this kind."""
        token = self.next
        if (kind and token.kind != kind) or not token.kind:
            self.fail(f"expected {what or NAMES.get(kind, 'more')}, found {token}")
        self.next = next(self._words)
        return token

    def expect(self, *texts: str) -> Token:
        """The next word, which must be one of these."""
        if self.next.text not in texts or self.next.kind == "string":
            wanted = " or ".join(map(repr, texts))
            hint = did_you_mean(self.next.text, texts) if self.next.kind == "word" else ""
            self.fail(f"expected {wanted}, found {self.next}.{hint}".removesuffix("."))
        return self.take()

    def skip(self, text: str) -> bool:
        """Take the next word if it is this."""
        if self.next.text == text and self.next.kind != "string":
            self.take()
            return True
        return False

    def integer(self, what: str = "a whole number") -> int:
        """A whole number."""
        token = self.take("number", what)
        if not re.fullmatch(r"[-+]?\d+", token.text):
            self.fail(f"expected {what}, found {token}", token)
        return int(token.text)

    def fail(self, why: str, token: Token | None = None) -> NoReturn:
        """Refuse the text, pointing at a word (the next one)."""
        at = token or self.next
        before = self.text[: at.at]
        start = before.rfind("\n") + 1
        line, column = before.count("\n") + 1, at.at - start + 1
        shown = self.text[start:].split("\n", 1)[0].expandtabs(1)
        caret = " " * (column - 1) + "^" * max(1, len(at.text.split("\n")[0]))
        raise TextError(f"{self.source}:{line}:{column}: {why}\n{shown}\n{caret}")

    def unknown(self, what: str, token: Token, known: Iterable[str]) -> NoReturn:
        """Refuse a name that is not one of the known."""
        names = list(known)
        hint = did_you_mean(token.text, names) or f" Known: {', '.join(names) or 'none'}"
        self.fail(f"no {what} {token.text!r}.{hint}", token)
