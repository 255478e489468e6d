// Which credential default_credential chooses, by what the environment says: the same as the
// DefaultAzureCredential of Azure's own libraries, but for what a row's comment says.
#include "support/identity/azure_site.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/base/base64.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

using namespace test;
using hk::errc;
using std::string;

namespace {

// What is said of those that are not there.
string const no_environment = "environment: not set: ";
string const no_workload = "workload identity: not set: ";
string const no_imds = "managed identity: there is no instance metadata service: ";
string const no_az = "Azure CLI: the Azure CLI is not installed";

} // namespace

TEST_CASE("a service principal of the environment comes first")
{
    azure const where;
    variables const ids{{"AZURE_TENANT_ID", "emulator-tenant"}, {"AZURE_CLIENT_ID", "emulator-client"}};
    auto const with = [&ids](variables more) {
        more.insert(ids.begin(), ids.end());
        return more;
    };
    variables const secret = with({{"AZURE_CLIENT_SECRET", "emulator-secret"}});
    auto const also = [](variables first, variables const& second) {
        first.insert(second.begin(), second.end());
        return first;
    };
    variables const az{{"PATH", where.with_az}};
    variables const certificate{{"AZURE_CLIENT_CERTIFICATE_PATH", where.certificate}};
    variables const app_service{{"IDENTITY_ENDPOINT", where.url() + "/msi/token"},
                                {"IDENTITY_HEADER", "emulator-identity-header"}};
    variables const workload = with({{"AZURE_FEDERATED_TOKEN_FILE", where.federated_token}});
    check_rows(where,
               {
                   {"a secret", secret, "environment: client secret", {}},
                   {"a certificate", with(certificate), "environment: client certificate", {}},
                   {"both", also(secret, certificate), "environment: client secret", {}},
                   {"a secret, on App Service", also(secret, app_service), "environment: client secret", {}},
                   {"a secret, on Kubernetes", also(secret, workload), "environment: client secret", {}},
                   {"a secret, on a developer's machine", also(secret, az), "environment: client secret", {}},
                   // Who set these variables means them: nobody else is asked in their place.
                   {"a wrong secret, on a developer's machine",
                    also(with({{"AZURE_CLIENT_SECRET", "wrong"}}), az),
                    "environment: client secret, which fails",
                    {}},
                   // Azure's library for Go passes such a certificate over; those for JavaScript, Python and
                   // .NET do not.
                   {"a missing certificate, on a developer's machine",
                    also(with({{"AZURE_CLIENT_CERTIFICATE_PATH", where.folder.path("missing.pem")}}), az),
                    "environment: client certificate, which fails",
                    {}},
               });
}

TEST_CASE("variables that name no whole service principal are passed over, with what is missing")
{
    azure const where;
    string const az = where.with_az;
    check_rows(
        where,
        {
            {"nothing",
             {},
             "none",
             {no_environment + "AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or "
                               "AZURE_CLIENT_CERTIFICATE_PATH; ",
              no_workload + "AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE; ", no_imds,
              no_az}},
            {"a developer's machine", {{"PATH", az}}, "Azure CLI", {no_environment, no_workload, no_imds}},
            {"tenant and client only",
             {{"AZURE_TENANT_ID", "emulator-tenant"}, {"AZURE_CLIENT_ID", "emulator-client"}, {"PATH", az}},
             "Azure CLI",
             {no_environment + "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH; ",
              no_workload + "AZURE_FEDERATED_TOKEN_FILE; "}},
            {"a secret without a tenant",
             {{"AZURE_CLIENT_ID", "emulator-client"},
              {"AZURE_CLIENT_SECRET", "emulator-secret"},
              {"PATH", az}},
             "Azure CLI",
             {no_environment + "AZURE_TENANT_ID; "}},
            {"a certificate without a client, and an empty secret",
             {{"AZURE_TENANT_ID", "emulator-tenant"},
              {"AZURE_CLIENT_SECRET", ""},
              {"AZURE_CLIENT_CERTIFICATE_PATH", where.certificate},
              {"PATH", az}},
             "Azure CLI",
             {no_environment + "AZURE_CLIENT_ID; "}},
            // Azure's libraries sign the user in, which is deprecated and fails where two factors are wanted.
            {"a user name and a password",
             {{"AZURE_TENANT_ID", "emulator-tenant"},
              {"AZURE_CLIENT_ID", "emulator-client"},
              {"AZURE_USERNAME", "user@example"},
              {"AZURE_PASSWORD", "secret"},
              {"PATH", az}},
             "Azure CLI",
             {no_environment + "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH; "}},
        });
}

