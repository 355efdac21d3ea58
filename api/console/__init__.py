"""The members' console: pages on which a case is taken, read, answered and closed."""
