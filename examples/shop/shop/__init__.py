"""A very small shop: one page to order from, a worker that sends what was ordered."""
