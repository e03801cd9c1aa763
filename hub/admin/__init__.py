"""What admins do: the one place that knows who acts."""
