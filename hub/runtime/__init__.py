"""What a process needs of itself: metrics, memory, background tasks, logs."""