TEST_CASE("then the workload identity of Kubernetes")
{
    azure const where;
    variables const pod{{"AZURE_TENANT_ID", "emulator-tenant"},
                        {"AZURE_CLIENT_ID", "emulator-client"},
                        {"AZURE_FEDERATED_TOKEN_FILE", where.federated_token}};
    auto const but = [&pod](char const* name, string const& value) {
        variables out = pod;
        out[name] = value;
        return out;
    };
    check_rows(
        where,
        {
            {"a pod",
             pod,
             "workload identity",
             {no_environment + "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"}},
            {"a pod on a machine with a managed identity",
             but("AZURE_POD_IDENTITY_AUTHORITY_HOST", where.url()),
             "workload identity",
             {}},
            // Azure's library for JavaScript goes on to the next here, the others do not.
            {"a pod whose token is missing",
             but("AZURE_FEDERATED_TOKEN_FILE", where.folder.path("missing")),
             "workload identity, which fails",
             {no_environment}},
            // In Azure's library for Python it needs AZURE_AUTHORITY_HOST, too, which the webhook sets.
            {"a pod without an authority",
             but("AZURE_AUTHORITY_HOST", "http://wrong"),
             "workload identity, which fails",
             {no_environment}},
            {"a pod without a client",
             but("AZURE_CLIENT_ID", ""),
             "none",
             {no_environment + "AZURE_CLIENT_ID, ", no_workload + "AZURE_CLIENT_ID; ", no_imds, no_az}},
        });
}

TEST_CASE("then the machine's managed identity, the one that AZURE_CLIENT_ID names if it is set")
{
    azure const where;
    string const az = where.with_az;
    variables const app_service{{"IDENTITY_ENDPOINT", where.url() + "/msi/token"},
                                {"IDENTITY_HEADER", "emulator-identity-header"}};
    variables const machine{{"AZURE_POD_IDENTITY_AUTHORITY_HOST", where.url()}};
    auto const with = [](variables first, variables const& second) {
        first.insert(second.begin(), second.end());
        return first;
    };
    check_rows(
        where,
        {
            {"App Service", app_service, "managed identity (App Service)", {no_environment, no_workload}},
            {"App Service, a user-assigned identity",
             with(app_service, {{"AZURE_CLIENT_ID", "assigned-client"}}),
             "managed identity (App Service)",
             {no_environment + "AZURE_TENANT_ID, AZURE_CLIENT_SECRET"}},
            {"App Service, an identity that it has not, on a developer's machine",
             with(app_service, {{"AZURE_CLIENT_ID", "unknown-client"}, {"PATH", az}}),
             "Azure CLI",
             {"; managed identity (App Service): "}},
            {"App Service, on a developer's machine",
             with(app_service, {{"PATH", az}}),
             "managed identity (App Service)",
             {}},
            // Azure's library for JavaScript goes on to the next whatever a managed identity's endpoint says.
            {"App Service, with a wrong header",
             with({{"IDENTITY_HEADER", "wrong"}}, app_service),
             "managed identity (App Service), which fails",
             {}},
            {"a virtual machine", machine, "managed identity (IMDS)", {no_environment, no_workload}},
            {"a virtual machine, a user-assigned identity",
             with(machine, {{"AZURE_CLIENT_ID", "assigned-client"}}),
             "managed identity (IMDS)",
             {}},
            {"a virtual machine without such an identity",
             with(machine, {{"AZURE_CLIENT_ID", "unknown-client"}}),
             "none",
             {"; managed identity (IMDS): ", no_az}},
            // Azure's libraries ask these two, too.
            {"Service Fabric, on a developer's machine",
             with(app_service, {{"IDENTITY_SERVER_THUMBPRINT", "00"}, {"PATH", az}}),
             "Azure CLI",
             {"; managed identity: Service Fabric"}},
            {"Cloud Shell",
             {{"MSI_ENDPOINT", where.url()}, {"PATH", az}},
             "Azure CLI",
             {"; managed identity: the endpoint of Cloud Shell"}},
        });
    // The identity that was asked for.
    std::vector<string> ids;
    for (auto const& call : where.service.emulator.calls()) {
        auto const at = call.target.find("client_id=");
        if (at != string::npos)
            ids.push_back(call.target.substr(at + 10));
    }
    CHECK(ids ==
          std::vector<string>{"assigned-client", "unknown-client", "assigned-client", "unknown-client"});
}

