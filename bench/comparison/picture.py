"""Draws tables of figures as bars: SVG that opens without a network, on a logarithmic scale since servers lie far apart."""

import html
import math

ROW, GAP, LEFT, WIDTH, TOP = 18, 14, 150, 460, 34
COLOURS = ["#1f6f8b", "#99a8b2", "#c97b3d", "#8e6c8a", "#6b9362", "#b3a04a"]


def _bars(title, by_scenario, x, lines):
    values = [value for by_server in by_scenario.values() for value in by_server.values()]
    low, high = 10 ** math.floor(math.log10(min(values))), max(values)
    span = math.log10(high / low) or 1
    lines.append(f'<text x="{x}" y="20" class="title">{html.escape(title)}</text>')
    y = TOP
    for scenario, by_server in by_scenario.items():
        lines.append(f'<text x="{x}" y="{y + 12}" class="group">{html.escape(scenario)}</text>')
        y += ROW
        for i, (server, value) in enumerate(by_server.items()):
            width = max(1.0, WIDTH * math.log10(value / low) / span)
            lines.append(f'<text x="{x + LEFT - 6}" y="{y + 13}" text-anchor="end">{html.escape(server)}</text>'
                         f'<rect x="{x + LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 4}" fill="{COLOURS[i % len(COLOURS)]}"/>'
                         f'<text x="{x + LEFT + width + 5:.1f}" y="{y + 13}">{value:,.0f}</text>')
            y += ROW
        y += GAP
    return y


def draw(path, charts):
    """`charts` is {title: {scenario: {server: figure}}}; they stand side by side."""
    lines, height, column = [], 0, LEFT + WIDTH + 80
    for i, (title, by_scenario) in enumerate(charts.items()):
        height = max(height, _bars(title, by_scenario, 10 + i * column, lines))
    width = 10 + len(charts) * column
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        "<style>text{font:12px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}.group{font-weight:bold}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(lines) + "\n</svg>\n")
