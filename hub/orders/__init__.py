"""THE STORY of an order at the hub; `dispatch` reads from top to bottom."""
