"""Decides what to order tonight, and proves how good the decision is."""
