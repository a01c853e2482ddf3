"""Fewer searches for garbage in processes that end after one exposure or a few."""

import gc

FEW_SEARCHES = 200_000  # new objects between them; libraries make many, all to stay


def search_rarely():
    """Search for garbage more rarely than Python does."""
    gc.set_threshold(FEW_SEARCHES)


def search_no_more():
    """Spare the end of the process a search; nothing is gained by it."""
    gc.freeze()
