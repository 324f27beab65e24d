"""A city's H3 cells as a grid of neighbours, and the parents a value may be shown at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.hotspots import Grid

Integers = NDArray[np.int64]
NEIGHBOURS = 6
# Rings around a cell with events that are kept apart: 16 steps of diffusion have a standard deviation of 2.6 cells.
REACH = 8


@dataclass(frozen=True)
class Basis:
    """One resolution: `of` [cell] is the place of each cell's parent in `cells`."""

    resolution: int
    of: Integers
    cells: pl.Series


@dataclass(frozen=True)
class CityCells:
    """Cells of one resolution, sorted: `place` [cell] is each one's place in `grid`.

    Cells farther than REACH rings from any event are alike, and share the grid's last place: a province of forest
    around a few towns costs no more than the towns.
    """

    cells: pl.Series
    place: Integers
    grid: Grid
    bases: tuple[Basis, ...]

    @classmethod
    def around(cls, cells: Iterable[str], with_events: Iterable[str], coarsest: int) -> CityCells:
        """From the city's cells and those of them with events. Raises ValueError for cells of several resolutions."""
        import h3

        ordered = sorted(set(cells))
        resolutions = {h3.get_resolution(cell) for cell in ordered}
        if len(resolutions) > 1:
            raise ValueError(f"the cells have several resolutions ({sorted(resolutions)}); give those of one")
        everywhere = set(ordered)
        links: list[tuple[str, str]] = []
        active = set(with_events) & everywhere
        edge = active
        for _ in range(REACH + 1):
            beyond = set()
            for cell in sorted(edge):
                touching = everywhere.intersection(h3.grid_ring(cell, 1))
                links += [(cell, other) for other in touching]
                beyond |= touching
            edge = beyond - active
            active |= edge
        # The last ring was reached, but not linked to what lies beyond it; it is as far as the rest, and joins it.
        active -= edge
        kept = [cell for cell in ordered if cell in active]
        at = {cell: index for index, cell in enumerate(kept)}
        place = np.array([at.get(cell, len(kept)) for cell in ordered], dtype=np.int64)
        pairs = [(at[a], at[b]) for a, b in links if a < b and a in at and b in at]
        inside = np.unique(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=0)
        alike = len(ordered) - len(kept)
        grid = Grid.from_links(len(kept) + (alike > 0), inside, NEIGHBOURS, alike)
        return cls(pl.Series("h3_cell", ordered, dtype=pl.String), place, grid, _bases(ordered, resolutions, coarsest))


def _bases(cells: list[str], resolutions: set[int], coarsest: int) -> tuple[Basis, ...]:
    """The resolutions from the cells' own to the coarsest; each one's parents are found from the one below it."""
    import h3

    if not cells:
        return ()
    finest = resolutions.pop()
    of = np.arange(len(cells), dtype=np.int64)
    below = np.array(cells)
    bases = [Basis(finest, of, pl.Series(cells))]
    for resolution in range(finest - 1, coarsest - 1, -1):
        parents, up = np.unique([h3.cell_to_parent(cell, resolution) for cell in below.tolist()], return_inverse=True)
        of = up.astype(np.int64)[of]
        bases.append(Basis(resolution, of, pl.Series(parents.tolist())))
        below = parents
    return tuple(bases)
