"""The composition root: the one loop, the attempts it starts, and everything that listens to them."""
