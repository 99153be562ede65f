"""The sensitive labels that a person needs a right of their own to see.

HL7's ActCode, from ActInformationSensitivityPolicy: https://terminology.hl7.org/CodeSystem-v3-ActCode.html
"""

SENSITIVE_LABELS = frozenset(["ETH", "ETHUD", "SUD", "HIV", "PSY", "PSYTHPN", "BH", "SEX", "STD", "SDV", "SCA", "GDIS"])
