// Whom a managed identity's token is asked of, with what request, and when again: every decision without I/O.
#include <hdikafka/detail/identity/managed_identity_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;
using hk::milliseconds;
using std::string;
using std::string_view;

namespace {

using texts = std::map<string, string>;

/// The variables as if the environment had been these.
identity_variables from(texts set)
{
    identity_variables out;
    out.identity_endpoint = set["IDENTITY_ENDPOINT"];
    out.identity_header = secret(string(set["IDENTITY_HEADER"]));
    out.server_thumbprint = set["IDENTITY_SERVER_THUMBPRINT"];
    out.imds_endpoint = set["IMDS_ENDPOINT"];
    out.msi_endpoint = set["MSI_ENDPOINT"];
    out.imds_authority = set["AZURE_POD_IDENTITY_AUTHORITY_HOST"];
    return out;
}

string const local = "http://127.0.0.1:41741/msi/token";
string const legacy = "http://127.0.0.1:41741/MSI/token/";
texts const in_app_service{{"IDENTITY_ENDPOINT", local}, {"IDENTITY_HEADER", "header-secret"}};
texts const under_arc{{"IDENTITY_ENDPOINT", local}, {"IMDS_ENDPOINT", "http://localhost:40342"}};

texts with(texts some, texts const& more)
{
    some.insert(more.begin(), more.end());
    return some;
}

managed_identity_settings named(string client_id, string object_id = "", string resource_id = "")
{
    managed_identity_settings out;
    out.client_id = std::move(client_id);
    out.object_id = std::move(object_id);
    out.resource_id = std::move(resource_id);
    return out;
}

managed_identity_settings scoped(string scope)
{
    managed_identity_settings out;
    out.scope = std::move(scope);
    return out;
}

/// Where the token is asked for, as a URL without its scheme.
string target(managed_identity_settings const& settings, texts const& environment)
{
    auto const plan = plan_identity(settings, from(environment));
    REQUIRE(plan);
    return plan.value().endpoint.host_field() + plan.value().endpoint.path;
}

hk::error refusal(managed_identity_settings const& settings, texts const& environment)
{
    auto const plan = plan_identity(settings, from(environment));
    REQUIRE_FALSE(plan);
    return plan.error();
}

string const resource_id = "/subscriptions/1/resourceGroups/my(rg)/providers/id";
string const encoded_id = "%2Fsubscriptions%2F1%2FresourceGroups%2Fmy%28rg%29%2Fproviders%2Fid";
string const service = "resource=https%3A%2F%2Fhib.azurehdinsight.net";

/// An answer with that status.
hk::error answered(int status, std::optional<milliseconds> retry_after = std::nullopt)
{
    hk::diagnostics info;
    info.http_status = status;
    info.retry_after = retry_after;
    return hk::error(hk::errc::service_failed, info);
}

constexpr milliseconds for_ever = milliseconds::max();

/// The pauses before each further attempt, when every attempt ends like this.
std::vector<milliseconds> pauses(hk::error const& failure)
{
    std::vector<milliseconds> out;
    imds_retries retries;
    while (auto const pause = retries.next(failure, for_ever))
        out.push_back(*pause);
    return out;
}

using some_pauses = std::vector<milliseconds>;
some_pauses const no_pauses;
some_pauses const three_pauses{1s, 2s, 4s};
some_pauses const seven_pauses(7, 10s);

} // namespace

TEST_CASE("the environment chooses who is asked, as it does for Azure's own libraries")
{
    using enum identity_host;
    struct row
    {
        texts environment;
        std::optional<identity_host> host; ///< None: it is not supported.
    };
    texts const endpoint{{"IDENTITY_ENDPOINT", local}};
    texts const header{{"IDENTITY_HEADER", "header-secret"}};
    texts const thumbprint{{"IDENTITY_SERVER_THUMBPRINT", "ab12"}};
    texts const imds_endpoint{{"IMDS_ENDPOINT", "http://localhost:40342"}};
    texts const msi{{"MSI_ENDPOINT", legacy}};
    std::vector<row> const table{
        {{}, imds},
        {endpoint, imds},
        {header, imds},
        {imds_endpoint, imds},
        {thumbprint, imds},
        {with(header, imds_endpoint), imds},
        {with(endpoint, header), app_service},
        {with(with(endpoint, header), imds_endpoint), app_service},
        {with(with(endpoint, header), msi), app_service}, // App Service sets both
        {with(endpoint, imds_endpoint), arc},
        {with(with(endpoint, header), thumbprint), std::nullopt},
        {with(endpoint, thumbprint), std::nullopt},
        {with(with(endpoint, imds_endpoint), thumbprint), std::nullopt},
        {msi, std::nullopt},
        {with(msi, endpoint), std::nullopt},
        {with(msi, under_arc), std::nullopt},
    };
    for (row const& one : table) {
        CAPTURE(&one - table.data());
        auto const host = choose_identity_host(from(one.environment));
        CHECK(bool(host) == one.host.has_value());
        if (host && one.host)
            CHECK(host.value() == *one.host);
        if (!host)
            CHECK(host.error().code() == hk::errc::no_credential);
    }
}

