"""Prophesee's EVT 2.0, 2.1 and 3.0: the header of RAW and DAT files, and words to events and back."""
