"""The door to the street: HTTP, database, clock, people."""
