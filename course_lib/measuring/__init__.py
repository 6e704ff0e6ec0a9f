"""How good is a result, and how sure are we: accuracies, judges, intervals, scores of sets."""
