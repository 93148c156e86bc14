"""Pure functions on tensors: splines, networks, optimisers and the bi-level optimisation.

The engine knows torch and nothing else: it does not print, keeps no global state and has no
notion of an estimator. Leading axes are free everywhere: weights ``(P,)`` are one network and
weights ``(R, P)`` are R networks trained at once by the same code.

Comments cite sections of P (Teney et al., "Do We Always Need the Simplicity Bias?", CVPR 2025), of
NR (Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024) and of RU
("Quintin's Alignment Papers Roundup", week 4, on the inductive biases of SGD).
"""