TEST_CASE("a host that is not supported is told by its variable, and never sees another's secret")
{
    string const fabric = refusal({}, with(in_app_service, {{"IDENTITY_SERVER_THUMBPRINT", "ab12"}})).what();
    CHECK(fabric.find("Service Fabric") != string::npos);
    CHECK(fabric.find("IDENTITY_SERVER_THUMBPRINT") != string::npos);
    string const shell = refusal({}, {{"MSI_ENDPOINT", legacy}}).what();
    CHECK(shell.find("Cloud Shell") != string::npos);
    CHECK(shell.find("MSI_ENDPOINT") != string::npos);
    for (texts const& other : {under_arc, texts()}) {
        auto const plan = plan_identity({}, from(other));
        REQUIRE(plan);
        CHECK(plan.value().field == "Metadata");
        CHECK(plan.value().value.text() == "true");
        CHECK(plan.value().secrets().empty());
    }
    auto const plan = plan_identity({}, from(in_app_service));
    REQUIRE(plan);
    CHECK(plan.value().field == "X-IDENTITY-HEADER");
    CHECK(plan.value().value.text() == "header-secret");
    CHECK(plan.value().secrets() == std::vector<string>(1, "header-secret"));
}

TEST_CASE("each host is asked at its own URL, and calls a user-assigned identity by its own names")
{
    string const web = "127.0.0.1:41741/msi/token?api-version=2019-08-01&" + service;
    CHECK(target({}, in_app_service) == web);
    CHECK(target(named("c-1"), in_app_service) == web + "&client_id=c-1");
    CHECK(target(named("", "o-1"), in_app_service) == web + "&object_id=o-1");
    CHECK(target(named("", "", resource_id), in_app_service) == web + "&mi_res_id=" + encoded_id);
    CHECK(target({}, under_arc) == "127.0.0.1:41741/msi/token?api-version=2019-11-01&" + service);
    string const machine = "/metadata/identity/oauth2/token?api-version=2018-02-01&" + service;
    CHECK(target({}, {}) == "169.254.169.254" + machine);
    CHECK(target(named("c-1"), {}) == "169.254.169.254" + machine + "&client_id=c-1");
    CHECK(target(named("", "o-1"), {}) == "169.254.169.254" + machine + "&object_id=o-1");
    CHECK(target(named("", "", resource_id), {}) ==
          "169.254.169.254" + machine + "&msi_res_id=" + encoded_id);
    CHECK(target(scoped("api://a b&c/.default"), {}).ends_with("&resource=api%3A%2F%2Fa%20b%26c"));
    CHECK(target(scoped("https://x//.default"), {}).ends_with("&resource=https%3A%2F%2Fx%2F"));
}

