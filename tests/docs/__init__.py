"""README and docs: what they link to, and the commands and code that they show."""
