"""Plain records that the rooms share: frozen, numpy only."""
