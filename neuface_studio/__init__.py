"""NeuFace Studio: the desktop application that shows, steps and judges a NeuFace optimisation."""
