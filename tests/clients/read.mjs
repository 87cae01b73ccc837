// fhir-kit-client finds the endpoints, reads, searches by GET and POST and pages through a record with a backend token.
// Called by .ci/clients.sh with the gateway's address.
import assert from 'node:assert/strict';
import { CapabilityTool, Client } from 'fhir-kit-client';

const base = process.argv[2];
const baseUrl = `${base}/fhir/r4`;
const client = new Client({ baseUrl });

const metadata = await client.smartAuthMetadata();
assert.equal(metadata.tokenUrl.href, `${baseUrl}/token`);
assert.equal(metadata.authorizeUrl.href, `${baseUrl}/authorize`);
const capability = new CapabilityTool(await client.capabilityStatement());
assert.ok(capability.resourceCan('Condition', 'read') && capability.resourceCan('Condition', 'search-type'));
assert.ok(!capability.resourceCan('Condition', 'create'));
assert.ok(capability.resourceSearch('Observation', 'category'));

const assertion = await (await fetch(`${base}/sandbox/assertion?client_id=sandbox-backend&user=hospital-doctor`)).text();
const consent = Object.fromEntries(['asked', 'told_what', 'told_why', 'told_may_decline', 'told_meaning_of_declining', 'voluntary',
  'capacity'].map((item) => [item, true]));
const answer = await fetch(metadata.tokenUrl, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'system/*.rs',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    authorization_details: JSON.stringify([{
      type: 'https://openmig.org/occasion', patient: '9990000387', treatment: 'worklist', consent: { ...consent, answer: 'yes' },
    }]),
  }),
});
assert.equal(answer.status, 200);
const token = await answer.json();
client.bearerToken = token.access_token;
const patient = token.patient;

const person = await client.read({ resourceType: 'Patient', id: patient });
assert.equal(person.id, patient);
let read = 0;
for (const scope of token.scope.split(' ')) {
  const resourceType = scope.match(/^system\/([A-Za-z]+)\.rs$/)[1];
  if (!capability.resourceSearch(resourceType, 'patient')) continue;
  const searchParams = { patient, _count: 15 };
  let bundle = await client.search({ resourceType, searchParams });
  const posted = await client.search({ resourceType, searchParams, options: { postSearch: true } });
  const ids = (one) => (one.entry ?? []).filter((entry) => entry.search.mode === 'match').map((entry) => entry.resource.id);
  assert.deepEqual(ids(posted), ids(bundle), `${resourceType}: POST is GET`);
  const { total } = bundle;
  const seen = new Set();
  while (bundle) {
    for (const id of ids(bundle)) {
      assert.ok(!seen.has(id), `${resourceType}: twice`);
      seen.add(id);
    }
    bundle = await client.nextPage({ bundle });
  }
  if (total !== undefined) assert.equal(seen.size, total, resourceType);
  read += seen.size;
  const [first] = seen;
  if (first) {
    const one = await client.read({ resourceType, id: first });
    assert.equal(one.id, first);
    const subject = one.subject ?? one.patient;
    if (subject?.reference) {
      const found = await client.resolve({ reference: subject.reference, context: one });
      assert.equal(found.id, patient, `${resourceType}: whose it is`);
    }
  }
}
assert.ok(read > 20, `only ${read} resources`);
await assert.rejects(client.read({ resourceType: 'Condition', id: 'no-such-id' }), (error) => error.response.status === 404
  && error.response.data.resourceType === 'OperationOutcome');
await assert.rejects(client.create({ resourceType: 'Condition', body: { resourceType: 'Condition' } }),
  (error) => error.response.status === 405 && error.response.data.resourceType === 'OperationOutcome');
client.bearerToken = 'nobodys';
await assert.rejects(client.read({ resourceType: 'Patient', id: patient }), (error) => error.response.status === 401);
console.log(`fhir-kit-client: ${read} resources read`);
