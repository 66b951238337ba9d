"""Waves: when each parcel is picked and loaded, so that it leaves with its carrier."""
