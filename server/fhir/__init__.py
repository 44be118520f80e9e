"""HL7 FHIR R4 (R-580): what a viewer may see of a patient, as resources of that standard."""
