"""The exercises of the lessons, one module a lesson; each names its `EXERCISES`."""
