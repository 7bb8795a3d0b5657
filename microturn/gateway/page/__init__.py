"""The page at `/`: its files are in static/, served by routes."""
