"""How a plan is asked for and served: HTTP, pages, command line, client, durable runs."""
