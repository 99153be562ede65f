// @medplum/core: a web application's client, with its caches, drafts and batches.
import assert from "node:assert/strict";
import { MedplumClient, getReferenceString } from "@medplum/core";
import { story, unique } from "./telling.mjs";

const url = new URL(process.env.FHIR_BASE);
const medplum = new MedplumClient({
  baseUrl: `${url.origin}/`,
  fhirUrlPath: url.pathname.slice(1),
  fetch,
  cacheTime: 0,
  storage: undefined,
});
// Its own sign-in speaks to Medplum's own endpoints; a token from elsewhere is taken too.
medplum.setAccessToken(process.env.FHIR_TOKEN);
const family = `Medplum${unique}`;
const identifier = [{ system: "http://example.org/medplum", value: unique }];
const refused = async (asked) =>
  asked.then(
    () => assert.fail("it was to be refused"),
    (error) => error.outcome.issue[0].code,
  );
let patient;
let observation;

await story("a resource is created once however often it is asked for", async () => {
  const wanted = { resourceType: "Patient", identifier, name: [{ family, given: ["Ada"] }] };
  const query = `identifier=http://example.org/medplum|${unique}`;
  patient = await medplum.createResourceIfNoneExist(wanted, query);
  const again = await medplum.createResourceIfNoneExist(wanted, query);
  assert.equal(again.id, patient.id);
});

await story("it is read, and read by its reference", async () => {
  const read = await medplum.readResource("Patient", patient.id);
  assert.deepEqual(read, patient);
  assert.equal((await medplum.readReference({ reference: getReferenceString(patient) })).id, patient.id);
});

await story("it is updated; an update that changes nothing makes no version", async () => {
  patient = await medplum.updateResource({ ...patient, gender: "female" });
  assert.equal(patient.meta.versionId, "2");
  const same = await medplum.updateResource(patient);
  assert.equal(same.meta.versionId, "2");
});

await story("it is patched", async () => {
  patient = await medplum.patchResource("Patient", patient.id, [{ op: "add", path: "/active", value: true }]);
  assert.equal(patient.active, true);
});

await story("it is put where the search says", async () => {
  const { id, meta, ...rest } = patient;
  const put = await medplum.upsertResource({ ...rest, birthDate: "1970-01-01" }, `identifier=http://example.org/medplum|${unique}`);
  assert.equal(put.id, patient.id);
});

await story("a batch of writes to both services is carried out", async () => {
  const answer = await medplum.executeBatch({
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      {
        fullUrl: "urn:uuid:6f3b1d1e-3c77-4f0a-8b39-4a1f6f0d0002",
        request: { method: "POST", url: "Encounter" },
        resource: {
          resourceType: "Encounter", status: "planned", subject: { reference: `Patient/${patient.id}` },
          class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB" },
        },
      },
      {
        request: { method: "POST", url: "Observation" },
        resource: {
          resourceType: "Observation", status: "final", code: { coding: [{ system: "http://loinc.org", code: "29463-7" }] },
          subject: { reference: `Patient/${patient.id}` },
          encounter: { reference: "urn:uuid:6f3b1d1e-3c77-4f0a-8b39-4a1f6f0d0002" },
          valueQuantity: { value: 70.5, unit: "kg", system: "http://unitsofmeasure.org", code: "kg" },
        },
      },
    ],
  });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
});

await story("searches find one, many, and what belongs to them", async () => {
  observation = await medplum.searchOne("Observation", `patient=Patient/${patient.id}&code=http://loinc.org|29463-7`);
  assert.equal(observation.valueQuantity.value, 70.5);
  const found = await medplum.searchResources("Observation", `value-quantity=gt70000||g,70.5|http://unitsofmeasure.org|kg&subject:Patient.family=${family}`);
  assert.deepEqual(found.map((each) => each.id), [observation.id]);
  const bundle = await medplum.search("Observation", `_id=${observation.id}&_include=Observation:patient&_include=Observation:encounter&_total=accurate`);
  assert.deepEqual(bundle.entry.map((entry) => entry.resource.resourceType).sort(), ["Encounter", "Observation", "Patient"]);
  assert.equal(bundle.total, 1);
});

await story("pages follow one another", async () => {
  let seen = 0;
  for await (const page of medplum.searchResourcePages("Observation", `patient=Patient/${patient.id}&_count=1`)) {
    seen += page.length;
  }
  assert.equal(seen, 1);
});

await story("everything about a patient comes in one bundle", async () => {
  const bundle = await medplum.readPatientEverything(patient.id);
  assert.deepEqual(bundle.entry.map((entry) => entry.resource.resourceType).sort(), ["Encounter", "Observation", "Patient"]);
});

await story("history and versions are read", async () => {
  const history = await medplum.readHistory("Patient", patient.id);
  assert.equal(history.entry.length, 4);
  assert.equal((await medplum.readVersion("Patient", patient.id, "1")).meta.versionId, "1");
});

await story("a resource is judged without being kept", async () => {
  const outcome = await medplum.validateResource({ resourceType: "Patient", gender: "male" });
  assert.equal(outcome.resourceType, "OperationOutcome");
});

await story("what was deleted is gone, and what never was is not found", async () => {
  await medplum.deleteResource("Observation", observation.id);
  assert.equal(await refused(medplum.readResource("Observation", observation.id)), "deleted");
  assert.equal(await refused(medplum.readResource("Patient", "there-is-none")), "not-found");
});

await story("the whole is exported in the background", async () => {
  const exported = await medplum.bulkExport("", "Patient", undefined, { pollStatusOnAccepted: true, pollStatusPeriod: 100 });
  assert.ok(exported.output.some((file) => file.type === "Patient"));
});
