"""Small, complete code locations that show the pattern of the project."""
