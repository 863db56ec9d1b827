"""A model file → folders that run without us: raw-pixel graphs for engines, browsers and other languages."""

from delineate.portable.card import card_of
from delineate.portable.folder import TARGETS, check_place, folder_name, write_folder
from delineate.portable.graph import can_write, obstacle, raw_graph

__all__ = ["TARGETS", "can_write", "card_of", "check_place", "folder_name", "obstacle", "raw_graph", "write_folder"]
