"""Tonight's orders as arrays: prices, whole orders, repair, polish, and the bound."""
