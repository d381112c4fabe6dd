"""No two modules import each other, directly or around a corner, imports for types included."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_there_is_no_import_cycle() -> None:
    graph = grimp.build_graph("wxcube", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError with the cycle
    assert len(order) == len(graph.modules) > 200
