"""The door: HTTP, Socket.IO, sessions, limits, the start of every process, the command line."""
