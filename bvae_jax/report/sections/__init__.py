"""The sections of pages, a module each: functions to `page.Section`.

Those of `run` are of a `View`, those of `study` of a `Study`.
"""
