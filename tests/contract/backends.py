"""Where the backend contract suite finds the backends. A new one joins with one line."""

from bridge.backends import process
from bridge.session.backend import Launch

BACKENDS: dict[str, Launch] = {
    "process": process.launch,
}
