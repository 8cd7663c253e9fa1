"""What happens around every call: each concern wraps all four kinds of handler in the same way."""
