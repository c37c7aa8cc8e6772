"""Reading, checking, showing and editing `polysync.toml`."""
