"""microturn: an open interaction model. Only the version lives here; import the parts themselves."""

__version__ = "0.1.0"
