"""A model file → folders that run without us: raw-pixel graphs for engines, browsers and other languages."""

from delineate.portable.card import card_of
from delineate.portable.graph import can_write, obstacle, raw_graph

__all__ = ["can_write", "card_of", "obstacle", "raw_graph"]
