"""Everything that comes from outside, made odd: no traceback, no hang, no gigabytes, nothing accepted that is wrong.

`make fuzz` runs thousands of cases, anew each time; `make test` the same tests with few cases, always the same ones.
"""
