"""Pieces that loaders share: arrays, text tables, images, posed views, coverage."""
