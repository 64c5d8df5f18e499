"""Ways in beside HTTP: each on its own."""

from typing import Self

from bridge.errors import PortTaken
from bridge.transports.wires import Wire, Wires


class Whistle:
    """A way in that keeps a diary."""

    def __init__(self, name: str, diary: list[str], taken: bool = False) -> None:
        self.name, self.diary, self.taken = name, diary, taken
        self.addresses = (f"whistle://{name}",)

    async def __aenter__(self) -> Self:
        if self.taken:
            raise PortTaken("port 7 is taken", hint="choose another: --whistle-port 8")
        self.diary.append(f"{self.name} opens")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.diary.append(f"{self.name} closes")


async def test_one_that_can_not_start_says_so_and_the_others_run():
    diary: list[str] = []
    async with Wires() as wires:
        assert await wires.add("low", Whistle("low", diary))
        assert not await wires.add("mid", Whistle("mid", diary, taken=True))
        assert await wires.add("high", Whistle("high", diary))
        assert wires.described() == (
            Wire("low", "on", ("whistle://low",)),
            Wire("mid", "failed", (), "port 7 is taken", "choose another: --whistle-port 8"),
            Wire("high", "on", ("whistle://high",)),
        )
    assert diary == ["low opens", "high opens", "high closes", "low closes"]
