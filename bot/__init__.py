"""The conversation: intake, turn, replies, escalation, delivery, worker, web, command line, assembly."""
