"""Places by name: cities of the world in English and Chinese, packaged (GeoNames, CC BY 4.0)."""

from scenarios.gazetteer.addresses import Address, split_address
from scenarios.gazetteer.filling import fill_coordinates
from scenarios.gazetteer.places import Place, candidates, resolve

__all__ = ["Address", "Place", "candidates", "fill_coordinates", "resolve", "split_address"]