TEST_CASE("AZURE_TOKEN_CREDENTIALS narrows them")
{
    azure const where("emulator-client");
    variables const all{{"AZURE_TENANT_ID", "emulator-tenant"},
                        {"AZURE_CLIENT_ID", "emulator-client"}, // which is assigned to the machine, too
                        {"AZURE_CLIENT_SECRET", "emulator-secret"},
                        {"AZURE_FEDERATED_TOKEN_FILE", where.federated_token},
                        {"AZURE_POD_IDENTITY_AUTHORITY_HOST", where.url()},
                        {"PATH", where.with_az}};
    auto const with = [](variables out, string const& value) {
        out["AZURE_TOKEN_CREDENTIALS"] = value;
        return out;
    };
    variables const developer{{"PATH", where.with_az}};
    auto const chosen_of_all = [&](string const& value, string const& chosen) {
        return row{"everything at once", with(all, value), chosen, {}};
    };
    string const no_choice = "an option is not valid";
    check_rows(where, {
                          chosen_of_all("prod", "environment: client secret"),
                          chosen_of_all("dev", "Azure CLI"),
                          chosen_of_all("Dev", "Azure CLI"), // Azure's library for Go insists on "dev"
                          chosen_of_all("EnvironmentCredential", "environment: client secret"),
                          chosen_of_all("environmentcredential", "environment: client secret"),
                          chosen_of_all("WorkloadIdentityCredential", "workload identity"),
                          chosen_of_all("ManagedIdentityCredential", "managed identity (IMDS)"),
                          chosen_of_all("AzureCliCredential", "Azure CLI"),
                          chosen_of_all("AzureCLICredential", "Azure CLI"), // as it is called in Go
                          chosen_of_all(" prod\t\n", "environment: client secret"),
                          chosen_of_all(" \n", "environment: client secret"),
                          chosen_of_all("PROD", "environment: client secret"),
                          chosen_of_all("MANAGEDIDENTITYCREDENTIAL", "managed identity (IMDS)"),
                          chosen_of_all("", "environment: client secret"),
                          // Azure's libraries know these two.
                          chosen_of_all("AzurePowerShellCredential", no_choice),
                          chosen_of_all("AzureDeveloperCliCredential", no_choice),
                          chosen_of_all("production", no_choice),
                          {"a developer's machine",
                           with(developer, "prod"),
                           "none",
                           {no_environment, no_workload, no_imds}},
                          {"nothing", with({}, "dev"), "none", {no_az}},
                          {"nothing", with({}, "EnvironmentCredential"), "none", {no_environment}},
                      });
    for (string const name :
         {"AzurePowerShellCredential", "visualstudiocodecredential", "VisualStudioCredential",
          "AzureDeveloperCliCredential", "InteractiveBrowserCredential", "BrokerCredential"}) {
        surroundings const set(where, with(all, name));
        CHECK(
            ask(where).cause() ==
            "AZURE_TOKEN_CREDENTIALS is '" + name +
                "', which is known, but not supported here; supported are: prod, dev, EnvironmentCredential, "
                "WorkloadIdentityCredential, ManagedIdentityCredential, AzureCliCredential");
    }
    surroundings const set(where, with(all, "production"));
    CHECK(ask(where).cause() ==
          "AZURE_TOKEN_CREDENTIALS is 'production', which is none of: prod, dev, EnvironmentCredential, "
          "WorkloadIdentityCredential, ManagedIdentityCredential, AzureCliCredential");
}

TEST_CASE("an identity that is alone is not looked for first: it is asked with all the patience it may need")
{
    azure where;
    auto const requests = [&where](hk::default_credential who) {
        where.service.emulator.forget_calls();
        CHECK(ask(where, std::move(who)).good());
        return where.service.emulator.request_count(hk::emulator_route::imds);
    };
    variables machine{{"AZURE_POD_IDENTITY_AUTHORITY_HOST", where.url()}};
    {
        surroundings const set(where, machine);
        CHECK(requests(hk::default_credential()) == 2);
    }
    machine["AZURE_TOKEN_CREDENTIALS"] = "ManagedIdentityCredential";
    surroundings const set(where, machine);
    CHECK(requests(hk::default_credential()) == 1);
    // As part of a chain it is one of several all the same.
    source_bench bench(trusting(where));
    where.service.emulator.forget_calls();
    auto const chain = hk::chained_credential(hk::default_credential(), hk::azure_cli_credential());
    CHECK(bench.ask(hk::chained_credential(chain).make_source()).good());
    CHECK(where.service.emulator.request_count(hk::emulator_route::imds) == 2);
}

