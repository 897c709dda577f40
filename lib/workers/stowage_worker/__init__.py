"""What the workers of all strategies share. Importing it loads nothing but the standard library."""
