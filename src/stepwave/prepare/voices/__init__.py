"""Material for voice libraries: reading what others made (`offers`), and making the library that comes with us."""
