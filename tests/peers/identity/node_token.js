// One token by one of Node's libraries, configured as its users do it: for table.py.
//
//   node node_token.js LIBRARY FLOW    prints the token; NODE_PATH leads to the libraries
"use strict";
const { readFileSync } = require("node:fs");
const { X509Certificate } = require("node:crypto");

const [library, flow] = process.argv.slice(2);
const { env } = process;
const resource = "https://hib.azurehdinsight.net";
const scope = `${resource}/.default`;
const managed = ["IMDS", "App Service", "Azure Arc"].includes(flow);

// What the environment does not say is the one switch: not to ask login.microsoftonline.com about the authority.
async function azureIdentity() {
    const { EnvironmentCredential, ManagedIdentityCredential, WorkloadIdentityCredential } =
        require("@azure/identity");
    const elsewhere = { disableInstanceDiscovery: true };
    let credential = new EnvironmentCredential(elsewhere);
    if (flow === "workload identity")
        credential = new WorkloadIdentityCredential(elsewhere);
    if (managed)
        credential = new ManagedIdentityCredential();
    return (await credential.getToken(scope)).token;
}

async function msalNode() {
    const { ConfidentialClientApplication, ManagedIdentityApplication } = require("@azure/msal-node");
    if (managed)
        return (await new ManagedIdentityApplication().acquireToken({ resource })).accessToken;
    const auth = {
        clientId: env.AZURE_CLIENT_ID,
        authority: `${env.AZURE_AUTHORITY_HOST}/${env.AZURE_TENANT_ID}`,
        knownAuthorities: [new URL(env.AZURE_AUTHORITY_HOST).host],
    };
    if (flow === "certificate") {
        const pem = readFileSync(env.AZURE_CLIENT_CERTIFICATE_PATH, "utf8");
        const thumbprintSha256 = new X509Certificate(pem).fingerprint256.replaceAll(":", "");
        auth.clientCertificate = { privateKey: pem, thumbprintSha256 };
    } else if (flow === "workload identity") {
        auth.clientAssertion = readFileSync(env.AZURE_FEDERATED_TOKEN_FILE, "utf8");
    } else {
        auth.clientSecret = env.AZURE_CLIENT_SECRET;
    }
    const app = new ConfidentialClientApplication({ auth });
    return (await app.acquireTokenByClientCredential({ scopes: [scope] })).accessToken;
}

const libraries = { "@azure/identity": azureIdentity, "@azure/msal-node": msalNode };
libraries[library]().then(
    (token) => console.log(token),
    (failure) => {
        console.error(String(failure.message));
        process.exitCode = 1;
    });
