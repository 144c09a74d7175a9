"""Twilio as WhatsApp needs it: the transport, what its codes mean, contents with buttons, templates."""
