"""256 colours, each as far as may be from those before it, to the eye and in numbers; so the first few differ most."""

from collections.abc import Collection

_COLORS = (
    "0000007800fff0000000ff000f8796ff5ae1c3a500780f6900009600f0d2694b009696ff008700b47887ffff2d0069ff"
    "0f3c4bffb496d20078694bb496000f4bc3f078d25ad200ffa5c3a5f0a5ffff781e4b001e78874bff6987d2ffb4b45ad2"
    "b45a1e0000f08700b41e3c002d005a5a4b693cb487c3d2f00f4bb43c87d2ffd25a4b0fc300ff96c30fb48787b4a53c69"
    "d2a5c3a5ff4b87f0ff2d692d783c3ca53cff78a500b4874b695aff00003ce169b4ffe1b4c3d21e00c300ffa500d24b4b"
    "ff00a5ff1e693c2d874b69964b1eff3c2d2d5a0096964b96ff2dffd2b478e1876987f0a5c387f06996870fc3c3003c78"
    "00876978003cff96c3ffd2e15a87ffa5c3692d6969d25aff000f69a50f8796b4d269e100c30f4b00a5ff0f1e1e2d0f00"
    "3c2d5a5a1e0078697887690f8769e11e1ec3ff5a4ba5ffe1782dd2c30f002da54b00d287965a4b692d874b4bd2b478b4"
    "5a694b69a5e1d24b78d2ff78d27800ff00d24ba5b4963c0f69d2a5f078ffd2d2c3e13cb45a7800e1879600e1ff96961e"
    "b42dd22d00961e69d278d2d287a569ffff96e14b00a5a587e13ce1ffe10fa569ffe1e19696c3ff005a960fe1694b0f4b"
    "4b4b3c5a69c3692d5a7869a596005a967869b496d2b4e178b4e1b4c34ba5c3695af04b96a5b40f0096c3d2f0ffe1ffe1"
    "d2c34b5a87a53cffffe187d2d2f000f0964b004be1871e96963cc387f0784b965a691e2d78b4960f2d96005a3cd2962d"
    "4b3c0fa5e10069c3789600e1001e4b003c2d00a5961e001e1e0f3c3c4b784b00695a7878780f00874b69874bff9669c3"
    "968796b45a78b4b4ffc39678d269d2d2b4a5e1c3f0ffb469ffb4d20fa500a53c3c7887d2784b87960f3cff78d2966987"
    "0087f05aff5a5a2db4ff9687ffffc30f5a783c4bffb4a55a4b69f0e1694b693c1e4b5a005a4b96e1e16987b4b40078b4"
    "a57800e12d5a4bffc3b40ff0005a0000c35a2d0f78d287b4b41e69ff0f87b43c007878ffd26996e1697878a5ffa500a5"
    "c31e9669c30fe1a5e1b4a5b4875a2d3c4ba5ff78694b96002d4b4b00001e001e003c2da54b000078695a872d5aa5e1e1"
)  # red, green and blue of each in hexadecimal; found once by greedy search through a grid of colours in Oklab


def color_of(number: int, taken: Collection[tuple[int, ...]] = ()) -> tuple[int, int, int]:
    """The colour of an id, always the same; the next free one where it is taken."""
    for step in range(256):
        color = _at(number + step)
        if color not in taken:
            break
    return color


def _at(number: int) -> tuple[int, int, int]:
    start = number % 256 * 6
    red, green, blue = bytes.fromhex(_COLORS[start : start + 6])
    return red, green, blue
