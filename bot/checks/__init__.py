"""The rules of `gocua check`, one module for each thing that can be wrong with what a resident reads.

Rules are pure: passages in, problems out. Reading files and putting the rules together is bot/check.py's work.
"""
