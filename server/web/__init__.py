"""Static pages and vendored assets. No code."""
