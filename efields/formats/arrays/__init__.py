"""Named arrays in NumPy's and MATLAB's files, read whole or a block of rows at a time; nothing is unpickled."""