TEST_CASE("IMDS may be at another authority, and keeps its path there")
{
    string const path = "/metadata/identity/oauth2/token?api-version=2018-02-01&" + service;
    for (string const host :
         {"http://127.0.0.1:81", "http://127.0.0.1:81/", "http://127.0.0.1:81/else?x=1"}) {
        CAPTURE(host);
        CHECK(target({}, {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", host}}) == "127.0.0.1:81" + path);
    }
    texts const elsewhere{{"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:81"}};
    CHECK(target({}, with(in_app_service, elsewhere)).starts_with("127.0.0.1:41741/"));
    auto const plan = plan_identity({}, from(elsewhere));
    REQUIRE(plan);
    url const probe = imds_probe(plan.value());
    CHECK(probe.host_field() + probe.path == "127.0.0.1:81/metadata/identity/oauth2/token");
}

TEST_CASE("an endpoint that has a query keeps it")
{
    CHECK(target({}, with({{"IDENTITY_ENDPOINT", local + "?a=b"}}, in_app_service)) ==
          "127.0.0.1:41741/msi/token?a=b&api-version=2019-08-01&" + service);
}

TEST_CASE("what no endpoint can be asked for is refused")
{
    std::vector<managed_identity_settings> wrong{named("c", "o"),
                                                 named("c", "", "r"),
                                                 named("", "o", "r"),
                                                 named("c", "o", "r"),
                                                 named("c\r\nX: 1"),
                                                 named("", "o\n"),
                                                 named("", "", "r\t "),
                                                 named(string(1, '\0')),
                                                 scoped("/.default"),
                                                 scoped("https://x"),
                                                 scoped(""),
                                                 scoped("https://x/.default "),
                                                 scoped("a\n/.default"),
                                                 scoped("https://x/user")};
    for (auto const& settings : wrong)
        for (texts const& environment : {in_app_service, under_arc, texts()}) {
            CAPTURE(&settings - wrong.data());
            CHECK(refusal(settings, environment).code() == hk::errc::invalid_option);
        }
    for (auto const& settings : {named("c"), named("", "o"), named("", "", "r")}) {
        hk::error const failure = refusal(settings, under_arc);
        CHECK(failure.code() == hk::errc::invalid_option);
        CHECK(string_view(failure.what()).find("Azure Arc") != string_view::npos);
    }
    CHECK(refusal({}, with({{"IDENTITY_HEADER", "a\r\nb"}}, in_app_service)).code() ==
          hk::errc::invalid_option);
}

TEST_CASE("an endpoint that is no URL is told by its variable, without what stands there")
{
    for (string const bad : {"http://user:passw0rd@127.0.0.1/", "127.0.0.1:80", "ftp://passw0rd/", "http://",
                             "http://127.0.0.1/passw0rd#x"}) {
        CAPTURE(bad);
        hk::error const web = refusal({}, with({{"IDENTITY_ENDPOINT", bad}}, in_app_service));
        hk::error const machine = refusal({}, {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", bad}});
        CHECK(web.code() == hk::errc::invalid_endpoint);
        CHECK(machine.code() == hk::errc::invalid_endpoint);
        CHECK(string(web.what()).find("IDENTITY_ENDPOINT") != string::npos);
        CHECK(string(machine.what()).find("AZURE_POD_IDENTITY_AUTHORITY_HOST") != string::npos);
        for (string const what : {web.what(), machine.what()})
            CHECK(what.find("passw0rd") == string::npos);
    }
}

TEST_CASE("each variable is read from the environment")
{
    std::vector<string> const names{
        "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT",
        "IMDS_ENDPOINT",     "MSI_ENDPOINT",    "AZURE_POD_IDENTITY_AUTHORITY_HOST"};
    // NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread here
    for (string const& name : names)
        REQUIRE(setenv(name.c_str(), ("value of " + name).c_str(), 1) == 0);
    identity_variables const found = identity_environment();
    for (string const& name : names)
        REQUIRE(unsetenv(name.c_str()) == 0);
    // NOLINTEND(concurrency-mt-unsafe)
    CHECK(found.identity_endpoint == "value of IDENTITY_ENDPOINT");
    CHECK(found.identity_header.text() == "value of IDENTITY_HEADER");
    CHECK(found.server_thumbprint == "value of IDENTITY_SERVER_THUMBPRINT");
    CHECK(found.imds_endpoint == "value of IMDS_ENDPOINT");
    CHECK(found.msi_endpoint == "value of MSI_ENDPOINT");
    CHECK(found.imds_authority == "value of AZURE_POD_IDENTITY_AUTHORITY_HOST");
    identity_variables const none = identity_environment();
    CHECK((none.identity_endpoint + none.identity_header.text() + none.server_thumbprint +
           none.imds_endpoint + none.msi_endpoint + none.imds_authority)
              .empty());
}

TEST_CASE("IMDS is asked again three times after 1, 2 and 4 s, after 410 seven times every 10 s")
{
    for (int const status : {404, 408, 429, 500, 501, 502, 503, 504, 505, 599}) {
        CAPTURE(status);
        CHECK(pauses(answered(status)) == three_pauses);
        CHECK(imds_retries::passes(status));
    }
    CHECK(pauses(answered(410)) == seven_pauses);
    CHECK(imds_retries::passes(410));
    for (int const status : {301, 400, 401, 403, 405, 409, 411, 418, 600}) {
        CAPTURE(status);
        CHECK(pauses(answered(status)) == no_pauses);
        CHECK_FALSE(imds_retries::passes(status));
    }
    using enum hk::errc;
    for (hk::errc const code :
         {connect_timeout, idle_timeout, resolve_failed, connect_failed, connection_lost, truncated}) {
        CAPTURE(static_cast<int>(code));
        CHECK(pauses(hk::error(code)) == three_pauses);
    }
    for (hk::errc const code : {timed_out, closed, bad_status_line, body_too_large, certificate_refused,
                                no_credential, invalid_token_response}) {
        CAPTURE(static_cast<int>(code));
        CHECK(pauses(hk::error(code)) == no_pauses);
    }
    CHECK(pauses(hk::error(std::make_error_code(std::errc::operation_canceled))) == no_pauses);
}

TEST_CASE("the two kinds of retries are counted apart")
{
    imds_retries retries;
    for (milliseconds const pause : three_pauses) {
        CHECK(retries.next(answered(410), for_ever) == 10s);
        CHECK(retries.next(answered(404), for_ever) == pause);
    }
    CHECK_FALSE(retries.next(hk::error(hk::errc::connection_lost), for_ever));
    for (int i = 3; i != 7; ++i)
        CHECK(retries.next(answered(410), for_ever) == 10s);
    CHECK_FALSE(retries.next(answered(410), for_ever));
}

TEST_CASE("IMDS may ask for longer pauses, never for shorter ones, and not beyond the deadline")
{
    CHECK(pauses(answered(429, 3s)) == some_pauses{3s, 3s, 4s});
    CHECK(pauses(answered(503, 0s)) == three_pauses);
    CHECK(pauses(answered(410, 30s)) == some_pauses(7, 30s));
    CHECK(imds_retries().next(answered(503), 1001ms) == 1s);
    CHECK_FALSE(imds_retries().next(answered(503), 1s));
    CHECK_FALSE(imds_retries().next(answered(429, 24h), 120s));
    CHECK_FALSE(imds_retries().next(answered(410), 10s));
}

TEST_CASE("a refusal that names a missing identity is told from every other")
{
    using enum identity_host;
    for (string_view const text :
         {"Identity not found", "identity not found",
          "No User Assigned or Delegated Managed Identity found for specified "
          "ClientId/ResourceId/PrincipalId.",
          "No Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
          "No MSI found for specified ClientId/ResourceId.", "Unable to load the proper Managed Identity.",
          "The requested identity has not been assigned to this resource."})
        for (identity_host const host : {app_service, arc, imds}) {
            CAPTURE(text);
            CHECK(lacks_identity(host, 400, text));
            for (int const status : {401, 403, 404, 500})
                CHECK_FALSE(lacks_identity(host, status, text));
        }
    for (string_view const text :
         {"", "Bad Request", "Required metadata header not specified",
          "Required query variable 'resource' is missing",
          "AADSTS500011: The resource principal named https://x was not found in the tenant named y."})
        CHECK_FALSE(lacks_identity(imds, 400, text));
    // Docker Desktop, on a machine that is not in Azure.
    string_view const docker = "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp "
                               "169.254.169.254:80: connectex: A socket operation was attempted to an "
                               "unreachable network.";
    CHECK(lacks_identity(imds, 403, docker));
    CHECK_FALSE(lacks_identity(app_service, 403, docker));
    CHECK_FALSE(lacks_identity(imds, 403, "Forbidden"));
}

TEST_CASE("nothing was reached when there was no address, no connection, or no end to it")
{
    using enum hk::errc;
    for (hk::errc const code : {connect_failed, connect_timeout, resolve_failed})
        CHECK(unreachable(code));
    for (hk::errc const code : {idle_timeout, connection_lost, timed_out, closed, bad_status_line})
        CHECK_FALSE(unreachable(code));
}

TEST_CASE("the key of Azure Arc is a .key file right in its folder, by no detour")
{
    string const folder = "/var/opt/azcmagent/tokens";
    for (string const good : {"/a.key", "/b3cdfe2e-0000-4a01-8d5f-6a8ab0c3e0f1.key", "/a..key", "/..key"}) {
        CAPTURE(good);
        CHECK(is_arc_key_path(folder + good, folder));
    }
    for (string const bad : {"", "/", "/.key", "/a.key/", "/a.pem", "/a.KEY", "/a.key.txt", "/../a.key",
                             "/../tokens/a.key", "/./a.key", "//a.key", "/sub/a.key", "/..", "2/a.key",
                             "evil.key", "a.key", "/a.key\n", "/a\n.key"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_arc_key_path(folder + bad, folder));
    }
    CHECK_FALSE(is_arc_key_path(folder + string("/a\0b.key", 8), folder));
    for (string const bad : {"", "a.key", "/etc/shadow", "/etc/a.key", "/var/opt/azcmagent/a.key",
                             "/VAR/opt/azcmagent/tokens/a.key", "var/opt/azcmagent/tokens/a.key",
                             "/var/../var/opt/azcmagent/tokens/a.key", "//var/opt/azcmagent/tokens/a.key"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_arc_key_path(bad, folder));
    }
}

TEST_CASE("events and errors name who was asked")
{
    CHECK(string(source_name(identity_host::app_service)) == "managed identity (App Service)");
    CHECK(string(source_name(identity_host::arc)) == "managed identity (Azure Arc)");
    CHECK(string(source_name(identity_host::imds)) == "managed identity (IMDS)");
}
