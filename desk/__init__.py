"""The officers' desk: its pages at `/desk`."""
