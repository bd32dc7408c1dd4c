"""What a reward model is trained for, one loss one file."""
