"""Tables of numbers in text: events, one per line, their header, and any other numbers."""
