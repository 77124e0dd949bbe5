"""report.html: the report as one page that needs nothing but a browser."""

from __future__ import annotations

from html import escape

from dpc.package import report as words
from dpc.package import report_circuit
from dpc.package import report_figures as figures
from dpc.package.page_style import STYLE
from dpc.package.report_figures import Report, short


def to_html(report: Report) -> bytes:
    """The page. The same report gives the same bytes."""
    title = f"{report['model']['name']}: compile report"
    sections = [
        _header(report),
        _tiles(report),
        _section("What each pass did", _measured(report), _table(report)),
        _section("Arithmetic after each pass", FLOPS, figures.flops(report)),
        _section("Bytes after each pass", BYTES, figures.traffic(report)),
        *_errors(report),
        *_tables(report),
        *_machine(report),
    ]
    body = "\n".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n"
        f"</main>\n</body>\n</html>\n"
    ).encode()


def _machine(report: Report) -> list[str]:
    """Time and memory: on a processor, as estimated for GPUs, or of a circuit."""
    if report_circuit.circuit_of(report) is not None:
        return [_section(*one) for one in report_circuit.sections(report)]
    if "estimate" in report:
        head, *rest = report["estimate"]["lines"]
        table = f"<pre>{escape(chr(10).join(rest))}</pre>"
        return [_section("Time and memory on GPUs", f"{head[0].upper()}{head[1:]}.", table)]
    return [
        _section("Where the time goes", _time(report), figures.stages(report)),
        _section("Roofline", _roofline(report), figures.roofline(report)),
        _section("Memory", _memory(report), figures.memory(report)),
    ]


FLOPS = (
    "Floating-point operations of one atom in one step, energy, force and virial together; a "
    "multiplication with an addition is two."
)
BYTES = (
    "What ops read and write for one atom, from whatever level of cache. Weights are read once "
    "for the atoms of a tile."
)


def _section(title: str, text: str, figure: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n{figure}\n</section>"


def _measured(report: Report) -> str:
    said = words.measured(report)
    return f"{said[0].upper()}{said[1:]}."


def _header(report: Report) -> str:
    model = report["model"]
    nearest = f", nearest pair {model['nearest']:.3g} Å" if model["nearest"] else ""
    facts = (
        f"Types {' '.join(model['types'])}, cutoff {model['rcut']:g} Å{nearest}; an atom has "
        f"{words.neighbors(report)} neighbours."
    )
    return f"<header>\n<h1>{escape(model['name'])}</h1>\n<p>{escape(facts)}</p>\n</header>"


def _tiles(report: Report) -> str:
    """The numbers that matter most."""
    before, after = report["as_read"], words.rows(report)[-1][1]
    flops = [sum(one["flops"].values()) / 1e6 for one in (before, after)]
    circuit = report_circuit.circuit_of(report)
    time = f"{report['time']['cores']['1']:.1f} µs"
    about = "expected for an atom and step on one core, at the rates below"
    if circuit:
        time, about = f"{circuit['interval']} cycles", "for an atom in steady state, by the formula"
    elif "estimate" in report:
        card = report["estimate"]["cards"][0]
        time = f"{card['us_per_atom']:.3f} µs"
        about = f"for an atom and step at the roofline of a {card['card']}"
    found = [
        (time, about),
        (f"{flops[1]:.2f} Mflop", f"per atom and step; {flops[0]:.2f} as read"),
        (words.size(report["memory"]["params"]), "of tables and weights"),
    ]
    if report["errors"]:
        error = report["errors"]["force"]["rms"]
        found.insert(1, (f"{short(error)} eV/Å", "force error of all passes together, rms"))
    tiles = "".join(f"<li><b>{escape(a)}</b><span>{escape(b)}</span></li>" for a, b in found)
    return f'<ul class="tiles">{tiles}</ul>'


def _table(report: Report) -> str:
    head = "<tr><th>pass<th>Mflop/atom<th>kB/atom<th>tables"
    head += "".join(f"<th>{name}<br>rms<th>{unit}<br>max" for name, unit in words.UNITS.items())
    found = [head]
    for name, cost, errors in words.rows(report):
        stored = cost["stored"]["tables"]
        cells = [
            escape(name),
            f"{sum(cost['flops'].values()) / 1e6:.3f}",
            f"{sum(cost['bytes'].values()) / 1e3:.0f}",
            words.size(stored) if stored else "",
        ]
        for quantity in words.UNITS:
            cells += [short(errors[quantity][k]) if errors else "" for k in ("rms", "max")]
        style = ' class="sum"' if name == words.ALL else ""
        found.append(f"<tr{style}>" + "".join(f"<td>{cell}" for cell in cells))
    remarks = [
        f"<li><code>{escape(one['text'])}</code> {escape('; '.join(one['remarks']))}"
        for one in report["passes"]
        if one["remarks"] or one["text"] != one["name"]
    ]
    listed = f"<ul>{''.join(remarks)}</ul>" if remarks else ""
    return f'<div class="wide"><table>{"".join(found)}</table></div>{listed}'


def _errors(report: Report) -> list[str]:
    charts = [
        f"<h3>{quantity}, {words.UNITS[quantity]}</h3>\n{chart}"
        for quantity, chart in figures.errors(report).items()
    ]
    text = _measured(report) + " Each pass against the program before it; at the end all together."
    return [_section("Error of each pass", text, "\n".join(charts))] if charts else []


def _tables(report: Report) -> list[str]:
    found = []
    for name, facts in report["tables"].items():
        text = (
            f"{facts['rows']} rows, step {facts['stride']:g} of the normalised s. Largest "
            "difference from the net over its columns, relative to its largest value or slope."
        )
        if facts["end"]:
            text += f" The table ends at {facts['end']:.3g} Å; below that it is continued."
        chart = figures.table(name, facts, report["model"]["nearest"])
        found.append(_section(f"Table {name} by distance", text, chart))
    return found


def _time(report: Report) -> str:
    time = report["time"]
    cores = " and ".join(
        f"{found:.1f} µs on {n} core{'s' if n != '1' else ''}" for n, found in time["cores"].items()
    )
    return (
        f"One atom on one core at the roofline: the longer of computing (bar) and reading (mark) "
        f"counts, {time['ideal']:.1f} µs in all. Whole steps reach {time['efficiency']:.0%} of it, "
        f"measured on water, so expect {cores} for an atom and step."
    )


def _roofline(report: Report) -> str:
    return (
        f"Rates of one core, {report['roofline']['source']}. Each point is a stage at what is "
        "expected of it; its place from left to right is its arithmetic for each byte it reads. "
        "Stages that hardly do any are left out."
    )


def _memory(report: Report) -> str:
    memory = report["memory"]
    return (
        f"One rank of one thread. libdpc holds {words.size(memory['params'])} of tables and "
        f"weights, {words.size(memory['workspace'])} for each thread and "
        f"{memory['per_atom']:.0f} bytes for each atom; an engine's neighbour list and arrays are "
        f"about {memory['engine_per_atom']:.0f} bytes for each atom (skin {memory['skin']:g} Å). "
        "The engine's program comes on top."
    )
