"""What a stage computes and keeps in memory, told before it runs."""
