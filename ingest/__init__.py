"""From sources to records that people can be offered."""
