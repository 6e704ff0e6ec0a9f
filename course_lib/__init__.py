"""Image synthesis with a single (robust) classifier: the helper library of the course.

Read the core in this order: `constraints`, `pgd`, `tasks`, `seeds`, `models`, `prepare`, `pixels`, `plots` and
`training.loop`. Around it lie rooms: `testbeds` has data, models and settings by name, and `widgets` the demos.
"""
