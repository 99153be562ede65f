"""What each sensitive label stands for, as an administrator reads it before giving somebody the right to see it.

The words follow the displays of HL7's ActInformationSensitivityPolicy:
https://terminology.hl7.org/ValueSet-v3-ActInformationSensitivityPolicy.html
"""

from bedside.identity import SENSITIVE_LABELS

_WORDS = {
    "BH": "Behavioural health",
    "ETH": "Use of alcohol and other substances",
    "ETHUD": "Alcohol use disorder",
    "GDIS": "Genetic disease",
    "HIV": "HIV and AIDS",
    "PSY": "Psychiatric disorder",
    "PSYTHPN": "Notes of psychotherapy",
    "SCA": "Sickle cell disease",
    "SDV": "Sexual assault, abuse or violence at home",
    "SEX": "Sexuality and reproductive health",
    "STD": "Sexually transmitted disease",
    "SUD": "Substance use disorder",
}


def label_in_words(code: str) -> str:
    """The code itself where a label has no words here: a right that is held is shown all the same."""
    return _WORDS.get(code, code)


def labels_by_words() -> list[tuple[str, str]]:
    """Code and words of every label there is, sorted as a person looks for them."""
    return sorted(((code, label_in_words(code)) for code in SENSITIVE_LABELS), key=lambda label: label[1])
