"""What `polysync doctor` looks at."""
