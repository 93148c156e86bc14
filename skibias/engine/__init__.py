"""Pure functions on tensors: splines, networks, optimisers and the bi-level optimisation.

The engine knows torch and nothing else: it does not print, keeps no global state and has no
notion of an estimator. Leading axes are free everywhere: weights ``(P,)`` are one network and
weights ``(R, P)`` are R networks trained at once by the same code.
"""
