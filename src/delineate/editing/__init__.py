"""Looking at and correcting masks, without a window: documents, views, tools, undo, the journal (docs/desktop.md)."""
