"""The addresses that are there now: made from the open sessions, made again when one of them changes."""

from collections.abc import Generator

from bridge.hub import Hub
from bridge.osc import patterns
from bridge.osc.addresses import Node, root, session_tree
from bridge.session.session import Session
from bridge.signature import Signature
from bridge.walks.handles import handles_of

_REMEMBERED = 256  # patterns

State = tuple[tuple[str, Session, Signature | None], ...]


class Space:
    """The tree of one hub. Look at fresh() before it is used: sessions come, go and change their names."""

    def __init__(self, hub: Hub) -> None:
        self.version = 0  # another one for every tree
        self._hub = hub
        self._state: State = ()
        self._patterns: dict[str, list[Node]] = {}
        self.root = root(())

    @property
    def sessions(self) -> dict[str, Session]:
        return self._hub.sessions

    def fresh(self) -> Node:
        """The tree as it is now."""
        sessions = self._hub.sessions
        known = self._state
        if len(known) == len(sessions):
            for (name, session, signature), now in zip(known, sessions.values(), strict=True):
                if session is not now or name != now.name or signature is not now.signature:
                    break
            else:
                return self.root
        self._make()
        return self.root

    def find(self, address: str) -> Generator[bool, None, list[Node]]:
        """The method at an address, or all values that a pattern means, in steps; BadMessage if it can't be read.

        A pattern sets and asks, and does nothing else: //* would close what it can close and run what it can run.
        """
        if not patterns.is_pattern(address):
            node = self._plain(address)
            return [node] if node is not None and node.method is not None else []
        found = self._patterns.get(address)
        if found is None:
            version = self.version
            places = yield from patterns.searching(self.root, address)
            found = [node for node in places if _is_value(node)]
            if len(self._patterns) >= _REMEMBERED:
                self._patterns.clear()
            if version == self.version:
                self._patterns[address] = found
        return found

    def _plain(self, address: str) -> Node | None:
        """Also by the longer form that every input has: /{session}/in/{input}."""
        node = self.root.at(address)
        if node is not None:
            return node
        session, _, rest = address[1:].partition("/in/")
        top = self.root.below.get(session)
        found = top.at(f"/{rest}") if top is not None and rest else None
        return found if found is not None and found.method is not None and found.method.kind == "input" else None

    def _make(self) -> None:
        sessions = self._hub.sessions
        self._state = tuple((session.name, session, session.signature) for session in sessions.values())
        self.root = root(tree_of(session) for session in sessions.values() if session.signature is not None)
        self._patterns.clear()
        self.version += 1


def _is_value(node: Node) -> bool:
    return node.method is not None and node.method.kind in ("input", "setting")


def tree_of(session: Session) -> Node:
    """What one session has, once it is known what its model takes."""
    assert session.signature is not None
    handles = handles_of(session.signature)
    latent = handles.latent if handles is not None else None
    return session_tree(session.name, session.signature, latent)
