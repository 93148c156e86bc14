"""Where, when and for how long a fit runs, and what is kept of it."""
