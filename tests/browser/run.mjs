// Real Chromium, the SMART JS client, and two strict OpenID clients against a running sandbox.
// node run.mjs <gateway origin> <mock EHR origin>
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import * as oidc from "openid-client";
import * as oauth from "oauth4webapi";
import * as upstream from "./provider.mjs";

const [gateway, ehr] = process.argv.slice(2);
const iss = `${gateway}/fhir/r4`;
const app = "http://127.0.0.1:9310";
const here = new URL(".", import.meta.url);
const files = {
  "/app.html": "app.html", "/app.js": "app.js", "/launch.html": "launch.html", "/launch.js": "launch.js",
  "/fhir-client.js": "node_modules/fhirclient/build/fhir-client.pure.js",
};
const server = createServer(async (request, response) => {
  const file = files[new URL(request.url, app).pathname];
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": file.endsWith(".js") ? "text/javascript" : "text/html" });
  response.end(await readFile(new URL(file, here)));
}).listen(9310, "127.0.0.1");

const provider = upstream.start(gateway);

const contract = await (await fetch(`${gateway}/sandbox/contract.json`)).json();
const fhirId = number => contract.patients.find(it => it.nhs_number === number).fhir_id;
const shots = process.env.OPENMIG_SHOTS;
if (shots) await mkdir(shots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", here), "utf8");

let checks = 0;
const ok = (condition, what) => { assert.ok(condition, what); checks += 1; };
const testid = name => `[data-testid="${name}"]`;

async function visit(options = {}) {
  const context = await browser.newContext({ bypassCSP: true, ...options });
  const page = await context.newPage();
  const foreign = [];
  page.on("request", request => {
    const origin = new URL(request.url()).origin;
    if (![gateway, app, ehr, "null"].includes(origin)) foreign.push(request.url());
  });
  return { page, foreign, close: () => context.close() };
}

// No tick box lies over its own words: axe does not see that.
async function nothingCovered(page, name) {
  const covered = await page.evaluate(() => [...document.querySelectorAll(".item")].filter(item => {
    const box = item.querySelector("input").getBoundingClientRect();
    const words = document.createRange();
    words.selectNodeContents(item.querySelector("label"));
    return [...words.getClientRects()].some(it => it.left < box.right && it.right > box.left && it.top < box.bottom && it.bottom > box.top);
  }).map(item => item.textContent.trim()));
  ok(covered.length === 0, `${name}: covered by their boxes: ${covered.join("; ")}`);
}

// Every page of the flow is looked at by axe (WCAG 2.2 A and AA), at two widths.
async function look(page, name) {
  await nothingCovered(page, name);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
  const { violations } = await page.evaluate(`${axe}; axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })`);
  const told = violations.map(it => `${it.id}: ${it.help} ${it.nodes.map(node => node.html).slice(0, 3).join(" ")}`);
  ok(told.length === 0, `${name}: ${told.join("; ")}`);
  await page.setViewportSize({ width: 320, height: 700 });
  const wide = await page.evaluate("document.documentElement.scrollWidth");
  if (shots) await page.screenshot({ path: `${shots}/${name}-narrow.png`, fullPage: true });
  ok(wide <= 320, `${name}: ${wide} px wide at 320`);
  await nothingCovered(page, `${name}, narrow`);
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function signIn(page, username) {
  await page.fill("[name=username]", username);
  await page.fill("[name=password]", "sandbox");
  await page.click(testid("sign-in"));
}

async function consent(page) {
  for (const item of await page.locator(testid("consent-item")).all()) await item.check();
  await page.click(testid("approve"));
}

const result = async page => {
  await page.waitForFunction(() => document.getElementById("result")?.textContent.length > 0, null, { timeout: 20000 });
  return JSON.parse(await page.textContent("#result"));
};

async function standalone() {
  const { page, foreign, close } = await visit();
  await page.goto(`${app}/app.html?start=${encodeURIComponent(iss)}`);
  await page.waitForSelector(testid("sign-in"));
  await look(page, "1-sign-in");
  await page.fill("[name=username]", "clinician");
  await page.fill("[name=password]", "wrong");
  await page.click(testid("sign-in"));
  await look(page, "2-sign-in-wrong");
  await signIn(page, "clinician");
  await look(page, "3-picker");
  await page.fill("[name=nhs_number]", "1");
  await page.click(testid("find-patient"));
  await look(page, "4-picker-wrong");
  ok(await page.inputValue("[name=nhs_number]") === "1", "nobody types a number twice (WCAG 3.3.7)");
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990000018")}"]`);
  await look(page, "5-consent");
  await page.click(testid("approve"));
  await look(page, "6-consent-missing");
  await page.click(testid("use-override"));
  await page.waitForSelector("[name=override_reason]", { state: "visible" });
  await look(page, "7-override");
  await consent(page);
  const told = await result(page);
  assert.equal(told.error, undefined, told.error);
  assert.equal(told.patient, fhirId("9990000018"));
  ok(told.refreshed && told.again === told.patient, "refresh");
  ok(told.user === "Practitioner Dr Asha Rowan" && told.conditions > 1, JSON.stringify(told));
  ok(!told.url.includes("code="), "the code is not left in the address");
  ok(foreign.length === 0, `third parties: ${foreign}`);
  await close();
}

async function withoutScript() {
  const { page, close } = await visit({ javaScriptEnabled: false });
  const challenge = createHash("sha256").update("x".repeat(43)).digest("base64url");
  const ask = new URLSearchParams({
    response_type: "code", client_id: "sandbox-spa", redirect_uri: `${app}/app.html`, state: "s", aud: iss,
    scope: "launch/patient patient/*.rs", code_challenge: challenge, code_challenge_method: "S256",
  });
  await page.goto(`${iss}/authorize?${ask}`);
  await signIn(page, "hospital-doctor");
  await page.fill("[name=nhs_number]", "999 000 5931");
  await page.fill("[name=date_of_birth]", "05/05/2015");
  await page.click(testid("find-patient"));
  if (shots) await page.screenshot({ path: `${shots}/8-child.png`, fullPage: true });
  await page.selectOption("[name=child_view]", "agrees");
  await page.click(testid("use-proxy"));
  await page.selectOption("[name=proxy_basis]", "parental-responsibility");
  await page.fill("[name=proxy_name]", "A Parent");
  await page.fill("[name=proxy_relationship]", "mother");
  if (shots) await page.screenshot({ path: `${shots}/9-child-proxy.png`, fullPage: true });
  await consent(page);
  ok(page.url().startsWith(`${app}/app.html?code=`), page.url());
  await page.goto(`${iss}/authorize?${ask}`);
  await signIn(page, "receptionist");
  if (shots) await page.screenshot({ path: `${shots}/10-refused.png`, fullPage: true });
  await page.click(testid("deny"));
  ok(page.url().includes("error=access_denied") && page.url().includes("iss="), page.url());
  await page.goto(`${iss}/authorize?${ask}`);
  await signIn(page, "clinician");
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990006679")}"]`);
  await page.click(testid("use-override"));
  await page.selectOption("[name=override_reason]", "unconscious");
  await page.fill("[name=override_text]", "Found collapsed at home, unresponsive, no companion");
  await page.click(testid("confirm-override"));
  ok(page.url().startsWith(`${app}/app.html?code=`), page.url());
  await close();
}

