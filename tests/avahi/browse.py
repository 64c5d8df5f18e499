"""A bridge in the eyes of avahi: found with everything it says, gone when it has ended.

avahi gets a bus of its own, so it runs where no system does. It keeps to the loopback interface. Run by name
(`make test SUITES=avahi`), because it takes avahi, dbus, and the rights to start them.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bridges import environment, running


def hindrance() -> str:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "avahi's daemon is started by root only"
    there = subprocess.run(("avahi-daemon", "--check"), capture_output=True, check=False).returncode == 0
    return "an avahi daemon runs here already" if there else ""


pytestmark = pytest.mark.skipif(bool(hindrance()), reason=hindrance())
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={folder}/bus</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""
AVAHI = """[server]
host-name=onlooker
use-ipv4=yes
use-ipv6=no
allow-interfaces=lo
disallow-other-stacks=no
[publish]
disable-publishing=yes
"""
FLAGS = ("--no-demo", "--host", "0.0.0.0", "--token", "secret", "--interface", "127.0.0.1")


@asynccontextmanager
async def started(*command: str, until: str, **variables: str) -> AsyncIterator[None]:
    """A program that has said those words, and is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment() | variables,
    )
    assert process.stdout is not None
    try:
        said = []
        async for line in process.stdout:
            said.append(line.decode())
            if until in said[-1]:
                break
        else:
            raise AssertionError(f"{command[0]} ended: {''.join(said)}")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.fixture
async def avahi(tmp_path: Path) -> AsyncIterator[Mapping[str, str]]:
    """What avahi's tools need to know to reach a daemon that looks at this machine only."""
    (tmp_path / "bus.conf").write_text(BUS.format(folder=tmp_path))
    (tmp_path / "avahi.conf").write_text(AVAHI)
    address = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/bus"}
    bus = ("dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address=1")
    daemon = ("avahi-daemon", "-f", str(tmp_path / "avahi.conf"), "--no-drop-root", "--no-chroot", "--no-rlimits")
    async with started(*bus, until="unix:path"), started(*daemon, until="Server startup complete", **address):
        yield address


async def browsed(kind: str, variables: Mapping[str, str]) -> list[list[str]]:
    """What avahi knows of that kind, resolved."""
    program = shutil.which("avahi-browse") or ""
    process = await asyncio.create_subprocess_exec(
        *(program, "-rptk", kind), stdout=subprocess.PIPE, env=environment() | dict(variables)
    )
    out, _ = await process.communicate()
    return [line.split(";") for line in out.decode().splitlines() if line.startswith("=")]


async def test_avahi_finds_the_bridge_and_its_osc_and_forgets_them(avahi: Mapping[str, str], tmp_path: Path):
    async with running(tmp_path / "state", *FLAGS, "--osc-port", "0") as bridge:
        port = bridge.url.rpartition(":")[2]
        while not (found := [one for one in await browsed("_sketchbridge._tcp", avahi) if one[8] == port]):
            pass
        told = dict(word.strip('"').partition("=")[::2] for word in found[0][9].split('" "'))
        assert found[0][7] == "127.0.0.1" and told["path"] == "/" and told["txtvers"] == "1" and told["version"]
        for kind in ("_osc._udp", "_oscjson._tcp"):
            while told["id"] not in str(await browsed(kind, avahi)):
                pass
        await bridge.end()
        async with asyncio.timeout(20):  # without a goodbye it would take more than an hour
            while [one for one in await browsed("_sketchbridge._tcp", avahi) if one[8] == port]:
                pass
