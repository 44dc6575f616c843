"""HDF5 files: opened safely, read a block of rows at a time, written so that a full disk is an error."""
