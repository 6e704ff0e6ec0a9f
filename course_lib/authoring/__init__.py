"""What makes this repository: networks, settings, figures, pictures. `python -m course_lib` runs it."""
