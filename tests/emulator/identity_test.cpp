// The emulator's authority: tokens, Entra's refusals, the documents by which it is found.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

namespace hk = hdikafka;
using test::field;
using test::service_fixture;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

std::string good_form()
{
    return "client_id=emulator-client&client_secret=emulator-secret&grant_type=client_credentials"
           "&scope=https://hib.azurehdinsight.net/.default";
}

/// The error of a token request: "status error AADSTS-code".
std::string refusal(hk::detail::emulation::emulator_answer const& answer)
{
    auto const cut = [&](std::string_view name, char end) {
        std::size_t const at = answer.body.find(name) + name.size();
        return answer.body.substr(at, answer.body.find(end, at) - at);
    };
    return std::to_string(answer.status) + " " + cut("\"error\":\"", '"') + " " +
           cut("\"error_codes\":[", ']');
}

/// What the token endpoint gave.
std::string token_of(hk::detail::emulation::emulator_answer const& answer)
{
    std::size_t const at = answer.body.find("access_token\":\"") + 15;
    return answer.body.substr(at, answer.body.size() - at - 2);
}

} // namespace

TEST_CASE("the token endpoint gives tokens that the REST calls accept, each another one")
{
    service_fixture f;
    auto const first = f.token_request(good_form());
    CHECK(first.status == 200);
    CHECK(first.body.starts_with("{\"token_type\":\"Bearer\",\"expires_in\":3599,\"ext_expires_in\":3599,"
                                 "\"access_token\":\""));
    auto const second =
        f.token_request(good_form() + "&client_info=1", "application/x-www-form-urlencoded; charset=utf-8",
                        "EMULATOR-tenant");
    CHECK(second.status == 200);
    CHECK(second.body != first.body);
    f.token = token_of(first);
    CHECK(f.get("/v1/metadata/topics").status == 200);
    CHECK(f.token_request("client%5Fid=emulator%2dclient&client_secret=emulator-secret&grant_type="
                          "client_credentials&scope=https%3A%2F%2Fhib.azurehdinsight.net%2F.default")
              .status == 200);
}

TEST_CASE("the token endpoint refuses in Entra's words")
{
    service_fixture f;
    auto const with = [&](std::string_view from, std::string_view to) {
        std::string form = good_form();
        form.replace(form.find(from), from.size(), to);
        return refusal(f.token_request(form));
    };
    CHECK(with("emulator-secret", "wrong") == "401 invalid_client 7000215");
    CHECK(with("client_secret=", "secret=") == "401 invalid_client 7000216");
    CHECK(with("emulator-client", "other") == "400 unauthorized_client 700016");
    CHECK(with("client_id=", "id=") == "400 invalid_request 900144");
    CHECK(with("client_credentials", "password") == "400 unsupported_grant_type 70003");
    CHECK(with("grant_type=", "type=") == "400 invalid_request 900144");
    CHECK(with("scope=", "resource=") == "400 invalid_request 900144");
    CHECK(with("hib.azurehdinsight.net", "management.azure.com") == "400 invalid_resource 500011");
    CHECK(with("/.default", "/user") == "400 invalid_scope 1002012");
    CHECK(with("&scope", "&grant_type=x&scope") == "400 invalid_request 9000411");
    CHECK(with("&scope", "&claims={}&claims={}&scope") == "400 invalid_request 9000411");
    for (std::string_view const claims : {"", "[]", "{", "null", "{}x", "%7b%22a%22%7d"})
        CHECK(with("&scope", "&claims=" + std::string(claims) + "&scope") == "400 invalid_request 9002313");
    CHECK(with("emulator-secret", "%4") == "400 invalid_request 9000410");
    CHECK(refusal(f.token_request(good_form(), "application/json")) == "400 invalid_request 900144");
    CHECK(refusal(f.token_request(good_form(), "application/x-www-form-urlencoded", "other")) ==
          "400 invalid_tenant 90002");

    auto const wrong = f.token_request("grant_type=x");
    CHECK(contains(wrong.body,
                   "\"error_description\":\"AADSTS70003: The app requested an unsupported grant type 'x'."));
    CHECK(contains(wrong.body, "\"timestamp\":\"2023-11-14 22:13:20Z\""));
    CHECK(contains(wrong.body, "\"correlation_id\":\"11111111-2222-3333-4444-555555555555\""));
    CHECK(!contains(f.token_request("grant_type=client_credentials&client_secret=hush").body, "hush"));
}

TEST_CASE("the discovery documents lead back to the host that the request named")
{
    service_fixture f;
    auto const config = f.get("/emulator-tenant/v2.0/.well-known/openid-configuration");
    CHECK(config.status == 200);
    CHECK(contains(config.body,
                   "\"token_endpoint\":\"https://localhost:9400/emulator-tenant/oauth2/v2.0/token\""));
    CHECK(contains(
        config.body,
        "\"authorization_endpoint\":\"https://localhost:9400/emulator-tenant/oauth2/v2.0/authorize\""));
    CHECK(f.get("/other/v2.0/.well-known/openid-configuration").status == 400);

    auto const instance =
        f.get("/common/discovery/instance?api-version=1.1&authorization_endpoint="
              "https%3A%2F%2Flocalhost%3A9400%2Femulator-tenant%2Foauth2%2Fv2.0%2Fauthorize");
    CHECK(instance.status == 200);
    CHECK(contains(instance.body,
                   "\"tenant_discovery_endpoint\":\"https://localhost:9400/emulator-tenant/v2.0/"
                   ".well-known/openid-configuration\""));
    CHECK(contains(instance.body, "\"aliases\":[\"localhost:9400\",\"localhost\"]"));
    for (std::string_view const query :
         {"", "?authorization_endpoint=http://a/b", "?authorization_endpoint=https://a",
          "?authorization_endpoint=https:///t"})
        CHECK(contains(f.get("/common/discovery/instance" + std::string(query)).body, "invalid_instance"));
}

