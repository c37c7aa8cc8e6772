"""The command line: people and their scripts."""
