"""A package outside efields with one kind of each family, as a user would write it: nothing in efields knows it.

The folder that holds it is put on Python's path by tests/contracts/test_outside.py; configs name `outside.<file>`.
"""
