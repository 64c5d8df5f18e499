"""Drives a Sketchbridge from Python: runs, live inputs, outputs as they come."""

from sketchbridge_client.aio import AsyncBridge
from sketchbridge_client.core import BridgeError, Frame
from sketchbridge_client.sync import Bridge

__all__ = ["AsyncBridge", "Bridge", "BridgeError", "Frame"]
