"""The chart: a picture that any reader of XML takes, with every line and name in it."""

import itertools
import xml.etree.ElementTree as ET

from benchmarks.chart import HEIGHT, TOP, Series, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def test_every_series_is_a_line_with_its_name() -> None:
    series = [Series("a <b>", [0, 10], [100, 399]), Series("c", [0, 10], [100, 398])]
    drawn = ET.fromstring(line_chart("R & D", series, (2, 8)))
    lines = drawn.findall(f"{SVG}polyline")
    texts = [text.text for text in drawn.findall(f"{SVG}text")]
    assert len(lines) == 2
    assert {"a <b>", "c", "R & D", "400", "10 s"} <= set(texts)


def test_lines_stay_inside_and_names_apart() -> None:
    series = [Series(str(n), [0, 1], [0, 1200]) for n in range(8)]
    drawn = ET.fromstring(line_chart("t", series, (0, 1)))
    heights = [
        float(point.split(",")[1])
        for line in drawn.findall(f"{SVG}polyline")
        for point in line.attrib["points"].split()
    ]
    assert min(heights) >= TOP
    assert max(heights) <= HEIGHT
    own = {str(n) for n in range(8)}
    texts = drawn.findall(f"{SVG}text")
    names = [float(text.attrib["y"]) for text in texts if text.text in own][-8:]
    assert all(later - earlier >= 14 for earlier, later in itertools.pairwise(names))
