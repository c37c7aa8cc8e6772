"""The pure engine: values and the time go in, values come out."""
