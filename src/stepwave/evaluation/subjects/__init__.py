"""What a suite can be asked of: models of this project, other programs, answers that are there already."""
