"""Why every decision of a plan is as it is."""
