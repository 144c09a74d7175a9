"""One adapter a file: `items(source, client)` gives what there is at a source, in its own words (docs/sources.md)."""
