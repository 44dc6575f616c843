"""What is compared with what, one file a loss.

Each file holds one frozen `Config` with a `weight`, a class variable `draws` that names the supervision it needs
("events", "windows", "silent", "frames" or "" for none of its own) and `__call__(supervision)`, the unweighted loss.
"""
