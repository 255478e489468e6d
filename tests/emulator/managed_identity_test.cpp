// The emulator's endpoints for managed identities, without a network: IMDS, App Service, Azure Arc.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using hk::detail::emulation::emulator_answer;
using hk::detail::emulation::emulator_request;
using std::string;
using std::chrono::seconds;
using test::field;
using test::service_fixture;

constexpr std::string_view key_file = "/var/opt/azcmagent/tokens/emulator.key";
constexpr std::string_view imds = "/metadata/identity/oauth2/token";
constexpr std::string_view app_service = "/msi/token";
constexpr std::string_view arc = "/metadata/arc/identity/oauth2/token";
constexpr std::string_view imds_good = "api-version=2018-02-01&resource=https%3A%2F%2Fhib.azurehdinsight.net";
constexpr std::string_view app_service_good =
    "api-version=2019-08-01&resource=https://hib.azurehdinsight.net/";
constexpr std::string_view arc_good = "api-version=2019-11-01&resource=https://hib.azurehdinsight.net";

/// A machine of Azure's with all that the endpoints can give.
class platform : public service_fixture
{
public:
    explicit platform(hk::emulator_options options = hk::emulator_options())
        : service_fixture(std::move(options)
                              .managed_identity(true)
                              .user_assigned_identity("user-assigned")
                              .arc_key_file(string(key_file)))
    {
        request.method = "GET";
        request.host = "127.0.0.1:9401";
        request.metadata = "true";
        request.identity_header = "emulator-identity-header";
        request.plain = true;
    }

    emulator_answer ask(std::string_view path, std::string_view query)
    {
        string const target = string(path) + "?" + string(query);
        request.target = target;
        return service.handle(request, now, random);
    }

    /// Answers a challenge of Arc's.
    emulator_answer ask_arc_with(string const& credentials)
    {
        request.authorization = credentials;
        emulator_answer out = ask(arc, arc_good);
        request.authorization.reset();
        return out;
    }

    /// The status of a REST call with the token in this answer.
    int status_with(emulator_answer const& granted)
    {
        token = text_of(granted, "access_token");
        return get("/v1/metadata/topics").status;
    }

    static string text_of(emulator_answer const& answer, std::string_view name)
    {
        string const before = "\"" + string(name) + "\":\"";
        std::size_t const at = answer.body.find(before);
        if (at == string::npos)
            return {};
        std::size_t const begin = at + before.size();
        return answer.body.substr(begin, answer.body.find('"', begin) - begin);
    }

    /// "status error: description", without what differs from call to call.
    static string refusal(emulator_answer const& answer)
    {
        return std::to_string(answer.status) + " " + text_of(answer, "error") + ": " +
               text_of(answer, "error_description");
    }

    emulator_request request;
};