const request = (scope = "launch/patient patient/*.rs") => `${iss}/authorize?${new URLSearchParams({
  response_type: "code", client_id: "sandbox-spa", redirect_uri: `${app}/app.html`, state: "s", aud: iss, scope,
  code_challenge: createHash("sha256").update("x".repeat(43)).digest("base64url"), code_challenge_method: "S256",
})}`;

// The pages on which it does not go on: each says what happened, and leads somewhere.
async function wrongTurns() {
  const { page, foreign, close } = await visit();
  const start = async (number, user = "clinician", scope = undefined) => {
    await page.context().clearCookies();
    await page.goto(request(scope));
    if (user) await signIn(page, user);
    if (number) await page.click(`${testid("pick-patient")}[data-patient="${fhirId(number)}"]`);
  };
  await page.goto(request().replace("sandbox-spa", "nobody"));
  await look(page, "20-unknown-app");
  ok(page.url().startsWith(iss), "no redirect before the app is proven");
  await page.goto(request().replace("app.html", "elsewhere.html"));
  await look(page, "21-unknown-address");
  // A provider that is down: the page says so, and the journey goes on with the password.
  await start(undefined, null);
  await page.click(`${testid("sign-in-with")}[data-provider="down"]`);
  await look(page, "22-provider-down");
  ok((await page.textContent(testid("refusal"))).includes("does not answer"), "provider down");
  await page.click(testid("try-again"));
  await signIn(page, "clinician");
  ok(await page.locator(testid("pick-patient")).count() > 1, "another way in");
  // What concerns the patient is one page, whatever it is.
  await start("9990001863");
  await consent(page);
  await look(page, "23-no-record");
  await page.click(testid("repick"));
  ok(await page.locator(testid("pick-patient")).count() > 1, "another patient");
  // A refusal stands until the patient changes their mind.
  await start("9990005192");
  await page.click(testid("patient-refused"));
  ok(page.url().includes("error=access_denied"), page.url());
  await start("9990005192");
  await look(page, "24-refusal-stands");
  await consent(page);
  await look(page, "25-refusal-stands-wrong");
  ok(await page.isVisible("#changed_mind-error"), "the refusal stands");
  // Somebody else answers, and half of it is missing; an override without a word.
  await start("9990000387");
  for (const item of await page.locator(testid("consent-item")).all()) await item.check();
  await page.check("#capacity-no");
  await page.click(testid("approve"));
  await look(page, "26-no-capacity");
  await page.click(testid("use-proxy")).catch(() => {});
  if (!await page.isVisible("[name=proxy_basis]")) await page.click(testid("use-proxy"));
  await page.selectOption("[name=proxy_basis]", "legal-power");
  await page.click(testid("approve"));
  await look(page, "27-proxy-wrong");
  ok(await page.isVisible("[name=proxy_name]"), "what is wrong is open");
  await start("9990000387");
  await page.click(testid("use-override"));
  await page.click(testid("confirm-override"));
  await look(page, "28-override-wrong");
  ok(await page.isVisible("[name=override_reason][aria-invalid=true]"), "what is wrong is open, and marked");
  // Only who signed in.
  await start(undefined, "clinician", "openid fhirUser");
  await look(page, "29-identity");
  // Back to a page whose journey is over; and one of another browser.
  await start(undefined, null);
  const journey = page.url();
  await page.click(testid("deny"));
  await page.goto(journey.includes("/authorize/") ? journey : `${iss}/authorize/gone`);
  await look(page, "30-ended");
  await start(undefined, null);
  const [action] = (await page.locator("form").first().getAttribute("action")).split("/sign-in");
  await page.context().clearCookies();
  await page.goto(new URL(action, gateway).href);
  await look(page, "31-other-browser");
  ok(foreign.length === 0, `third parties: ${foreign}`);
  await close();
}

