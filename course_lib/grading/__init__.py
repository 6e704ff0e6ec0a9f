"""Grade a class: students' code in isolation, hidden inputs, scores that hold, feedback."""
