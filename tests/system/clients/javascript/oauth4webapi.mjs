// oauth4webapi, step by step: a public app, and a service that checks the tokens it is shown.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { physician } from "./person.mjs";
import { story } from "./telling.mjs";

const issuer = new URL(process.env.ISSUER);
const fhir = process.env.FHIR_BASE;
const redirectUri = process.env.REDIRECT_URI;
const options = { [oauth.allowInsecureRequests]: true };
const client = { client_id: process.env.CLIENT_ID };
const none = oauth.None();
const scope = "openid fhirUser launch/patient online_access patient/*.rs";
const person = physician();
let server;
let tokens;

async function asked(more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const nonce = oauth.generateRandomNonce();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code", client_id: client.client_id, redirect_uri: redirectUri, scope, aud: fhir, nonce, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  });
  return { url, verifier, nonce, state };
}

async function redeemed(parameters, verifier, more = {}) {
  return oauth.authorizationCodeGrantRequest(server, client, none, parameters, redirectUri, verifier, { ...options, ...more });
}

async function refreshed(token, more = {}) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, none, token, { ...options, ...more });
  return oauth.processRefreshTokenResponse(server, client, answer);
}

const errorOf = (promise) => promise.then(() => assert.fail("it was to be refused"), (error) => error.error);

await story("both discovery documents are those of the issuer", async () => {
  for (const algorithm of ["oauth2", "oidc"]) {
    const answer = await oauth.discoveryRequest(issuer, { ...options, algorithm });
    server = await oauth.processDiscoveryResponse(issuer, answer);
  }
  assert.deepEqual(server.code_challenge_methods_supported, ["S256"]);
  assert.equal(server.authorization_response_iss_parameter_supported, true);
});

await story("a code comes back with state and issuer, and becomes tokens", async () => {
  const { url, verifier, nonce, state } = await asked();
  const parameters = oauth.validateAuthResponse(server, client, await person.follows(url, redirectUri), state);
  const answer = await redeemed(parameters, verifier);
  const checks = { expectedNonce: nonce, requireIdToken: true };
  tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, checks);
  await oauth.validateApplicationLevelSignature(server, answer, options);
  assert.equal(oauth.getValidatedIdTokenClaims(tokens).aud, client.client_id);
  assert.deepEqual([tokens.patient, tokens.need_patient_banner], ["p1", true]);
});

await story("a service checks the access token by the published keys", async () => {
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  const request = new Request(`${fhir}/Patient/p1`, { headers });
  const claims = await oauth.validateJwtAccessToken(server, request, fhir, options);
  assert.deepEqual([claims.client_id, claims.patient, claims.scope], [client.client_id, "p1", scope]);
  const elsewhere = new Request("http://127.0.0.1/", { headers });
  await assert.rejects(oauth.validateJwtAccessToken(server, elsewhere, "http://127.0.0.1/other", options));
});

await story("the token opens one patient and nobody else", async () => {
  const read = (id) => oauth.protectedResourceRequest(tokens.access_token, "GET", new URL(`${fhir}/Patient/${id}`), undefined, undefined, options);
  assert.equal((await read("p1")).status, 200);
  assert.notEqual((await read("p2")).status, 200);
});

await story("a refresh rotates, and a code that was used opens nothing more", async () => {
  const { url, verifier, state } = await asked();
  const parameters = oauth.validateAuthResponse(server, client, await person.follows(url, redirectUri), state);
  const first = await (await redeemed(parameters, verifier)).json();
  const second = await refreshed(first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal((await redeemed(parameters, verifier)).status, 400);
  assert.equal(await errorOf(refreshed(second.refresh_token)), "invalid_grant");
});

await story("a refusal comes back with state and issuer, too", async () => {
  const { url, state } = await asked({ code_challenge_method: "plain" });
  const back = await person.follows(url, redirectUri);
  assert.throws(() => oauth.validateAuthResponse(server, client, back, state), { error: "invalid_request" });
});

await story("a public app binds its refresh tokens to a key", async () => {
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const { url, verifier, nonce, state } = await asked();
  const parameters = oauth.validateAuthResponse(server, client, await person.follows(url, redirectUri), state);
  const answer = await redeemed(parameters, verifier, { DPoP });
  const bound = await oauth.processAuthorizationCodeResponse(server, client, answer, { expectedNonce: nonce });
  assert.equal(bound.token_type, "dpop");
  assert.ok((await refreshed(bound.refresh_token, { DPoP })).access_token);
});
await story("somebody else's key refreshes nothing, and burns nothing", async () => {
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const { url, verifier, state } = await asked();
  const parameters = oauth.validateAuthResponse(server, client, await person.follows(url, redirectUri), state);
  const bound = await (await redeemed(parameters, verifier, { DPoP })).json();
  const other = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  assert.ok(await errorOf(refreshed(bound.refresh_token, { DPoP: other })));
  assert.ok((await refreshed(bound.refresh_token, { DPoP })).access_token);
});
