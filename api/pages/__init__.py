"""Server-rendered pages for planners."""
