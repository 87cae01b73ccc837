FHIR.oauth2.authorize({ clientId: "sandbox-spa", redirectUri: "app.html", pkceMode: "required", scope: "openid fhirUser launch offline_access patient/*.rs" });
