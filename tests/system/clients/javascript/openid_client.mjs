// openid-client, certified by the OpenID Foundation: a confidential app that proves itself by a key.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { physician } from "./person.mjs";
import { story, unique } from "./telling.mjs";

const issuer = new URL(process.env.ISSUER);
const fhir = process.env.FHIR_BASE;
const redirectUri = process.env.REDIRECT_URI;
const execute = [client.allowInsecureRequests];
const scope = "openid profile fhirUser online_access user/Patient.rs";
const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign", "verify"]);
const jwk = { ...(await crypto.subtle.exportKey("jwk", keys.publicKey)), kid: "app-key", use: "sig", alg: "ES384" };
const proof = client.PrivateKeyJwt({ key: keys.privateKey, kid: "app-key" });
const person = physician();
let config;
let tokens;

// A refusal as openid-client tells it: the error of OAuth.
const refused = (asked) => asked.then(() => assert.fail("it was to be refused"), (error) => error.error);

async function asked(more = {}, toUrl = client.buildAuthorizationUrl) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedNonce: client.randomNonce(),
    expectedState: client.randomState(),
    idTokenExpected: true,
  };
  const url = await toUrl(config, {
    redirect_uri: redirectUri,
    scope,
    aud: fhir,
    nonce: checks.expectedNonce,
    state: checks.expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { checks, url };
}

async function signedIn(more, toUrl, options) {
  const { checks, url } = await asked(more, toUrl);
  const back = await person.follows(url, redirectUri);
  return client.authorizationCodeGrant(config, back, checks, undefined, options);
}

await story("it finds the server and registers with its key", async () => {
  const metadata = {
    client_name: `openid-client ${unique}`,
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [`${redirectUri}/bye`],
    grant_types: ["authorization_code", "refresh_token", "client_credentials"],
    token_endpoint_auth_method: "private_key_jwt",
    scope: `${scope} system/Patient.rs introspect`,
    audiences: [fhir],
    jwks: { keys: [jwk] },
  };
  const initialAccessToken = process.env.REGISTRATION_TOKEN;
  config = await client.dynamicClientRegistration(issuer, metadata, proof, { execute, initialAccessToken });
  // From here on every ID token's signature is checked, not only its claims.
  client.enableNonRepudiationChecks(config);
  assert.equal(config.serverMetadata().supportsPKCE(), true);
  assert.equal(config.clientMetadata().token_endpoint_auth_method, "private_key_jwt");
});

await story("a person signs in, allows it, and the code becomes tokens", async () => {
  tokens = await signedIn();
  assert.equal(tokens.scope, scope);
  assert.equal(tokens.expires_in, 300);
  assert.equal(tokens.claims().iss, issuer.href.replace(/\/$/, ""));
  assert.equal(tokens.claims().fhirUser, `${fhir}/Practitioner/dr-shah`);
});

await story("who signed in is who the ID token says", async () => {
  const person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(person.name, "Dr Anita Shah");
});

await story("a patient is read with the token", async () => {
  const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(`${fhir}/Patient/p1`), "GET");
  assert.equal((await answer.json()).id, "p1");
});

await story("a refresh gives new tokens of the same person", async () => {
  const before = tokens;
  tokens = await client.refreshTokenGrant(config, before.refresh_token);
  assert.notEqual(tokens.refresh_token, before.refresh_token);
  assert.equal(tokens.claims().sub, before.claims().sub);
  assert.equal(tokens.scope, scope);
});

await story("it may ask for less, and not for more", async () => {
  const narrow = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: "openid user/Patient.r" });
  assert.equal(narrow.scope, "openid user/Patient.r");
  const wider = client.refreshTokenGrant(config, narrow.refresh_token, { scope: "user/*.cruds" });
  assert.equal(await refused(wider), "invalid_scope");
  tokens = await client.refreshTokenGrant(config, narrow.refresh_token);
  assert.equal(tokens.scope, scope);
});

await story("an app that asks without a page is told what is missing", async () => {
  const { checks, url } = await asked({ prompt: "none", max_age: "0" });
  const back = await person.follows(url, redirectUri);
  assert.equal(await refused(client.authorizationCodeGrant(config, back, checks)), "login_required");
  const silent = await asked({ prompt: "none" });
  const again = await client.authorizationCodeGrant(config, await person.follows(silent.url, redirectUri), silent.checks);
  assert.equal(again.claims().sub, tokens.claims().sub);
});

await story("max_age is kept: the sign-in is as young as was asked", async () => {
  const { checks, url } = await asked({ max_age: "0" });
  const back = await person.follows(url, redirectUri);
  await client.authorizationCodeGrant(config, back, { ...checks, maxAge: 60 });
});

await story("another's state, nonce or code is refused before it does harm", async () => {
  const { checks, url } = await asked();
  const back = await person.follows(url, redirectUri);
  await assert.rejects(client.authorizationCodeGrant(config, back, { ...checks, expectedState: "another" }));
  const foreign = new URL(back);
  foreign.searchParams.set("iss", "https://elsewhere.example");
  await assert.rejects(client.authorizationCodeGrant(config, foreign, checks));
  const wrong = client.authorizationCodeGrant(config, back, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() });
  assert.equal(await refused(wrong), "invalid_grant");
});

await story("it acts for itself with its key", async () => {
  const own = await client.clientCredentialsGrant(config, { scope: "system/Patient.rs" });
  const answer = await client.fetchProtectedResource(config, own.access_token, new URL(`${fhir}/Patient/p1`), "GET");
  assert.equal(answer.status, 200);
});

await story("what it asks for is pushed, and the browser carries a reference", async () => {
  const pushed = await signedIn({}, client.buildAuthorizationUrlWithPAR);
  assert.equal(pushed.claims().sub, tokens.claims().sub);
});

await story("a token bound to a key is worth nothing without it", async () => {
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const bound = await signedIn({}, client.buildAuthorizationUrl, { DPoP });
  assert.equal(bound.token_type, "dpop");
  const patient = new URL(`${fhir}/Patient/p1`);
  const shown = await client.fetchProtectedResource(config, bound.access_token, patient, "GET", null, undefined, { DPoP });
  assert.equal(shown.status, 200);
  const bare = await fetch(patient, { headers: { Authorization: `Bearer ${bound.access_token}` } });
  assert.equal(bare.status, 401);
  const again = await client.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP });
  assert.equal(again.token_type, "dpop");
});

await story("a token is looked up, given back, and then dead", async () => {
  const living = await client.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([living.active, living.sub], [true, tokens.claims().sub]);
  await client.tokenRevocation(config, tokens.refresh_token);
  assert.deepEqual({ ...(await client.tokenIntrospection(config, tokens.access_token)) }, { active: false });
  assert.equal(await refused(client.refreshTokenGrant(config, tokens.refresh_token)), "invalid_grant");
});

await story("signing out leads back to the app, and the next app asks for the password", async () => {
  const last = await signedIn();
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: last.id_token, post_logout_redirect_uri: `${redirectUri}/bye`, state: "a state/with=signs",
  });
  const bye = await person.follows(url, `${redirectUri}/bye`);
  assert.equal(bye.searchParams.get("state"), "a state/with=signs");
  assert.equal(await refused(client.refreshTokenGrant(config, last.refresh_token)), "invalid_grant");
  const { checks, url: silent } = await asked({ prompt: "none" });
  const back = await person.follows(silent, redirectUri);
  assert.equal(await refused(client.authorizationCodeGrant(config, back, checks)), "login_required");
});
