"""The look of report.html: light and dark, on screen and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fcfcfb; --card: #ffffff; --ink: #1d1d1f; --soft: #62646a; --rule: #e4e4e2;
  --s0: #2f6fb3; --s1: #d9822b; --s2: #8a8d93; --mark: #1d1d1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #17181a; --card: #1f2023; --ink: #ececee; --soft: #a2a4aa; --rule: #34363a;
    --s0: #6ea8e0; --s1: #eda35a; --s2: #7f8289; --mark: #ececee;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 920px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 19px; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 18px 0 4px; }
p { margin: 0 0 14px; color: var(--soft); max-width: 68ch; }
code { font: 13px ui-monospace, Menlo, Consolas, monospace; color: var(--ink); }
section {
  background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 20px 22px; margin: 18px 0; break-inside: avoid;
}
.tiles {
  list-style: none; margin: 22px 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(170px, 1fr));
}
.tiles li {
  background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 16px;
}
.tiles b { display: block; font-size: 22px; line-height: 1.25; }
.tiles span { color: var(--soft); font-size: 13px; line-height: 1.35; display: block; }
.wide { overflow-x: auto; }
table {
  border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums;
}
th, td {
  text-align: right; padding: 4px 7px; border-bottom: 1px solid var(--rule); white-space: nowrap;
}
th { font-weight: 600; color: var(--soft); vertical-align: bottom; font-size: 13px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.sum td { font-weight: 600; border-bottom: 0; }
section ul { margin: 12px 0 0; padding-left: 18px; color: var(--soft); font-size: 14px; }
svg { display: block; width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--ink); }
svg .tick, svg .label { fill: var(--soft); font-size: 11px; }
svg .value { font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.vertical { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.thread { stroke: var(--soft); stroke-width: 1; }
.mark { stroke: var(--mark); stroke-width: 2; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); }
.roof { stroke: var(--ink); } .slope { stroke: var(--s2); stroke-width: 1.5; }
@media print { body { background: none; } section, .tiles li { border-color: #ccc; } }
"""
