"""Exports of a run: scenes for the browser, meshes, points, poses. A layer below the report and the server."""
