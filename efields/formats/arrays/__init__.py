"""Named arrays in NumPy's and MATLAB's files, read as a whole or in blocks of rows; nothing is unpickled."""
