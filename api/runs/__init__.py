"""Runs: a queue, a child process for each run, events as it goes."""
