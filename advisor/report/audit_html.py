"""The audit as one HTML page that loads nothing: findings with small plots of what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real

from advisor.report.audit_text import grouped, not_made, points, shown_rows
from probes.audit.records import Audit, AuditFinding
from probes.sinks import html

WIDTH, BAR = 420, 14
"""Pixels of a plot, and of a bar's height."""
MAX_BARS = 12

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h2{margin-top:2rem;border-bottom:1px solid #ccc}h3{margin:1.2rem 0 .2rem}
code,.rows{font:13px ui-monospace,monospace;color:#555}svg{display:block;margin:.4rem 0}
svg text{font:12px ui-monospace,monospace;fill:#333}.fix{color:#064}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}svg text{fill:#ccc}
code,.rows{color:#aaa}.fix{color:#6c9}}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def audit_html(audit: Audit) -> str:
    """The page. Text from data is escaped; there are no scripts, links or outside resources."""
    return "\n".join(_page(audit)) + "\n"


def _page(audit: Audit) -> Iterator[str]:
    title = f"Data audit: {html(audit.name)}"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield f"<p>{audit.n_rows:,} rows, {audit.n_test_rows:,} of a test file; looked at in"
    yield f" {audit.seconds:.1f} s.</p>"
    costly = [found for found in audit.findings if points(found.effect)]
    if costly:
        yield "<h2>What each is expected to cost, in points of quality</h2>"
        yield from _costs(costly[:MAX_BARS])
    for heading, found in grouped(audit.findings):
        yield f"<h2>{html(heading)}</h2>"
        for each in found:
            yield from _finding(each)
    if missing := not_made(audit):
        yield f"<h2>Not checked</h2><p>{'<br>'.join(map(html, missing))}</p>"
    yield "</body></html>"


def _finding(found: AuditFinding) -> Iterator[str]:
    yield f"<h3>{html(found.kind)}</h3><p>{html(found.text, None)}</p>"
    cost = points(found.effect)
    if cost:
        yield f"<p>{html(cost)}: {html(found.effect.basis, None)}</p>"
    if found.rows:
        yield f'<p class="rows">{html(shown_rows(found, 10), None)}</p>'
    if found.fix:
        done = " (<code>advisor audit --fix</code> does it)" if found.fixable else ""
        yield f'<p class="fix">{html(found.fix, None)}{done}</p>'
    for name, values in found.details.items():
        counts = _numbers(values)
        if counts:
            yield f"<p><code>{html(name)}</code></p>"
            yield from bars(counts)


def _numbers(values: object) -> dict[str, float]:
    """A flat mapping of names to numbers, else nothing."""
    if not isinstance(values, Mapping) or len(values) < 2:
        return {}
    if not all(
        isinstance(value, Real) and not isinstance(value, bool) for value in values.values()
    ):
        return {}
    return {str(name): float(value) for name, value in values.items()}


def bars(values: Mapping[str, float]) -> Iterator[str]:
    """A bar for each name, the longest first, at most MAX_BARS of them."""
    ranked = sorted(values.items(), key=lambda pair: -abs(pair[1]))[:MAX_BARS]
    largest = max((abs(value) for _, value in ranked), default=0.0) or 1.0
    yield _svg(len(ranked))
    for at, (name, value) in enumerate(ranked):
        y = at * (BAR + 6)
        yield f'<text x="0" y="{y + 12}">{html(name, 24)}</text>'
        length = 160 * abs(value) / largest
        yield f'<rect x="190" y="{y}" width="{length:.1f}" height="{BAR}" fill="#4a7fb5"/>'
        yield f'<text x="{196 + length:.1f}" y="{y + 12}">{value:.4g}</text>'
    yield "</svg>"


def _costs(found: Sequence[AuditFinding]) -> Iterator[str]:
    """A dot with its range for each finding."""
    largest = max(each.effect.high for each in found) or 1.0
    yield _svg(len(found))
    for at, each in enumerate(found):
        y = at * (BAR + 6) + 8
        low, middle, high = (
            190 + 200 * value / largest
            for value in (each.effect.low, each.effect.points, each.effect.high)
        )
        yield f'<text x="0" y="{y + 4}">{html(each.kind, 24)}</text>'
        yield f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="#4a7fb5"/>'
        yield f'<circle cx="{middle:.1f}" cy="{y}" r="4" fill="#4a7fb5"/>'
        yield f'<text x="{high + 8:.1f}" y="{y + 4}">{each.effect.points:.1f}</text>'
    yield "</svg>"


def _svg(n: int) -> str:
    height = n * (BAR + 6)
    return f'<svg width="{WIDTH + 40}" height="{height}" viewBox="0 0 {WIDTH + 40} {height}">'
