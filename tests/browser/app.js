// The smallest SMART app that uses all of a launch: patient, user, search, refresh. Shows what came of it as JSON.
const show = value => { document.getElementById("result").textContent = JSON.stringify(value); };
const query = new URLSearchParams(location.search);

async function ready() {
  const client = await FHIR.oauth2.ready();
  const first = client.state.tokenResponse;
  const patient = await client.patient.read();
  const user = await client.user.read();
  const conditions = await client.request(`Condition?patient=${client.patient.id}&_count=5`, { pageLimit: 0, flat: true });
  const result = {
    patient: patient.id, context: { encounter: first.encounter, intent: first.intent, banner: first.need_patient_banner },
    user: `${user.resourceType} ${user.name[0].text}`, conditions: conditions.length, scope: first.scope, url: location.href,
  };
  if (first.refresh_token) {
    const before = { access: first.access_token, refresh: first.refresh_token };
    await client.refresh();
    const after = client.state.tokenResponse;
    result.refreshed = after.access_token !== before.access && after.refresh_token !== before.refresh;
    result.again = (await client.patient.read()).id;
  }
  return result;
}

if (query.has("start")) {
  FHIR.oauth2.authorize({
    clientId: "sandbox-spa", iss: query.get("start"), redirectUri: "app.html", pkceMode: "required",
    scope: "openid fhirUser launch/patient offline_access patient/*.rs",
  }).catch(error => show({ error: String(error) }));
} else {
  ready().then(show, error => show({ error: String(error), url: location.href }));
}