string replaced(std::string_view text, std::string_view from, std::string_view to)
{
    string out(text);
    std::size_t const at = out.find(from);
    REQUIRE(at != string::npos);
    return out.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("IMDS gives the system-assigned identity's token, with every number as text")
{
    platform f;
    auto const answer = f.ask(imds, imds_good);
    CHECK(answer.status == 200);
    CHECK(answer.body ==
          "{\"access_token\":\"" + platform::text_of(answer, "access_token") +
              "\",\"client_id\":\"emulator-client\",\"expires_on\":\"1700003599\",\"resource\":"
              "\"https://hib.azurehdinsight.net\",\"token_type\":\"Bearer\",\"expires_in\":\"3599\","
              "\"ext_expires_in\":\"3599\",\"not_before\":\"1700000000\"}");
    CHECK(f.status_with(answer) == 200);
    f.now += seconds(3599);
    CHECK(f.status_with(answer) == 401);
    CHECK(platform::text_of(f.ask(imds, string(imds_good) + "/"), "resource") ==
          "https://hib.azurehdinsight.net/");
    f.request.metadata = "True";
    CHECK(f.status_with(f.ask(imds, imds_good)) == 200);
}

TEST_CASE("a slash behind the path is nothing: Node's clients put one there")
{
    platform f;
    CHECK(f.status_with(f.ask(string(imds) + "/", imds_good)) == 200);
    CHECK(f.status_with(f.ask(string(app_service) + "/", app_service_good)) == 200);
    CHECK(f.ask(string(arc) + "/", arc_good).status == 401);
    CHECK(f.ask(string(imds) + "//", imds_good).status == 404);
    CHECK(f.ask("/", imds_good).status == 404);
}

TEST_CASE("IMDS refuses in its own words")
{
    platform f;
    auto const with = [&f](std::string_view from, std::string_view to) {
        return platform::refusal(f.ask(imds, replaced(imds_good, from, to)));
    };
    CHECK(with("2018-02-01", "2019-08-01") ==
          "400 invalid_request: Query parameter 'api-version' must be 2018-02-01");
    CHECK(with("api-version=2018-02-01&", "") ==
          "400 invalid_request: Query parameter 'api-version' must be 2018-02-01");
    CHECK(with("resource=", "resource=x&resource=") ==
          "400 invalid_request: Query parameter 'resource' is duplicated");
    CHECK(with("&resource=https%3A%2F%2Fhib.azurehdinsight.net", "") ==
          "400 invalid_request: Required query parameter 'resource' is missing");
    CHECK(with("&resource", "&bypass_cache=true&resource") ==
          "400 invalid_request: Unknown query parameter 'bypass_cache'");
    CHECK(with(".net", ".net/.default") ==
          "400 invalid_resource: AADSTS500011: The resource principal named "
          "https://hib.azurehdinsight.net/.default was not found in the tenant named emulator-tenant. "
          "(The emulator knows only https://hib.azurehdinsight.net.)");

    f.request.forwarded_for = "10.0.0.1";
    CHECK(platform::refusal(f.ask(imds, imds_good)) ==
          "400 invalid_request: Requests with an X-Forwarded-For header are not served");
    f.request.forwarded_for.reset();
    for (auto const value : {std::optional<std::string_view>(), std::optional<std::string_view>("yes")}) {
        f.request.metadata = value;
        CHECK(platform::refusal(f.ask(imds, imds_good)) ==
              "400 invalid_request: Required metadata header not specified");
    }
}

TEST_CASE("a user-assigned identity has a client id and no other name")
{
    platform f;
    auto const own = f.ask(imds, string(imds_good) + "&client_id=user-assigned");
    CHECK(platform::text_of(own, "client_id") == "user-assigned");
    CHECK(f.status_with(own) == 200);
    for (std::string_view const other :
         {"client_id=emulator-client", "client_id=", "object_id=user-assigned", "msi_res_id=user-assigned"}) {
        CAPTURE(other);
        CHECK(platform::refusal(f.ask(imds, string(imds_good) + "&" + string(other))) ==
              "400 invalid_request: Identity not found");
    }
    CHECK(platform::refusal(f.ask(imds, string(imds_good) + "&client_id=user-assigned&object_id=x")) ==
          "400 invalid_request: More than one parameter names an identity");

    auto const at_app_service = f.ask(app_service, string(app_service_good) + "&client_id=user-assigned");
    CHECK(f.status_with(at_app_service) == 200);
    for (std::string_view const other :
         {"client_id=other", "object_id=user-assigned", "principal_id=user-assigned", "mi_res_id=x"}) {
        CAPTURE(other);
        CHECK(f.ask(app_service, string(app_service_good) + "&" + string(other)).body ==
              "{\"statusCode\":400,\"message\":\"No User Assigned or Delegated Managed Identity found for "
              "specified ClientId/ResourceId/PrincipalId.\"}");
    }

    service_fixture none(hk::emulator_options().managed_identity(true));
    string const target = string(imds) + "?" + string(imds_good) + "&client_id=";
    f.request.target = target;
    CHECK(platform::refusal(none.service.handle(f.request, none.now, none.random)) ==
          "400 invalid_request: Identity not found");
}

TEST_CASE("App Service wants its header and answers in a form of its own")
{
    platform f(hk::emulator_options().identity_header("of the environment"));
    f.request.metadata.reset();
    f.request.identity_header = "of the environment";
    auto const answer = f.ask(app_service, app_service_good);
    CHECK(answer.body ==
          "{\"access_token\":\"" + platform::text_of(answer, "access_token") +
              "\",\"client_id\":\"emulator-client\",\"expires_on\":\"1700003599\",\"resource\":"
              "\"https://hib.azurehdinsight.net/\",\"token_type\":\"Bearer\"}");
    CHECK(f.status_with(answer) == 200);
    CHECK(f.ask(app_service, replaced(app_service_good, "2019-08-01", "2018-02-01")).body ==
          "{\"statusCode\":400,\"message\":\"Query parameter 'api-version' must be 2019-08-01\"}");
    f.request.identity_header = "emulator-identity-header";
    auto const wrong = f.ask(app_service, app_service_good);
    CHECK(wrong.status == 401);
    CHECK(wrong.body ==
          "{\"statusCode\":401,\"message\":\"X-IDENTITY-HEADER is not what IDENTITY_HEADER says.\"}");
    f.request.identity_header.reset();
    CHECK(f.ask(app_service, app_service_good).body ==
          "{\"statusCode\":401,\"message\":\"The request has no X-IDENTITY-HEADER.\"}");
}

TEST_CASE("Arc asks for the key in a file, a new one each time, and takes it once")
{
    platform f;
    auto const asked = f.ask(arc, arc_good);
    CHECK(asked.status == 401);
    CHECK(field(asked, "WWW-Authenticate") == "Basic realm=" + string(key_file));
    CHECK(platform::refusal(asked) ==
          "401 unauthorized: The key in the file that WWW-Authenticate names is required");
    string const key = f.arc_key;
    CHECK(key.size() == 64);
    CHECK(asked.body.find(key) == string::npos);
    auto const granted = f.ask_arc_with("Basic " + key);
    CHECK(f.status_with(granted) == 200);
    CHECK(platform::text_of(granted, "expires_in") == "3599");
    CHECK(f.arc_key == key);

    auto const again = f.ask_arc_with("Basic " + key);
    CHECK(platform::refusal(again) ==
          "401 unauthorized: The key is none that was asked for, or was used already");
    CHECK(field(again, "WWW-Authenticate") == "Basic realm=" + string(key_file));
    CHECK(f.arc_key != key);
    string const second = f.arc_key;
    CHECK(f.ask_arc_with("Bearer " + second).status == 401);
    CHECK(f.ask_arc_with(second).status == 401);
    CHECK(f.ask_arc_with("Basic").status == 401);
    CHECK(f.ask_arc_with("basic " + second).status == 200); // asked for before those in between

    CHECK(platform::refusal(f.ask(arc, replaced(arc_good, "2019-11-01", "2018-02-01"))) ==
          "400 invalid_request: Query parameter 'api-version' must be 2019-11-01");
    CHECK(f.ask(arc, replaced(arc_good, "2019-11-01", "2020-06-01")).status == 401);
    CHECK(platform::refusal(f.ask(arc, string(arc_good) + "&client_id=user-assigned")) ==
          "400 invalid_request: Unknown query parameter 'client_id'");
    f.request.metadata.reset();
    CHECK(f.ask(arc, arc_good).status == 400);
}

TEST_CASE("Arc remembers a number of keys, and asks for none that it could not write")
{
    platform f;
    f.ask(arc, arc_good);
    string const oldest = f.arc_key;
    f.ask(arc, arc_good);
    string const next = f.arc_key;
    for (int i = 0; i < 63; ++i)
        f.ask(arc, arc_good);
    CHECK(f.ask_arc_with("Basic " + next).status == 200);
    CHECK(f.ask_arc_with("Basic " + oldest).status == 401);

    f.arc_key_can_be_written = false;
    auto const failed = f.ask(arc, arc_good);
    CHECK(platform::refusal(failed) == "500 unknown: The key cannot be written to " + string(key_file));
    CHECK(!field(failed, "WWW-Authenticate"));
    CHECK(f.ask_arc_with("Basic " + f.arc_key).status == 500);
}

TEST_CASE("the endpoints are there without TLS, and nothing else is")
{
    platform f;
    for (std::string_view const path :
         {"/v1/metadata/topics", "/emulator-tenant/oauth2/v2.0/token", "/common/discovery/instance", "/",
          "/metadata/instance", "/msi/token/x"}) {
        CAPTURE(path);
        CHECK(platform::refusal(f.ask(path, "")) == "404 invalid_request: there is nothing at this path");
    }
    f.request.method = "POST";
    auto const posted = f.ask(imds, imds_good);
    CHECK(posted.status == 405);
    CHECK(field(posted, "Allow") == "GET");
    CHECK(platform::refusal(posted) == "405 invalid_request: this path takes GET only");
    f.request.method = "GET";
    CHECK(f.service.count(hk::emulator_route::other) == 7);

    f.request.plain = false;
    CHECK(f.ask(imds, imds_good).body ==
          "{\"error_code\":404,\"message\":\"there is nothing at this path\"}");
    CHECK(f.ask(app_service, app_service_good).status == 404);
    CHECK(f.ask(arc, arc_good).status == 404);
    CHECK(f.arc_key.empty());
}

TEST_CASE("without a file for its key there is no Arc")
{
    service_fixture f(hk::emulator_options().managed_identity(true));
    emulator_request request;
    string const target = string(arc) + "?" + string(arc_good);
    request.method = "GET";
    request.target = target;
    request.metadata = "true";
    request.plain = true;
    CHECK(f.service.handle(request, f.now, f.random).status == 404);
    CHECK(f.service.count(hk::emulator_route::arc_identity) == 0);
}

TEST_CASE("requests for managed identities are counted and remembered")
{
    platform f;
    f.ask(imds, imds_good);
    f.ask(imds, "");
    f.ask(app_service, app_service_good);
    f.ask(arc, arc_good);
    CHECK(f.service.count(hk::emulator_route::imds) == 2);
    CHECK(f.service.count(hk::emulator_route::app_service_identity) == 1);
    CHECK(f.service.count(hk::emulator_route::arc_identity) == 1);
    CHECK(f.service.count(hk::emulator_route::token) == 0);
    CHECK(f.service.count(hk::emulator_route::other) == 0);
    auto const calls = f.service.calls();
    REQUIRE(calls.size() == 4);
    CHECK(calls[1].route == hk::emulator_route::imds);
    CHECK(calls[1].status == 400);
    CHECK(calls[3].target == string(arc) + "?" + string(arc_good));
    CHECK(calls[3].status == 401);
}

TEST_CASE("faults at the endpoints answer in their words, or not at all")
{
    platform f;
    using fault = hk::emulator_fault;
    using route = hk::emulator_route;
    f.service.inject(fault::answer(503)); // is for the REST calls
    f.service.inject(fault::answer(429).on(route::imds).retry_after(seconds(5)));
    auto const throttled = f.ask(imds, imds_good);
    CHECK(platform::refusal(throttled) == "429 invalid_request: injected failure");
    CHECK(field(throttled, "Retry-After") == "5");
    CHECK(f.ask(imds, imds_good).status == 200);
    f.service.inject(fault::answer(500).on(route::arc_identity));
    CHECK(platform::refusal(f.ask(arc, arc_good)) == "500 unknown: injected failure");
    CHECK(f.arc_key.empty());
    f.service.inject(fault::answer(500).on(route::app_service_identity));
    CHECK(f.ask(app_service, app_service_good).body ==
          "{\"statusCode\":500,\"message\":\"injected failure\"}");

    using hk::detail::emulation::emulator_action;
    struct row
    {
        fault what;
        emulator_action action;
    };
    for (row const& each : std::vector<row>{{fault::drop_request(), emulator_action::drop},
                                            {fault::drop_answer(), emulator_action::drop},
                                            {fault::stall(), emulator_action::stall}})
        for (auto const& [where, path, query] :
             {std::tuple(route::imds, imds, imds_good), std::tuple(route::arc_identity, arc, arc_good),
              std::tuple(route::app_service_identity, app_service, app_service_good)}) {
            fault one = each.what;
            f.service.inject(one.on(where));
            CHECK(f.ask(path, query).action == each.action);
            CHECK(f.ask(path, query).action == emulator_action::send);
        }
    CHECK(f.get("/v1/metadata/topics").status == 503);
}

TEST_CASE("a time to ask for the next token is told by all who give tokens, when there is one")
{
    platform f(hk::emulator_options().token_refresh_in(seconds(1800)));
    f.ask(arc, arc_good);
    for (auto const& answer : {f.ask(imds, imds_good), f.ask(app_service, app_service_good),
                               f.ask_arc_with("Basic " + f.arc_key)}) {
        CHECK(answer.status == 200);
        CHECK(platform::text_of(answer, "refresh_in") == "1800");
    }
}

TEST_CASE("a managed identity's token has no claims, and shares the fate of all others")
{
    platform f;
    auto const granted = f.ask(imds, imds_good);
    f.service.authority().require_claims("{}");
    CHECK(f.status_with(granted) == 401);
    f.service.authority().require_claims("");
    CHECK(f.status_with(granted) == 200);
    f.service.authority().in_security_group(false);
    CHECK(f.status_with(granted) == 403);
    f.service.authority().in_security_group(true);
    f.service.authority().expire_all();
    CHECK(f.status_with(granted) == 401);
}
