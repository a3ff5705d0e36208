"""Training of the open encoder, in parts: what faces are drawn, what the detector would see, how well it is read."""
