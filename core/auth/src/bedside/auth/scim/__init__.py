"""The directory as SCIM 2.0 shows it: https://www.rfc-editor.org/rfc/rfc7644.

The protocol is scim2-server's; what is kept, who may, and what must hold is the directory's.
"""

from bedside.auth.scim.serving import BODY_BYTES_MAX, CONFIGURATION, Scim

__all__ = ["BODY_BYTES_MAX", "CONFIGURATION", "Scim"]
