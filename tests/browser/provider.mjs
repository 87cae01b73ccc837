// A real OpenID provider (npm oidc-provider, a certified one) on loopback: what CIS2 or Keycloak is to a gateway in earnest.
// It has the claims of CIS2, and tells them at its userinfo endpoint as CIS2 does.
import Provider from "oidc-provider";

export const issuer = "http://127.0.0.1:9320";
const tells = (username, role) => ({
  preferred_username: username, selected_roleid: role,
  nhsid_nrbac_roles: [{ person_roleid: role, org_code: "Z9O01" }],
});
// Role profiles as the sandbox's users.toml has them; the last one is nobody's.
const people = {
  clinician: tells("clinician", "990000100001"),
  "clinician-in-another-role": tells("clinician", "1"),
  stranger: tells("stranger", "990000100001"),
};

export function start(gateway) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "openmig", client_secret: "browser-test-secret",
      redirect_uris: [`${gateway}/fhir/r4/authorize/callback/oidc-provider`],
    }],
    claims: { openid: ["sub"], nhsperson: ["preferred_username"], selectedrole: ["selected_roleid", "nhsid_nrbac_roles"] },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    cookies: { keys: ["browser-test"] },
    ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
  });
  return provider.listen(9320, "127.0.0.1");
}
