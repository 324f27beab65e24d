"""Colours of all charts: red is always the dangerous end, and every scale can be told apart by colour-blind readers.

The diverging scale is ColorBrewer's RdYlBu, the sequential one its YlOrRd, both marked there as colour-blind safe; the
series are Okabe and Ito's.
"""

from __future__ import annotations

from typing import Any

ACCENT = "#0b5c7a"
SERIES = ["#0b5c7a", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#f0e442"]
# Upper bound, estimate, lower bound; the bounds are less loud, and not equal: a colour is given only once.
INTERVAL = ["#8fb3c4", ACCENT, "#8fb3c5"]
# Low index is unsafe, so it is the red end.
INDEX = ["#d73027", "#fc8d59", "#fee090", "#91bfdb", "#4575b4"]
RISK = ["#4575b4", "#91bfdb", "#e0f3f8", "#fee090", "#fc8d59", "#d73027", "#a50026"]
DANGER, CAUTION, CALM, MISSING = "#f4a582", "#fee090", "#a6cee3", "#d9d9d9"

SCHEMES: dict[str, list[str]] = {"telaga_index": INDEX, "telaga_risk": RISK}


def rgba(colour: str, alpha: float = 1.0) -> dict[str, Any]:
    """`#rrggbb` as Superset's colour pickers keep it."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return {"r": red, "g": green, "b": blue, "a": alpha}
