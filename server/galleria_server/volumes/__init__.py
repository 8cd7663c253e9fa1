"""The volumes of this installation: opened, watched, and worked on in bounded pools."""
