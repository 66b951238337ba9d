"""The buyer's plan: what to order of a few hundred items in every period of the horizon."""
