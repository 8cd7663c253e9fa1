"""Makes true what rows ask for: copies made, roots released."""
