"""What the suites beyond Python need: found on this machine or fetched, else missed by name.

Each public function leaves everything ready and gives "", or says what is missing. Packages of the system are installed
only by root and with apt, as on the machines of CI.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parent
NODE = 20  # the oldest that the packages of the browser and node suites take
# No index that pip or npm reads has Processing itself; this wheel carries its jars (LGPL, so they are not kept here).
PROCESSING = "py5==0.10.12a0"
APT_INSTALL = ("apt-get", "-q", "-y", "install", "--no-install-recommends")
GSTREAMER = ("gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good")
ELEMENTS = ("souphttpsrc", "multipartdemux", "jpegdec", "pngenc")
JARS = ("core.jar", "gluegen-rt.jar", "jogl-all.jar")


def browser() -> str:
    """Node, a browser of the Chromium family, and the packages in package-lock.json."""
    return (
        _missing(f"node {NODE} or newer with npm", _node, "nodejs", "npm")
        or _missing(
            "chromium",
            lambda: _any("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
            "chromium",
        )
        or _npm_packages(TESTS / "browser")
    )


def node() -> str:
    """Node and the packages of clients that people use with a bridge."""
    return _missing(f"node {NODE} or newer with npm", _node, "nodejs", "npm") or _npm_packages(TESTS / "node")


def players() -> str:
    """Programs that show pictures from an address."""
    return (
        _missing("ffmpeg", lambda: _any("ffmpeg") and _any("ffprobe"), "ffmpeg")
        or _missing("GStreamer with its good plugins", _gstreamer, *GSTREAMER)
        or _missing("curl", lambda: _any("curl"), "curl")
    )


def avahi() -> str:
    """The mDNS of most Linux machines, and the bus it needs."""
    programs = ("avahi-daemon", "avahi-browse", "dbus-daemon")
    packages = ("avahi-daemon", "avahi-utils", "dbus")
    return _missing("avahi with its tools", lambda: all(map(_any, programs)), *packages)


def osc() -> str:
    """liblo's oscsend and oscdump, Pure Data without a window, and what looks on while they steer."""
    return (
        _missing("liblo-tools", lambda: _any("oscsend") and _any("oscdump"), "liblo-tools")
        or _missing("Pure Data", lambda: _any("pd"), "puredata-core")
        or _missing("ffmpeg", lambda: _any("ffmpeg"), "ffmpeg")
        or _missing("curl", lambda: _any("curl"), "curl")
        or _missing(f"node {NODE} or newer, which reads the page's lines", _node, "nodejs", "npm")
    )


def java() -> str:
    """A JDK that can open windows, a screen for them that nobody sees, and Processing."""
    return (
        _missing("a JDK that opens windows", _jdk, "default-jdk")
        or _missing("Xvfb", lambda: _any("Xvfb"), "xvfb")
        or _processing(TESTS / "java" / "build")
    )


# --- on this machine -----------------------------------------------------------------------------


def _any(*programs: str) -> bool:
    return any(map(shutil.which, programs))


def _node() -> bool:
    if not (_any("node") and _any("npm")):
        return False
    major = _output("node", "--version").lstrip("v").partition(".")[0]
    return major.isdecimal() and int(major) >= NODE


def _gstreamer() -> bool:
    return _any("gst-launch-1.0") and all("Factory Details" in _output("gst-inspect-1.0", part) for part in ELEMENTS)


def _jdk() -> bool:
    """A JDK for servers lacks the library that opens windows."""
    if not (_any("javac") and _any("java")):
        return False
    told = _output("java", "-XshowSettings:properties", "-version")
    homes = [line.partition("=")[2].strip() for line in told.splitlines() if line.strip().startswith("java.home")]
    return any((Path(home) / "lib" / "libawt_xawt.so").exists() for home in homes)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


# --- fetched -------------------------------------------------------------------------------------


def _missing(what: str, there: Callable[[], bool], *packages: str) -> str:
    """The reason why it is not there, after an attempt to install it."""
    if there():
        return ""
    if hasattr(os, "geteuid") and os.geteuid() == 0 and _any("apt-get"):
        failed = _fetch(what, ("apt-get", "-q", "update")) or _fetch(what, (*APT_INSTALL, *packages))
        if failed or there():
            return failed
    return f"{what} is not installed"


def _npm_packages(folder: Path) -> str:
    wanted, have = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if have.exists() and have.stat().st_mtime >= wanted.stat().st_mtime:
        return ""
    npm = (shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return _fetch("its npm packages", npm, folder)


def _processing(folder: Path) -> str:
    if all((folder / jar).exists() for jar in JARS):
        return ""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PROCESSING)
    if failed := _fetch("Processing", pip):
        return failed
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for jar in JARS:
            (folder / jar).write_bytes(packed.read(f"py5/jars/{jar}"))
    wheel.unlink()
    return ""


def _fetch(what: str, command: tuple[str, ...], folder: Path = TESTS) -> str:
    print(f"Fetching {what}: {' '.join(command)}", flush=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return f"{what} can't be fetched: {((done.stderr or done.stdout).strip().splitlines() or ['no reason given'])[-1]}"
