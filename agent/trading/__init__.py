"""THE STORY of an order on the trader's computer; `executor` reads from top to bottom."""
