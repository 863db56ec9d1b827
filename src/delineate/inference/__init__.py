"""Model file + image → mask. No torch."""
