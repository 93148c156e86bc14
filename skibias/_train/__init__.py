"""The final training, and the networks that it leaves."""
