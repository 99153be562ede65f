"""The auth service: it owns no FHIR resource, and follows what becomes of those that accounts are linked to."""

from bedside.auth.reactions import FOLLOWING
from bedside.fhir.declaration import Service

service = Service(name="auth", owns=(), reactions=tuple(following.reaction for following in FOLLOWING))