async function ehrLaunch() {
  const { page, close } = await visit();
  await page.goto(`${ehr}/?ods=Z9H01`);
  if (shots) await page.screenshot({ path: `${shots}/11-ehr.png` });
  await page.click(`${testid("launch")}[data-nhs-number="9990000387"]`);
  await page.waitForSelector(testid("sign-in"));
  await signIn(page, "hospital-doctor");
  ok(await page.locator(testid("pick-patient")).count() === 0, "no picker");
  await consent(page);
  const told = await result(page);
  assert.equal(told.error, undefined, told.error);
  ok(told.patient === fhirId("9990000387") && told.refreshed, JSON.stringify(told));
  await close();
}

// Somebody whom the worklist does not name in the patient's treatment says that they treat the patient (R105).
async function claimedRelationship() {
  const episode = linked => fetch(`${gateway}/sandbox/episode`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ nhs_number: "9990000018", username: "clinician", linked }),
  });
  await episode(false);
  const { page, close } = await visit();
  await page.goto(`${app}/app.html?start=${encodeURIComponent(iss)}`);
  await signIn(page, "clinician");
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990000018")}"]`);
  await look(page, "34-claim");
  await consent(page);
  await look(page, "35-claim-missing");
  ok(await page.isVisible("#relationship_claim-error"), "the claim is asked for");
  ok(await page.locator(`${testid("consent-item")}:not(:checked)`).count() === 0, "what was ticked stays ticked");
  await page.check(testid("relationship-claim"));
  await page.click(testid("approve"));
  const told = await result(page);
  assert.equal(told.error, undefined, told.error);
  ok(told.patient === fhirId("9990000018"), JSON.stringify(told));
  await close();
  await episode(true);
}

// Sign in at the real OpenID provider: its own pages, then ours, to the token and the record.
async function withProvider() {
  const { page, close } = await visit();
  // The provider's development pages ask for a font of a third party, which is not there.
  await page.route(url => ![gateway, app, upstream.issuer].includes(url.origin), route => route.abort());
  const there = async account => {
    await page.goto(`${app}/app.html?start=${encodeURIComponent(iss)}`);
    await page.click(`${testid("sign-in-with")}[data-provider="oidc-provider"]`);
    await page.waitForURL(url => url.origin === upstream.issuer);
    await page.fill("[name=login]", account);
    await page.fill("[name=password]", "any");
    await page.click("[type=submit]");
    await page.waitForSelector("text=Authorize", { timeout: 20000 });
    await page.click("[type=submit]");
    await page.waitForURL(url => url.origin === gateway);
  };
  await there("clinician");
  await look(page, "12-picker-after-provider");
  ok((await page.textContent(".who")).includes("Dr Asha Rowan, Sandbox Out of Hours"), "who signed in");
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990000018")}"]`);
  await consent(page);
  const told = await result(page);
  assert.equal(told.error, undefined, told.error);
  ok(told.patient === fhirId("9990000018") && told.refreshed && told.conditions > 1, JSON.stringify(told));
  for (const account of ["clinician-in-another-role", "stranger"]) {
    await page.context().clearCookies();
    await there(account);
    await look(page, `13-${account}`);
    ok((await page.textContent(testid("refusal"))).includes("not registered here"), account);
  }
  // Somebody gives up over there.
  await page.context().clearCookies();
  await page.goto(`${app}/app.html?start=${encodeURIComponent(iss)}`);
  await page.click(`${testid("sign-in-with")}[data-provider="oidc-provider"]`);
  await page.waitForURL(url => url.origin === upstream.issuer);
  await page.click("text=Cancel");
  await page.waitForURL(url => url.origin === gateway);
  ok((await page.textContent(testid("refusal"))).includes("not completed"), "given up");
  await page.click(testid("try-again"));
  await signIn(page, "clinician");
  ok(await page.locator(testid("pick-patient")).count() > 1, "and signs in with the password instead");
  await close();
}

