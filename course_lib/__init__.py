"""Image synthesis with a single (robust) classifier: the helper library of the course.

Read the modules in this order: `constraints`, `pgd`, `tasks`, `seeds`, `models`, `training`, `zoo`.
"""
