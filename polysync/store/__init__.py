"""What is stored: decisions in one database, output in another."""
