"""Options of a section: name, default, meaning, old names; and the reader of a section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpc.config.values import Reader, Wrong
from dpc.errors import did_you_mean

REQUIRED = object()


@dataclass(frozen=True)
class Option:
    """One option. `unsupported` says why dpc refuses any value but the default."""

    name: str
    read: Reader
    default: Any
    doc: str
    aliases: tuple[str, ...] = ()
    unsupported: str = ""


@dataclass(frozen=True)
class Section:
    """The options of one section; `ignored` are known names without any effect in dpc."""

    where: str
    options: tuple[Option, ...]
    ignored: frozenset[str] = frozenset()

    def names(self) -> list[str]:
        """Every option of this section that dpc supports."""
        return [o.name for o in self.options if not o.unsupported]

    def read(self, given: Any, problems: list[str], where: str = "") -> dict[str, Any]:
        """Every option explicit; what is wrong is added to `problems`. `_comment` keys go."""
        where = where or self.where
        if not isinstance(given, Mapping):
            problems.append(f"{where} is {given!r}, but must be a section {{ … }}")
            return {}
        return self._read(given, problems, where)

    def _read(self, given: Mapping[str, Any], problems: list[str], where: str) -> dict[str, Any]:
        spelling = {word: o.name for o in self.options for word in (o.name, *o.aliases)}
        values: dict[str, Any] = {}
        for word, value in given.items():
            if word.startswith("_") or word in self.ignored:
                continue
            name = spelling.get(word)
            if name is None:
                problems.append(f"{where}.{word}: no such option.{did_you_mean(word, spelling)}")
            elif name in values:
                problems.append(f"{where}.{word}: given twice, under two of its names")
            else:
                values[name] = value
        return {o.name: self._value(o, values, problems, where) for o in self.options}

    def _value(
        self, option: Option, values: Mapping[str, Any], problems: list[str], where: str
    ) -> Any:
        name = f"{where}.{option.name}"
        if option.name not in values:
            if option.default is REQUIRED:
                problems.append(f"{name} is missing: {option.doc}")
            return option.default
        value = values[option.name]
        if option.unsupported:
            if value != option.default and value is not None:
                problems.append(f"{name} is {value!r}: not supported. {option.unsupported}")
            return option.default
        try:
            return option.read(value)
        except Wrong as wrong:
            problems.append(f"{name} is {value!r}, but {wrong}")
            return option.default


@dataclass(frozen=True)
class Variants:
    """Sections of one place, told apart by the value of a key such as `type`."""

    where: str
    default: str
    sections: dict[str, Section]
    unsupported: dict[str, str]
    key: str = "type"

    def read(self, given: Any, problems: list[str], where: str = "") -> dict[str, Any]:
        """As Section.read, the kind first."""
        where = where or self.where
        if not isinstance(given, Mapping):
            problems.append(f"{where} is {given!r}, but must be a section {{ … }}")
            return {}
        kind = given.get(self.key, self.default)
        if kind in self.unsupported:
            problems.append(
                f"{where}.{self.key} {kind!r} is not supported. {self.unsupported[kind]}"
            )
            return {}
        if kind not in self.sections:
            known = " ".join(self.sections)
            hint = did_you_mean(str(kind), self.sections)
            problems.append(f"{where}.{self.key} {kind!r}: no such kind.{hint} Known: {known}")
            return {}
        rest = {k: v for k, v in given.items() if k != self.key}
        return {self.key: kind, **self.sections[kind].read(rest, problems, where)}
