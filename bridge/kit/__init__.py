"""Helpers for authors of models. Nothing heavy is loaded before it is used."""
