"""Importers: a crontab, systemd units or a RunWisp file in, a polysync.toml and an account of every entry out."""