TEST_CASE("a time to ask for the next token is in the answer only when there is one")
{
    service_fixture f(hk::emulator_options().token_refresh_in(std::chrono::seconds(1800)));
    CHECK(
        f.token_request(good_form())
            .body.starts_with(
                "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"ext_expires_in\":3599,\"refresh_in\":1800,"
                "\"access_token\":\""));
    service_fixture none;
    CHECK(!contains(none.token_request(good_form()).body, "refresh_in"));
}

TEST_CASE("REST calls are challenged for claims until the token was asked for with them")
{
    std::string const claims = R"({"access_token":{"nbf":{"essential":true,"value":"1700000000"}}})";
    std::string const escaped = "%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value"
                                "%22%3A%221700000000%22%7D%7D%7D";
    service_fixture f;
    std::string const before = f.token;
    f.service.authority().require_claims(claims);
    auto const challenged = f.get("/v1/metadata/topics");
    CHECK(challenged.status == 401);
    CHECK(field(challenged, "WWW-Authenticate") ==
          "Bearer realm=\"\", authorization_uri=\"https://localhost:9400/emulator-tenant/oauth2/authorize\", "
          "error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwi"
          "dmFsdWUiOiIxNzAwMDAwMDAwIn19fQ==\"");

    f.token = token_of(f.token_request(good_form()));
    CHECK(f.get("/v1/metadata/topics").status == 401);
    f.token = token_of(f.token_request(good_form() + "&claims=%7B%7D"));
    CHECK(f.get("/v1/metadata/topics").status == 401);
    f.token = token_of(f.token_request(good_form() + "&claims=" + escaped));
    CHECK(f.get("/v1/metadata/topics").status == 200);

    f.service.authority().require_claims("{}"); // others
    CHECK(f.get("/v1/metadata/topics").status == 401);
    f.service.authority().require_claims("");
    CHECK(f.get("/v1/metadata/topics").status == 200);
    f.token = before;
    CHECK(f.get("/v1/metadata/topics").status == 200);
}

TEST_CASE("what is wrong with a token is said before its claims are asked for")
{
    service_fixture f(hk::emulator_options().in_security_group(false));
    f.service.authority().require_claims("{}");
    CHECK(contains(field(f.get("/v1/metadata/topics"), "WWW-Authenticate").value_or(""), "claims=\"e30=\""));
    f.service.authority().expire_all();
    CHECK(contains(field(f.get("/v1/metadata/topics"), "WWW-Authenticate").value_or(""), "invalid_token"));
    f.token = "x";
    CHECK(contains(field(f.get("/v1/metadata/topics"), "WWW-Authenticate").value_or(""), "invalid_token"));
    f.token = token_of(f.token_request(good_form() + "&claims={}"));
    CHECK(f.get("/v1/metadata/topics").status == 403);
}

TEST_CASE("faults of the authority are answered in Entra's words")
{
    service_fixture f;
    auto const with = [&f](int status, hk::emulator_route route, std::string_view method,
                           std::string_view path) {
        f.service.inject(hk::emulator_fault::answer(status).on(route));
        return refusal(f.send(method, path));
    };
    std::string_view const token_path = "/emulator-tenant/oauth2/v2.0/token";
    auto const token = hk::emulator_route::token;
    CHECK(with(429, token, "POST", token_path) == "429 temporarily_unavailable 90055");
    CHECK(with(503, token, "POST", token_path) == "503 temporarily_unavailable 90033");
    CHECK(with(401, token, "POST", token_path) == "401 invalid_client 7000215");
    CHECK(with(400, token, "POST", token_path) == "400 invalid_request 9002313");
    CHECK(with(500, hk::emulator_route::openid_configuration, "GET",
               "/emulator-tenant/v2.0/.well-known/openid-configuration") ==
          "500 temporarily_unavailable 90033");
    CHECK(with(500, hk::emulator_route::instance_discovery, "GET", "/common/discovery/instance") ==
          "500 temporarily_unavailable 90033");

    f.service.inject(hk::emulator_fault::answer(429).on(token).retry_after(std::chrono::seconds(9)));
    auto const throttled = f.token_request(good_form());
    CHECK(field(throttled, "Retry-After") == "9");
    CHECK(contains(throttled.body, "\"error_description\":\"AADSTS90055: There are too many incoming "
                                   "requests. (injected failure) Trace ID: "));
    for (std::string_view const name : {"timestamp", "trace_id", "correlation_id"})
        CHECK(contains(throttled.body, "\"" + std::string(name) + "\":\""));
    f.service.inject(hk::emulator_fault::answer(503));
    CHECK(f.get("/v1/metadata/topics").body == "{\"error_code\":503,\"message\":\"injected failure\"}");
}
