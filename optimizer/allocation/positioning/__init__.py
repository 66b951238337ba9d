"""Stock positioning: how much of each product lies where, and what is moved tonight."""
