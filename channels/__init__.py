"""Messaging channels: one file each; every one verifies, parses and sends, and knows nothing else of ours."""
