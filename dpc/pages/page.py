"""One HTML file with everything in it: title, tiles, sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dpc.package.page_style import STYLE

MORE_STYLE = """
.pair { display: grid; gap: 18px; grid-template-columns: repeat(auto-fit, minmax(360px, 1fr)); }
td.words { white-space: normal; text-align: left; min-width: 22em; }
"""


def page(title: str, lead: str, sections: Sequence[str]) -> bytes:
    """The whole file. The same arguments give the same bytes."""
    body = "\n".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{MORE_STYLE}</style>\n</head>\n<body>\n"
        f"<main>\n<h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n{body}\n</main>\n</body>\n"
        "</html>\n"
    ).encode()


def tiles(numbers: Sequence[tuple[str, str]]) -> str:
    """Large numbers, each with the words below it."""
    items = "".join(f"<li><b>{escape(n)}</b><span>{escape(w)}</span></li>" for n, w in numbers)
    return f'<ul class="tiles">{items}</ul>'


def section(title: str, text: str, *figures: str) -> str:
    """A heading, a paragraph, and what it is about."""
    words = f"<p>{escape(text)}</p>" if text else ""
    parts = "\n".join([f"<h2>{escape(title)}</h2>", words, *figures])
    return f"<section>\n{parts}\n</section>"


def side_by_side(*figures: str) -> str:
    """Figures beside each other where the screen is wide enough."""
    return '<div class="pair">' + "".join(f"<div>{f}</div>" for f in figures) + "</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    """Rows of text; columns in `words` hold sentences, which may wrap."""
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="words">{escape(c)}</td>' if k in words else f"<td>{escape(c)}</td>"
            for k, c in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'
