"""Strategic network design: which sites to open, and what flows between them."""
