"""Other people's data made into scenarios, one package per source."""
