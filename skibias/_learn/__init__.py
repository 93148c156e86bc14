"""Learning functions by bi-level optimisation."""
