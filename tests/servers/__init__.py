"""Real servers for the tests: each started on a free loopback port in a folder of its own, and stopped by its own pid.

A server whose program is missing fails the test run with a sentence; it is never skipped.
"""
