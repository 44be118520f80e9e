"""Accounts, sessions, refresh families and the guards of logins: who may ask at all. Every deed is one transaction of
the caller's; times and randomness are arguments; outcomes that a person can cause are values.
"""
