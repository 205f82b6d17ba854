"""Records and settings: the facts every other part of tidegauge agrees on."""
