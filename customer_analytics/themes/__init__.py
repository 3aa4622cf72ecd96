"""Themes: what customers talk about, as clusters of their comments' and calls' vectors.

`clustering` finds the themes and keeps their numbers from run to run, `labels` names them by their
distinctive words, `summary` counts them by month and keeps typical passages.
"""
