"""One token by one of Python's libraries, configured as its users do it: for table.py.

    python python_token.py LIBRARY FLOW    prints the token
"""
import os
import sys

LIBRARY, FLOW = sys.argv[1:]
RESOURCE = "https://hib.azurehdinsight.net"
SCOPE = RESOURCE + "/.default"
MANAGED = FLOW in ("IMDS", "App Service", "Azure Arc")


def azure_identity():
    from azure.identity import EnvironmentCredential, ManagedIdentityCredential, WorkloadIdentityCredential
    # What the environment does not say is the one switch: not to ask login.microsoftonline.com about the authority.
    if MANAGED:
        credential = ManagedIdentityCredential()
    elif FLOW == "workload identity":
        credential = WorkloadIdentityCredential(disable_instance_discovery=True)
    else:
        credential = EnvironmentCredential(disable_instance_discovery=True)
    return credential.get_token(SCOPE).token


def msal():
    import requests
    from msal import ConfidentialClientApplication, ManagedIdentityClient, SystemAssignedManagedIdentity
    if MANAGED:
        client = ManagedIdentityClient(SystemAssignedManagedIdentity(), http_client=requests.Session())
        answer = client.acquire_token_for_client(resource=RESOURCE)
    else:
        credential = os.environ.get("AZURE_CLIENT_SECRET")
        if FLOW == "certificate":
            with open(os.environ["AZURE_CLIENT_CERTIFICATE_PATH"], encoding="ascii") as file:
                pem = file.read()
            credential = {"private_key": pem, "public_certificate": pem}
        elif FLOW == "workload identity":
            with open(os.environ["AZURE_FEDERATED_TOKEN_FILE"], encoding="ascii") as file:
                credential = {"client_assertion": file.read()}
        client = ConfidentialClientApplication(
            os.environ["AZURE_CLIENT_ID"], client_credential=credential, instance_discovery=False,
            authority=f"{os.environ['AZURE_AUTHORITY_HOST']}/{os.environ['AZURE_TENANT_ID']}")
        answer = client.acquire_token_for_client([SCOPE])
    if "access_token" not in answer:
        raise RuntimeError(answer)
    return answer["access_token"]


try:
    print({"azure-identity": azure_identity, "msal": msal}[LIBRARY]())
except Exception as failure:  # whatever it is, the table has it
    sys.exit(str(failure))