// The sandbox's own mock of CIS2, without JavaScript, and with the policy of our pages in force.
async function withMock() {
  const { page, close } = await visit({ javaScriptEnabled: false, bypassCSP: false });
  await page.goto(`${iss}/authorize?${new URLSearchParams({
    response_type: "code", client_id: "sandbox-spa", redirect_uri: `${app}/app.html`, state: "s", aud: iss,
    scope: "launch/patient patient/*.rs", code_challenge: createHash("sha256").update("x".repeat(43)).digest("base64url"), code_challenge_method: "S256",
  })}`);
  await page.click(`${testid("sign-in-with")}[data-provider="sandbox-cis2"]`);
  await page.click(testid("cis2-hospital-doctor"));
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990000018")}"]`);
  await consent(page);
  ok(page.url().startsWith(`${app}/app.html?code=`), page.url());
  await close();
}

// Nobody's acceptance of the terms is recorded any more: they are shown before a patient can be picked, without JavaScript too.
async function termsOfUse() {
  const users = `${process.env.OPENMIG_REGISTER}/users.toml`;
  const before = await readFile(users, "utf8");
  const inForce = async () => (await (await fetch(`${gateway}/register`)).json()).register;
  const taken = async text => {
    const old = await inForce();
    await writeFile(users, text);
    for (let n = 0; n < 100 && await inForce() === old; n += 1) await new Promise(next => setTimeout(next, 200));
    ok(await inForce() !== old, "another register");
  };
  await taken(before.replaceAll(/^terms_accepted.*\n/gm, ""));
  const { page, foreign, close } = await visit();
  await page.goto(request());
  await signIn(page, "hospital-nurse");
  await look(page, "32-terms");
  ok(await page.locator(testid("pick-patient")).count() === 0, "no patient before the terms");
  ok((await page.textContent(testid("terms-tabs"))).includes("Nurse at Sandbox University Hospitals"), "what the role opens");
  await page.click(testid("terms-continue"));
  await look(page, "33-terms-wrong");
  ok(await page.isVisible("#terms-error"), "the box is asked for");
  await page.check(testid("terms-accept"));
  await page.click(testid("terms-continue"));
  ok(await page.locator(testid("pick-patient")).count() > 1, "and on to the patients");
  ok(foreign.length === 0, `third parties: ${foreign}`);
  await close();
  // As last time, with the pages' own policy and no script: and once is enough.
  const plain = await visit({ javaScriptEnabled: false, bypassCSP: false });
  for (const shown of [true, false]) {
    await plain.page.context().clearCookies();
    await plain.page.goto(request());
    await signIn(plain.page, "hospital-doctor");
    ok(await plain.page.isVisible(testid("terms-continue")) === shown, `shown: ${shown}`);
    if (shown) await plain.page.check(testid("terms-accept"));
    if (shown) await plain.page.click(testid("terms-continue"));
    ok(await plain.page.locator(testid("pick-patient")).count() > 1, "patients");
  }
  await plain.page.context().clearCookies();
  await plain.page.goto(request());
  await signIn(plain.page, "clinician");
  await plain.page.click(testid("deny"));
  ok(plain.page.url().includes("error=access_denied"), plain.page.url());
  await plain.close();
  await taken(before);
}

// A code by the pages, for clients that are no browser.
async function authorizeIn(url) {
  const { page, close } = await visit();
  // The app's own page would tidy its address away.
  const sent = page.waitForRequest(request => request.url().startsWith(`${app}/app.html?`));
  await page.goto(url);
  await signIn(page, "clinician");
  await page.click(`${testid("pick-patient")}[data-patient="${fhirId("9990000018")}"]`);
  await consent(page);
  const back = new URL((await sent).url());
  await close();
  return back;
}

async function openidClient() {
  const config = await oidc.discovery(new URL(iss), "sandbox-web", undefined, oidc.ClientSecretBasic("sandbox-web-secret"), { execute: [oidc.allowInsecureRequests] });
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${app}/app.html`, scope: "openid fhirUser launch/patient offline_access patient/Patient.rs", aud: iss, state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const back = await authorizeIn(url.href);
  const tokens = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
  ok(tokens.claims().fhirUser.startsWith(`${iss}/Practitioner/`), "fhirUser");
  const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  ok((await oidc.tokenIntrospection(config, fresh.access_token)).active === true, "introspection");
  await oidc.tokenRevocation(config, fresh.refresh_token);
  ok((await oidc.tokenIntrospection(config, fresh.access_token)).active === false, "revocation");
}

