"""What is wrong with a registration, in the words of the form, and what mends it.

The rules speak to the developers of apps, in the parameters of RFC 7591; who fills in the form never sees those.
"""

_MENDS = {
    "Client_name is missing": "Give it a name, of at most 100 characters.",
    "Client_name holds": "The name holds characters that nobody can see: type it anew.",
    "Grant_types names none": "Choose what it may do, at least one thing.",
    "A public client cannot act": "A public app cannot act for itself: choose a secret or a key of its own.",
    "Refresh tokens come from": "It can go on acting for a person only if it may act for one who signs in.",
    "Redirect_uris is missing": "A program that acts for a person needs a redirect URI: the address to come back to.",
    "Redirect_uris are of use": "Redirect URIs are used only by what acts for a person: allow that, or take them away.",
    "Private_key_jwt needs": "It shows a key of its own: give the address of its keys, or the public keys themselves.",
    "Jwks and jwks_uri": "Give the address of its keys or the keys themselves, not both.",
    "Jwks_uri is no": "The address of its keys must begin with https:// and be complete.",
    "Scope is no list": "A scope has a character that none has, such as a quotation mark: put spaces or lines between.",
    "An audience is": "What its tokens are for are addresses of services, complete and without a slash at the end.",
}


def in_words_of_the_form(sentence: str) -> str:
    """As it came when the rule's own words say it well enough."""
    return next((mend for beginning, mend in _MENDS.items() if sentence.startswith(beginning)), sentence)
