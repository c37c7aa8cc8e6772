"""What executes work: one folder for each kind of platform, each behind `polysync.ports.Adapter`."""