async function oauth4web() {
  const insecure = { [oauth.allowInsecureRequests]: true };
  for (const algorithm of ["oidc", "oauth2"]) {
    const response = await oauth.discoveryRequest(new URL(iss), { algorithm, ...insecure });
    const as = await oauth.processDiscoveryResponse(new URL(iss), response);
    ok(as.authorization_response_iss_parameter_supported && as.code_challenge_methods_supported.includes("S256"), algorithm);
    if (algorithm === "oauth2") continue;
    const client = { client_id: "sandbox-spa" };
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const url = new URL(as.authorization_endpoint);
    for (const [name, value] of Object.entries({
      client_id: client.client_id, redirect_uri: `${app}/app.html`, response_type: "code", scope: "openid fhirUser launch/patient patient/*.read",
      aud: iss, state, nonce, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    })) url.searchParams.set(name, value);
    const params = oauth.validateAuthResponse(as, client, await authorizeIn(url.href), state);
    const response2 = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), params, `${app}/app.html`, verifier, insecure);
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response2, { expectedNonce: nonce, requireIdToken: true });
    await oauth.validateApplicationLevelSignature(as, response2, insecure);
    ok(tokens.scope.includes("patient/Patient.read") && !tokens.scope.includes(".rs"), "v1 asked, v1 granted");
  }
}

try {
  for (const test of [standalone, withoutScript, wrongTurns, ehrLaunch, claimedRelationship, openidClient, oauth4web, withProvider, withMock, termsOfUse]) {
    await test();
    console.log(`ok  ${test.name}`);
  }
  console.log(`${checks} checks passed`);
} finally {
  await browser.close();
  server.close();
  provider.close();
}
