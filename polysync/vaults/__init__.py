"""Where secrets come from: each kind of vault in a file of its own, all made in the same way."""
