"""A promise that was not kept: what every part of the campaign raises."""


class Broken(Exception):
    """A promise that was not kept."""
