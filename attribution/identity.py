"""Identity folding: which visitors are one person, from the links between visitors and customers.

Called by the shell to give every visitor one journey key (for grouping and for buckets); the engine itself
goes by the conversion's own visitor and customer. Never guesses: only recorded links join.
"""

from collections.abc import Iterable

_Node = tuple[bool, str]  # (is a visitor, id): a visitor and a customer may share a text without being one


def fold_identity(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return visitor id -> journey key from (visitor, customer) links.

    Visitors joined through any chain of customers share a key, the smallest visitor id among them. Order and
    repetition of the links decide nothing.
    """
    parents: dict[_Node, _Node] = {}
    for visitor, customer in links:
        left, right = _root(parents, (True, visitor)), _root(parents, (False, customer))
        # Visitors sort after customers here, so the larger node leads and the key is looked up at the end.
        parents[min(left, right)] = max(left, right)
    smallest: dict[_Node, str] = {}
    visitors = sorted(node[1] for node in parents if node[0])
    for visitor in visitors:
        smallest.setdefault(_root(parents, (True, visitor)), visitor)
    return {visitor: smallest[_root(parents, (True, visitor))] for visitor in visitors}


def _root(parents: dict[_Node, _Node], node: _Node) -> _Node:
    """Return the leader of a node's group, halving the way there for the next caller."""
    parents.setdefault(node, node)
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
