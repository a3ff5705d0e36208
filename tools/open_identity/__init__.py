"""How the model of identity is learnt: rendered people, and the fit."""
