"""How things look: on a terminal, on plain lines and as JSON."""
