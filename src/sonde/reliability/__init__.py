"""Reliability: can this prediction be trusted?"""
