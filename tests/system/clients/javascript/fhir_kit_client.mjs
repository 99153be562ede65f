// fhir-kit-client: an integration engine's life with a FHIR server.
import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";
import { story, unique } from "./telling.mjs";

const client = new Client({ baseUrl: process.env.FHIR_BASE, bearerToken: process.env.FHIR_TOKEN });
const family = `Kit${unique}`;
const identifier = (value) => [{ system: "http://example.org/kit", value: `${unique}-${value}` }];
const ids = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.id);
const status = async (asked) =>
  asked.then(
    () => assert.fail("it was to be refused"),
    (error) => [error.response.status, error.response.data.resourceType],
  );
let patient;
let observation;

await story("the statement and the way to sign in are found", async () => {
  assert.equal((await client.capabilityStatement()).fhirVersion, "4.0.1");
  assert.ok((await client.smartAuthMetadata()).tokenUrl);
});

await story("a resource is created, read and read by version", async () => {
  patient = await client.create({
    resourceType: "Patient",
    body: { resourceType: "Patient", identifier: identifier("a"), name: [{ family }] },
  });
  assert.deepEqual(await client.read({ resourceType: "Patient", id: patient.id }), patient);
  assert.deepEqual(await client.vread({ resourceType: "Patient", id: patient.id, version: "1" }), patient);
});

await story("it is updated, and only from the version that was seen", async () => {
  const body = { ...patient, gender: "female" };
  const updated = await client.update({
    resourceType: "Patient", id: patient.id, body, options: { headers: { "If-Match": 'W/"1"' } },
  });
  assert.equal(updated.meta.versionId, "2");
  const late = client.update({
    resourceType: "Patient", id: patient.id, body: { ...patient, gender: "male" }, options: { headers: { "If-Match": 'W/"1"' } },
  });
  assert.deepEqual(await status(late), [412, "OperationOutcome"]);
});

await story("it is updated by its identifier", async () => {
  const searchParams = { identifier: `http://example.org/kit|${unique}-a` };
  const body = { resourceType: "Patient", identifier: identifier("a"), name: [{ family }], active: true };
  const updated = await client.update({ resourceType: "Patient", searchParams, body });
  assert.equal(updated.id, patient.id);
});

await story("it is patched", async () => {
  const jsonPatch = [
    { op: "test", path: "/active", value: true },
    { op: "add", path: "/birthDate", value: "1980-02-29" },
  ];
  const patched = await client.patch({ resourceType: "Patient", id: patient.id, jsonPatch });
  assert.equal(patched.birthDate, "1980-02-29");
});

await story("a transaction writes to both services, and its references hold", async () => {
  const answer = await client.transaction({
    body: {
      resourceType: "Bundle",
      type: "transaction",
      entry: [
        {
          fullUrl: "urn:uuid:6f3b1d1e-3c77-4f0a-8b39-4a1f6f0d0001",
          resource: { resourceType: "Patient", identifier: identifier("b"), name: [{ family }] },
          request: { method: "POST", url: "Patient" },
        },
        {
          resource: {
            resourceType: "Observation", status: "final", code: { text: "weight" },
            subject: { reference: "urn:uuid:6f3b1d1e-3c77-4f0a-8b39-4a1f6f0d0001" },
          },
          request: { method: "POST", url: "Observation" },
        },
      ],
    },
  });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  const [, id] = answer.entry[1].response.location.match(/Observation\/([^/]+)/);
  observation = await client.read({ resourceType: "Observation", id });
  const subject = await client.resolve({ reference: observation.subject.reference });
  assert.equal(subject.name[0].family, family);
});

await story("a batch answers each entry for itself", async () => {
  const answer = await client.batch({
    body: {
      resourceType: "Bundle",
      type: "batch",
      entry: [`Patient/${patient.id}`, "Patient/there-is-none", `Observation/${observation.id}`].map((url) => ({
        request: { method: "GET", url },
      })),
    },
  });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["200", "404", "200"]);
});

await story("types are searched, by GET and by POST, page by page", async () => {
  const searchParams = { family, _count: 1, _sort: "_id" };
  const first = await client.search({ resourceType: "Patient", searchParams });
  const second = await client.nextPage({ bundle: first });
  assert.equal(new Set([...ids(first), ...ids(second)]).size, 2);
  assert.equal(await client.nextPage({ bundle: second }), undefined);
  assert.deepEqual(ids(await client.prevPage({ bundle: second })), ids(first));
  const posted = await client.search({ resourceType: "Patient", searchParams: { family }, options: { postSearch: true } });
  assert.equal(posted.entry.length, 2);
});

await story("the whole system and a compartment are searched", async () => {
  const everywhere = await client.systemSearch({ searchParams: { _type: "Patient,Observation", _id: `${patient.id},${observation.id}` } });
  assert.deepEqual(new Set(ids(everywhere)), new Set([patient.id, observation.id]));
  const [, id] = observation.subject.reference.split("/");
  const within = await client.compartmentSearch({
    resourceType: "Observation", compartment: { resourceType: "Patient", id },
  });
  assert.deepEqual(ids(within), [observation.id]);
});

await story("operations are called", async () => {
  const [, id] = observation.subject.reference.split("/");
  const everything = await client.operation({ name: "everything", resourceType: "Patient", id, method: "GET" });
  assert.deepEqual(new Set(ids(everything)), new Set([id, observation.id]));
  const judged = await client.operation({
    name: "$validate", resourceType: "Patient", input: { resourceType: "Patient", gender: "banana" },
  });
  assert.equal(judged.resourceType, "OperationOutcome");
  assert.equal(judged.issue[0].severity, "error");
});

await story("histories are read: of one, of a type, of all", async () => {
  const own = await client.history({ resourceType: "Patient", id: patient.id });
  assert.deepEqual(own.entry.map((entry) => entry.resource.meta.versionId), ["4", "3", "2", "1"]);
  assert.ok((await client.history({ resourceType: "Patient" })).entry.length > 0);
  assert.ok((await client.history({})).entry.length > 0);
});

await story("what was deleted is gone, and says so", async () => {
  await client.delete({ resourceType: "Observation", id: observation.id });
  assert.deepEqual(await status(client.read({ resourceType: "Observation", id: observation.id })), [410, "OperationOutcome"]);
});

await story("what makes no sense is refused with an outcome", async () => {
  assert.deepEqual(await status(client.search({ resourceType: "Patient", searchParams: { nmae: "x" } })), [400, "OperationOutcome"]);
  assert.deepEqual(
    await status(client.create({ resourceType: "Patient", body: { resourceType: "Patient", gender: "banana" } })),
    [400, "OperationOutcome"],
  );
});
