"""Who may send OSC. It carries no token, so beyond this machine an address has to be allowed once.

Whoever is not allowed is refused, counted and named once; the page can then ask the artist.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from bridge import limits
from bridge.errors import InputError, NotFound, SettingError, TooLarge
from bridge.session.fanout import Events
from bridge.session.outputs import Event
from bridge.transports.networks import SUCH, Network, network, plain, within
from bridge.transports.security import is_loopback

Keep = Callable[[list[str]], Awaitable[None]]
_REMEMBERED = 1024  # addresses whose answer is known
_log = logging.getLogger(__name__)


class Knock:
    """Somebody who may not send, and tries."""

    __slots__ = ("count", "how", "last", "since")

    def __init__(self, how: str) -> None:
        self.how = how
        self.count = 0
        self.since = self.last = time.time()


class Gate:
    """The addresses that may send: this machine, those of the settings, those that were allowed since."""

    def __init__(
        self,
        from_settings: Iterable[str],
        events: Events,
        keep: Keep,
        this_machine: bool = True,
        shut_out: Callable[[], object] = lambda: None,
    ) -> None:
        """shut_out() is called when somebody may not send any more."""
        self.refused = 0
        self._shut_out = shut_out
        self._this_machine = this_machine  # False: it has to be allowed like any other
        self._settings = {entry: _network(entry, "osc_allow") for entry in from_settings}
        self._allowed: dict[str, Network] = {}
        self._events = events
        self._keep = keep
        self._known: dict[str, bool] = {}
        self._heard: set[str] = set()
        self._knocks: dict[str, Knock] = {}

    def restore(self, saved: Any) -> None:
        """Those that were allowed before the last start; what can't be read is left out."""
        for entry in saved if isinstance(saved, list) else ():
            if isinstance(entry, str) and (found := network(entry)) is not None:
                self._allowed[entry] = found

    def lets(self, host: str, how: str) -> bool:
        """Whether this address may send. If not, that is counted, and told when it is new."""
        allowed = self._known.get(host)
        if allowed is None:
            allowed = self._looked_up(host)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[host] = allowed
            if allowed and len(self._heard) < _REMEMBERED:
                self._heard.add(plain(host))
        if not allowed:
            self._refuse(plain(host), how)
        return allowed

    def may(self, host: str) -> bool:
        """The same, without a word about it."""
        return self._looked_up(host)

    def heard(self) -> set[str]:
        """Those who may and did send since this was asked the last time."""
        heard, self._heard = self._heard, set()
        self._known.clear()  # whoever sends again is looked up again: so it is noticed, and costs nothing until then
        return heard

    async def allow(self, entry: str) -> None:
        """From now on, and after a restart, this address or network may send."""
        found = _network(entry, "host")
        if len(self._allowed) >= limits.OSC_SENDERS:
            raise TooLarge(
                f"{limits.OSC_SENDERS} addresses may send already", hint="allow a network, or take some back"
            )
        self._allowed[entry] = found
        self._known.clear()
        for host in [host for host in self._knocks if self._looked_up(host)]:
            del self._knocks[host]
        await self._keep(list(self._allowed))
        self._events.publish(Event("osc_allowed", "", {"host": entry}))

    async def forbid(self, entry: str) -> None:
        """Take that back: what is open for them ends."""
        if entry in self._settings:
            raise InputError(f"{entry} is allowed by the settings", hint="take it out of osc_allow", field="host")
        if self._allowed.pop(entry, None) is None:
            raise NotFound(f"{entry[:80]} was not allowed", hint=f"allowed are {', '.join(self.entries) or 'none'}")
        self._known.clear()
        self._shut_out()
        await self._keep(list(self._allowed))

    @property
    def entries(self) -> list[str]:
        return [*self._settings, *(entry for entry in self._allowed if entry not in self._settings)]

    def knocking(self) -> list[dict[str, Any]]:
        """Who tried and may not, the newest first."""
        found = sorted(self._knocks.items(), key=lambda item: -item[1].last)
        return [
            {"host": host, "how": knock.how, "count": knock.count, "since": knock.since, "last": knock.last}
            for host, knock in found
        ]

    def _looked_up(self, host: str) -> bool:
        if self._this_machine and is_loopback(plain(host)):
            return True
        return within(host, (*self._settings.values(), *self._allowed.values()))

    def _refuse(self, host: str, how: str) -> None:
        self.refused += 1
        knock = self._knocks.get(host)
        if knock is None:
            if len(self._knocks) >= limits.OSC_KNOCKS:
                del self._knocks[min(self._knocks, key=lambda known: self._knocks[known].last)]
            knock = self._knocks[host] = Knock(how)
            _log.warning("%s sends OSC and is not allowed to; allow it with --osc-allow %s, or on the page", host, host)
            self._events.publish(Event("osc_knock", "", {"host": host, "how": how}))
        knock.count += 1
        knock.last = time.time()


def _network(entry: str, field: str) -> Network:
    found = network(entry)
    if found is not None:
        return found
    kind = SettingError if field == "osc_allow" else InputError
    said = f"{entry[:80]!r} is not an address"
    raise kind(said, hint=f"such as {SUCH}", field=field)
