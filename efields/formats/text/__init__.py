"""Tables of numbers in text: events a line each, their head, and any other numbers."""
