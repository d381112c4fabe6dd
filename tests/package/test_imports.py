"""No two modules import each other, directly or indirectly, imports for types included."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_there_is_no_import_cycle() -> None:
    graph = grimp.build_graph("wxcube", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: _imported(name, graph) for name in graph.modules}
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError with the cycle
    assert len(order) == len(graph.modules) > 200


def _imported(name: str, graph: grimp.ImportGraph) -> set[str]:
    """The modules that a module imports, and the packages that Python imports before them."""
    direct = graph.find_modules_directly_imported_by(name)
    packages = {package for module in direct for package in _packages(module)}
    return direct | packages - {name, *_packages(name)}


def _packages(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}
