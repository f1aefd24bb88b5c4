"""Floor 4: results in, figures out. One function per kind of picture; it draws the numbers it is given."""
