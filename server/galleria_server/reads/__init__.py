"""Reading content back from whichever copy is good."""
