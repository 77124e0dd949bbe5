"""Names to classes, filled by decorators inside dpc and by entry points outside it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from dpc.errors import DpcError, UsageError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Everything of one kind that has a name.

    passes: Registry[type[Pass]] = Registry("pass", "dpc.passes")

    `group` is both the package whose modules register the entries of dpc itself and the
    group of entry points of other distributions. Both are loaded on the first look-up.
    """

    def __init__(self, kind: str, group: str, package: str | None = None) -> None:
        self.kind = kind
        self.group = group
        self.package = package or group
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._loaded = False

    def register(self, name: str, aliases: tuple[str, ...] = ()) -> Callable[[T], T]:
        """Decorator: make `entry` known as `name` and its aliases."""

        def add(entry: T) -> T:
            self.add(name, entry, aliases)
            return entry

        return add

    def add(self, name: str, entry: T, aliases: tuple[str, ...] = ()) -> None:
        """Make `entry` known as `name`; a name has one owner."""
        owner = f"{getattr(entry, '__module__', '?')}.{getattr(entry, '__qualname__', entry)}"
        for word in (name, *aliases):
            if self._owners.get(word, owner) != owner:
                raise DpcError(
                    f"{self.kind} {word!r} is registered twice: by {self._owners[word]} and by "
                    f"{owner}. Rename or uninstall one of them."
                )
            self._owners[word] = owner
        self._entries[name] = entry
        self._aliases.update(dict.fromkeys(aliases, name))

    def get(self, name: str) -> T:
        """The entry of this name or alias."""
        self._load()
        found = self._entries.get(self._aliases.get(name, name))
        if found is None:
            hint = did_you_mean(name, [*self._entries, *self._aliases])
            known = ", ".join(self.names())
            raise UsageError(f"no {self.kind} is called {name!r}.{hint} Known: {known}")
        return found

    def names(self) -> list[str]:
        """Every name, without aliases, sorted."""
        self._load()
        return sorted(self._entries)

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.group):
            self.add(point.name, point.load())
