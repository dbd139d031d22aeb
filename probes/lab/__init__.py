"""The laboratory's ground: task families, what is measured of them, and the table it is kept in."""
