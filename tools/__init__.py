"""Scripts for those who work on the project. Nothing of the server imports them."""
