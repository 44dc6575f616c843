"""The live viewer: one port for the page and for the socket that its images come through."""
