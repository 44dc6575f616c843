"""Readers against files that chance has damaged."""
