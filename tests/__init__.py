"""Tests; each folder mirrors one of efields/."""
