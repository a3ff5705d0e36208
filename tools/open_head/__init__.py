"""Build steps of the open head: each module is one step, `build_open_head.py` runs them in order."""
