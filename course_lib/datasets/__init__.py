"""Data sets: pictures drawn by code, and loaders for the usual photographs."""
