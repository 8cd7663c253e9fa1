"""The blob engine: volumes that hold disk content as chunks named by their digest."""
