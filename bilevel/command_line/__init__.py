"""The command ``bilevel``."""
