"""The demand that orders are decided against, from the forecast and from its past errors."""
