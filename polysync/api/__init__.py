"""The socket API: HTTP/1.1 for the command line, the screen and curl."""