TEST_CASE("the environment is looked at when the first token is needed, and the choice is kept")
{
    azure const where;
    source_bench bench(trusting(where));
    auto const source = hk::default_credential().make_source();
    {
        surroundings const set(where, {{"AZURE_TOKEN_CREDENTIALS", "wrong"}});
        CHECK(bench.ask(source).code() == errc::invalid_option);
    }
    {
        surroundings const set(where, {{"PATH", where.with_az}});
        CHECK(bench.ask(source).grant.source == "Azure CLI");
    }
    surroundings const set(where, {{"AZURE_TENANT_ID", "emulator-tenant"},
                                   {"AZURE_CLIENT_ID", "emulator-client"},
                                   {"AZURE_CLIENT_SECRET", "emulator-secret"}});
    asked const out = bench.ask(source);
    CHECK(out.code() == errc::no_credential);
    CHECK(out.cause().starts_with("the Azure CLI is not installed"));
}

TEST_CASE("the options reach all of them: authority and scope")
{
    azure const where;
    surroundings const set(where, {{"AZURE_TENANT_ID", "emulator-tenant"},
                                   {"AZURE_CLIENT_ID", "emulator-client"},
                                   {"AZURE_CLIENT_SECRET", "emulator-secret"},
                                   {"AZURE_AUTHORITY_HOST", "https://nowhere.invalid"}});
    CHECK(
        ask(where, hk::default_credential().authority_host(where.service.emulator.authority_host())).good());
    asked const other = ask(where, hk::default_credential()
                                       .authority_host(where.service.emulator.authority_host())
                                       .scope("api://other/.default"));
    CHECK(other.code() == errc::token_refused);
    variable const no_secret("AZURE_CLIENT_SECRET", std::nullopt);
    variable const path("PATH", where.folder.path("other"));
    REQUIRE(::mkdir(where.folder.path("other").c_str(), 0700) == 0);
    string const az = where.folder.file("other/az", "#!/bin/sh\necho \"az login $*\" >&2; exit 1\n");
    REQUIRE(::chmod(az.c_str(), 0700) == 0);
    asked const last = ask(where, hk::default_credential().scope("api://other/.default"));
    CHECK(last.cause().ends_with("account get-access-token --output json --scope api://other/.default"));
}

TEST_CASE("the environment's certificate is sent with its chain when it says so")
{
    azure const where;
    auto const header = [&where](std::optional<string> const& said) {
        scripted_server const authority(
            script().serve(http(200, R"({"access_token":"token","expires_in":3599})")));
        surroundings const set(where, {{"AZURE_TENANT_ID", "tenant"},
                                       {"AZURE_CLIENT_ID", "client"},
                                       {"AZURE_CLIENT_CERTIFICATE_PATH", where.certificate},
                                       {"AZURE_AUTHORITY_HOST", authority.endpoint()}});
        variable const chain("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", said);
        hk::detail::transport_settings settings;
        settings.tls.ca_pem(authorities::get().trusted_pem());
        source_bench bench(settings);
        CHECK(bench.ask(hk::environment_credential().make_source()).good());
        string const body = authority.requests().at(0).body;
        string const name = "client_assertion=";
        auto const begin = body.find(name) + name.size();
        return hk::detail::base64_decode(body.substr(begin, body.find('.', begin) - begin),
                                         hk::detail::base64_form::url)
            .value_or("");
    };
    for (char const* const yes : {"1", "true", "True", "TRUE", " 1\n"})
        CHECK(header(yes).find("\"x5c\":[") != string::npos);
    for (char const* const no : {"", "0", "false", "yes", "11"})
        CHECK(header(no).find("\"x5c\"") == string::npos);
    CHECK(header(std::nullopt).starts_with("{\"alg\":\"PS256\""));
}

TEST_CASE("calls see which one was chosen, and why not the others")
{
    azure const where;
    surroundings const set(where, {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", where.url()}});
    std::vector<string> seen;
    auto const watcher = [&seen](hk::token_renewed const& event) {
        seen.push_back(string(event.source) + " | " + string(event.passed_over));
    };
    net::io_context io;
    hk::client const client(io.get_executor(), where.service.emulator.client_options()
                                                   .credential(hk::default_credential())
                                                   .observer(hk::observer(watcher)));
    CHECK(run(io, client.topics()).good());
    REQUIRE(seen.size() == 1);
    CHECK(has_in_order(seen[0], {"managed identity (IMDS) | " + no_environment, no_workload}));
}
