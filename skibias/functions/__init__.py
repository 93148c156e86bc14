"""Functions of one number as objects: splines that were learned, and functions by name."""
