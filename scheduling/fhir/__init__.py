"""Dosing plans and FHIR R4 timings, each way (R-580, R-581)."""
