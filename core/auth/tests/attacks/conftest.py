"""Clients that sign, and a server of somebody else's that keeps their keys."""

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sqlmodel import col, select

from bedside.auth.client_keys import FetchedKeys, PublicHttps
from bedside.auth.clients import By, ClientMetadata, register_client
from bedside.auth.directory import keep_client
from bedside.auth.tables import AuditEvent

ISSUER = "http://127.0.0.1:8003"
FHIR = "http://127.0.0.1:8000/fhir"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PUBLIC_ADDRESS = "93.184.216.34"


@dataclass(frozen=True)
class Key:
    kid: str
    algorithm: str
    private: Any

    def public(self) -> dict[str, Any]:
        made: dict[str, Any] = pyjwt.get_algorithm_by_name(self.algorithm).to_jwk(
            self.private.public_key(), as_dict=True
        )
        return {"kid": self.kid} | {name: value for name, value in made.items() if name != "key_ops"}

    def whole(self) -> dict[str, Any]:
        """As no client may send it."""
        made: dict[str, Any] = pyjwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private, as_dict=True)
        return {"kid": self.kid} | {name: value for name, value in made.items() if name != "key_ops"}


def elliptic(kid: str, algorithm: str = "ES384") -> Key:
    return Key(kid, algorithm, ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1()))


@dataclass
class Program:
    """A client that proves itself by `key`; every claim and header of its assertions may be changed, or left out."""

    server: Any
    authority: Any
    client_id: str
    key: Key
    clock: Any

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = self.clock.now().timestamp()
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{ISSUER}/token",
            "jti": str(uuid.uuid4()),
            "exp": int(now) + 240,
        } | changed
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, *, key: Key | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        key = key or self.key
        headers = {"kid": key.kid, "typ": "JWT"} | (header or {})
        # Not by encode, which refuses claims of a wrong type.
        payload = json.dumps(self.claims(**changed)).encode()
        return pyjwt.PyJWS().encode(payload, key.private, algorithm=key.algorithm, headers=headers)

    async def ask(self, assertion: str | None = None, *, auth: Any = None, **form: str | None) -> Any:
        asked = {
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        } | form
        kept = {name: value for name, value in asked.items() if value is not None}
        return await self.server.post("/token", data=kept, auth=auth)

    async def outcome(self, assertion: str | None = None, **form: Any) -> tuple[int, str]:
        """200 and the scope, or the status and the reason: as the access log has it, else as the caller is told."""
        before = len(self.refusals())
        answer = await self.ask(assertion, **form)
        if answer.status_code == 200:
            return 200, answer.json()["scope"]
        if answer.json()["error"] != "invalid_client":
            return answer.status_code, answer.json()["error_description"]
        assert answer.json()["error_description"] == "client authentication failed"
        refusals = self.refusals()
        assert len(refusals) == before + 1
        return answer.status_code, refusals[-1]

    def refusals(self) -> list[str]:
        with self.authority.units.reading() as session:
            rows = session.exec(
                select(AuditEvent).where(AuditEvent.action == "client-refused").order_by(col(AuditEvent.recorded_at))
            ).all()
        return [row.detail["reason"] for row in rows]


@pytest.fixture(scope="session")
def keys() -> dict[str, Key]:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "ES384": elliptic("k-es384"),
        "ES256": elliptic("k-es256", "ES256"),
        "RS384": Key("k-rs384", "RS384", rsa_key),
    }


@pytest.fixture
def program(server: Any, authority: Any, clock: Any, keys: dict[str, Key]) -> Program:
    """Registered with three keys; asks by the first."""
    jwks = {"keys": [key.public() for key in keys.values()]}
    return _registered(server, authority, clock, keys["ES384"], "night-job", jwks=jwks)


@pytest.fixture
def distant(server: Any, authority: Any, clock: Any, keys: dict[str, Key]) -> Program:
    """Registered with the address where its keys are."""
    uri = "https://keys.example.org/jwks"
    return _registered(server, authority, clock, keys["ES384"], "distant", jwks_uri=uri)


def _registered(server: Any, authority: Any, clock: Any, key: Key, client_id: str, **keys: Any) -> Program:
    metadata = ClientMetadata(
        name=client_id,
        auth_method="private_key_jwt",
        grant_types=("client_credentials",),
        scope="system/Patient.rs",
        audiences=(FHIR,),
        **keys,
    )
    with authority.units.unit() as session:
        register_client(authority, session, metadata, by=By(user_id="u-admin"), client_id=client_id)
    return Program(server, authority, client_id, key, clock)


@dataclass
class KeyServer:
    """TLS on the loopback interface, standing for a public address. `answer` goes out as it is, slowly by `pause_s`."""

    port: int = 0
    answer: bytes = b""
    pause_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    def show(self, *keys: dict[str, Any]) -> None:
        self.answer = http_answer(json.dumps({"keys": list(keys)}).encode())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.pause_s:
                for byte in self.answer[:100]:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(self.pause_s)
            else:
                writer.write(self.answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def http_answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of keys.example.org, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keys.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("keys.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def key_server(certificate: Path) -> AsyncIterator[KeyServer]:
    serving = KeyServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listening = await asyncio.start_server(serving.serve, "127.0.0.1", 0, ssl=context)
    serving.port = listening.sockets[0].getsockname()[1]
    yield serving
    listening.close()


@dataclass
class Network:
    """What names stand for, and how many seconds have gone by for the cache of keys."""

    names: dict[str, Sequence[str]] = field(default_factory=lambda: {"keys.example.org": [PUBLIC_ADDRESS]})
    seconds: float = field(default_factory=time.monotonic)
    reached: list[tuple[str, int]] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def authority(authority: Any, network: Network, certificate: Path, request: pytest.FixtureRequest) -> Any:
    """The server of the other tests, in a network of ours: the public address leads to the key server."""

    def way_to(address: tuple[str, int]) -> tuple[str, int]:
        network.reached.append(address)
        assert address[0] == PUBLIC_ADDRESS, "only public addresses are reached"
        return "127.0.0.1", request.getfixturevalue("key_server").port

    trust = ssl.create_default_context(cafile=str(certificate))
    fetch = PublicHttps(resolve=network.resolve, way_to=way_to, trust=trust).fetch
    return replace(authority, client_keys=FetchedKeys(fetch, now_s=lambda: network.seconds))


@pytest.fixture
async def manager(server: Any, authority: Any) -> str:
    """An access token that registers anything."""
    with authority.units.unit() as session:
        keep_client(
            session,
            "deployer",
            name="Deployer",
            secret="deployer-secret",
            grant_types=["client_credentials"],
            scope="clients.manage system/*.rs",
            audiences=["http://127.0.0.1:8003"],
        )
    form = {"grant_type": "client_credentials", "scope": "clients.manage"}
    answer = await server.post("/token", data=form, auth=("deployer", "deployer-secret"))
    token: str = answer.json()["access_token"]
    return token
