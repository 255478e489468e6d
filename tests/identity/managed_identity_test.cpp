// A managed identity's token: what App Service and IMDS are asked, and what becomes of the answers.
#include "support/identity/identity_site.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace test;
using hkd::identity_host;
using std::string;

namespace {

string const token_query = "&resource=https%3A%2F%2Fhib.azurehdinsight.net";

} // namespace

TEST_CASE("App Service is shown its header, asked for the resource, and for the identity by its name")
{
    struct row
    {
        hkd::managed_identity_settings settings;
        string query;
    };
    std::vector<row> const table{{{}, ""},
                                 {named_identity("c-1"), "&client_id=c-1"},
                                 {named_identity("", "o-1"), "&object_id=o-1"},
                                 {named_identity("", "", "/a/b"), "&mi_res_id=%2Fa%2Fb"}};
    for (row const& one : table) {
        identity_site peer(identity_host::app_service, script().serve(identity_token("the-token")),
                           one.settings);
        auto const end = peer.asker.call();
        REQUIRE(end.good());
        hkd::token_grant const& grant = end.get().value();
        CHECK(grant.token.token() == "the-token");
        CHECK(grant.token.expires_in() == 3599s);
        CHECK(grant.source == "managed identity (App Service)");
        auto const got = peer.server.requests();
        REQUIRE(got.size() == 1);
        CHECK(got[0].head == request_head(got[0], peer.server,
                                          "/msi/token?api-version=2019-08-01" + token_query + one.query,
                                          "X-IDENTITY-HEADER: " + identity_header + "\r\n"));
        CHECK(got[0].body.empty());
    }
}

TEST_CASE("IMDS is asked with Metadata: true, and never for claims")
{
    struct row
    {
        hkd::managed_identity_settings settings;
        string query;
    };
    std::vector<row> const table{{{}, ""},
                                 {named_identity("c-1"), "&client_id=c-1"},
                                 {named_identity("", "o-1"), "&object_id=o-1"},
                                 {named_identity("", "", "/a/b"), "&msi_res_id=%2Fa%2Fb"}};
    for (row const& one : table) {
        identity_site peer(identity_host::imds, script().serve(identity_token("the-token")), one.settings);
        auto const end = run(peer.asker.io, peer.asker.ask(R"({"access_token":{"nbf":{"essential":true}}})"));
        REQUIRE(end.good());
        CHECK(end.get().value().token.token() == "the-token");
        CHECK(end.get().value().source == "managed identity (IMDS)");
        auto const got = peer.server.requests();
        REQUIRE(got.size() == 1);
        CHECK(got[0].head ==
              request_head(got[0], peer.server,
                           "/metadata/identity/oauth2/token?api-version=2018-02-01" + token_query + one.query,
                           "Metadata: true\r\n"));
    }
}

TEST_CASE("App Service's header is in no error, whatever it answers")
{
    auto const echo = [](int status) {
        return script().read().answer([status](seen_request const& request) {
            string const sent = request.field("x-identity-header");
            return http(status, R"({"message":"the header )" + sent + R"( is wrong","error":")" + sent +
                                    R"(","trace_id":")" + sent + R"(","correlation_id":"t )" + sent + "\"}");
        });
    };
    for (int const status : {200, 400, 401, 403, 404, 500}) {
        CAPTURE(status);
        identity_site peer(identity_host::app_service, echo(status));
        hk::error const failed = peer.failure();
        CHECK(failed.info().http_status == status);
        if (status != 200)
            CHECK(says(failed.info().server_message, "the header REDACTED is wrong"));
        if (status != 200)
            CHECK(failed.info().correlation_id == "t REDACTED");
    }
}

TEST_CASE("every answer that is no token has its meaning, and is asked for once")
{
    struct row
    {
        identity_host host;
        string bytes;
        hk::errc code;
        bool retriable = false;
    };
    using enum hk::errc;
    auto const web = identity_host::app_service;
    auto const machine = identity_host::imds;
    string const none = R"({"statusCode":400,"message":"No Managed Identity found for specified ClientId/)"
                        R"(ResourceId/PrincipalId.","correlationId":"1"})";
    std::vector<row> const table{
        {machine, imds_error(400, "Identity not found"), no_credential},
        {web, http(400, none), no_credential},
        {machine, imds_error(403, "dial tcp: a socket operation was attempted to an unreachable network"),
         no_credential},
        {machine, imds_error(400, "Required query variable 'resource' is missing"), token_refused},
        {web, imds_error(400, "Bad Request"), token_refused},
        {machine, imds_error(401, "unauthorized"), token_refused},
        {machine, imds_error(403, "Forbidden"), token_refused},
        {machine, imds_error(405, "Method not allowed"), token_refused},
        {web, imds_error(401, "unauthorized"), token_refused},
        {web, imds_error(404, "nothing here"), token_refused},
        {web, imds_error(410, "gone"), token_refused},
        {web, http(408, "{}"), service_failed, true},
        {web, http(429, "{}"), throttled, true},
        {web, http(500, "{}"), service_failed, true},
        {web, http(503, "{}"), service_failed, true},
        {web, http(302, "", "Location: https://elsewhere.example/\r\n"), redirected},
        {machine, http(302, "", "Location: https://elsewhere.example/\r\n"), redirected},
        {web, http(200, ""), invalid_token_response},
        {web, http(204, ""), invalid_token_response},
        {machine, http(200, "<html>Sign in</html>"), invalid_token_response},
        {machine, http(200, "{}"), invalid_token_response},
        {web, http(200, R"({"access_token":"the-token with a blank"})"), invalid_token_response},
        {web, "garbage\r\n\r\n", bad_status_line},
        {machine, "SSH-2.0-OpenSSH_9.2\r\n", bad_status_line},
        {web, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         ambiguous_framing},
        {web, identity_token(string(65 * 1024, 't')), body_too_large},
        {machine, identity_token(string(65 * 1024, 't')), body_too_large},
        {web, "", connection_lost, true},
        {web, identity_token("the-token").substr(0, 120), connection_lost, true}};
    for (row const& one : table) {
        CAPTURE(one.bytes.substr(0, 200));
        identity_site peer(one.host, script().serve(one.bytes));
        hk::error const failed = peer.failure();
        CHECK(failed.code() == one.code);
        CHECK(failed.info().retriable() == one.retriable);
        CHECK(string(failed.what()).starts_with("token: "));
        CHECK(peer.server.requests().size() == 1);
    }
}

TEST_CASE("an error says who was asked and what the answer was")
{
    identity_site peer(
        identity_host::imds,
        script().serve(http(400, R"({"error":"invalid_request","error_description":"Identity not found",)"
                                 R"("error_codes":[7],"trace_id":"t","correlation_id":"c"})")));
    hk::error const failed = peer.failure();
    CHECK(failed.cause() ==
          "managed identity (IMDS): 127.0.0.1:" + std::to_string(peer.server.port()) +
              " answered HTTP 400, invalid_request: Identity not found (no such identity is "
              "assigned here: assign it, or name one that is)");
    CHECK(failed.info().operation == "token");
    CHECK(failed.info().http_status == 400);
    CHECK(failed.info().server_code == "invalid_request");
    CHECK(failed.info().server_message == "Identity not found");
    CHECK(failed.info().error_codes == std::vector<std::int64_t>(1, 7));
    CHECK(failed.info().trace_id == "t");
    CHECK(failed.info().correlation_id == "c");
    CHECK(failed.info().request_id == peer.server.requests().at(0).field("x-ms-client-request-id"));
    identity_site busy(identity_host::app_service, script().serve(http(429, "{}", "Retry-After: 7\r\n")));
    hk::error const refused = busy.failure();
    CHECK(refused.info().retry_after == 7s);
    CHECK(refused.cause() ==
          "managed identity (App Service): 127.0.0.1:" + std::to_string(busy.server.port()) +
              " answered HTTP 429, too many requests: {}");
    identity_site odd(identity_host::app_service, script().serve(http(200, R"({"access_token":null})")));
    CHECK(odd.failure().cause() ==
          "managed identity (App Service): 127.0.0.1:" + std::to_string(odd.server.port()) +
              " answered, and the answer has an access_token that is no string");
}

TEST_CASE("a token's end may be a time of day, as text")
{
    auto const later = std::chrono::system_clock::now() + 1h;
    auto const epoch = std::chrono::floor<std::chrono::seconds>(later.time_since_epoch()).count();
    identity_site peer(
        identity_host::app_service,
        script().serve(identity_token("the-token", R"("expires_on":")" + std::to_string(epoch) + "\"")));
    auto const end = peer.asker.call();
    REQUIRE(end.good());
    CHECK(end.get().value().token.expires_in() > 0s);
    CHECK(end.get().value().token.expires_in() <= 1h);
}

TEST_CASE("App Service and Azure Arc are asked again as the client's policy says")
{
    hkd::transport_settings how = identity_transport();
    how.retry = quickly(2);
    string const busy = http(503, "{}");
    identity_site web(identity_host::app_service,
                      script().serve(busy).serve(busy).serve(identity_token("the-token")), {}, how);
    CHECK(web.asker.call().good());
    CHECK(web.server.requests().size() == 3);
    identity_site gone(identity_host::app_service, script().serve(http(404, "{}")).forever(), {}, how);
    CHECK(gone.failure().code() == hk::errc::token_refused);
    CHECK(gone.server.requests().size() == 1); // that is IMDS's way alone

    arc_files const files;
    string const named_file = challenge(files.file("3f.key", arc_key_text));
    identity_site agent(
        identity_host::arc,
        script().serve(busy).serve(named_file).serve(busy).serve(busy).serve(identity_token("the-token")), {},
        how, files.folder());
    CHECK(agent.asker.call().good());
    CHECK(agent.server.requests().size() == 5);
}

TEST_CASE("what cannot be asked for is told before anything is sent")
{
    hkd::managed_identity_settings odd;
    odd.scope = "https://x";
    for (auto const kind : {identity_host::app_service, identity_host::arc, identity_host::imds})
        for (auto const& settings : {named_identity("c", "o"), named_identity("c\r\n"), odd}) {
            identity_site peer(kind, script().serve(identity_token("the-token")).forever(), settings);
            CHECK(peer.failure().code() == hk::errc::invalid_option);
            CHECK(peer.server.connections() == 0);
        }
    identity_site agent(identity_host::arc, script().serve(identity_token("the-token")).forever(),
                        named_identity("c"));
    CHECK(agent.failure().code() == hk::errc::invalid_option);
    CHECK(agent.server.connections() == 0);
}

TEST_CASE("no proxy is used, neither the environment's nor the program's own")
{
    scripted_server const proxy(script().serve(http(502, "{}")).forever(), std::nullopt);
    scripted_server const plain(script().serve(identity_token("the-token")).forever(), std::nullopt);
    scripted_server const secure(script().serve(identity_token("the-token")).forever());
    for (scripted_server const* const server : {&plain, &secure}) {
        CAPTURE(server->endpoint());
        auto variables = identity_surroundings::app_service(server->endpoint(), identity_header);
        for (string const name : {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"})
            variables.emplace_back(name, proxy.endpoint());
        identity_surroundings const surroundings(variables);
        for (bool const own : {false, true}) {
            hkd::transport_settings how = identity_transport();
            if (own)
                how.proxy = proxy.endpoint();
            identity_asker asker({}, how);
            CHECK(asker.call().good());
        }
        CHECK(server->requests().size() == 2);
    }
    CHECK(proxy.connections() == 0);
}

TEST_CASE("a client's calls carry the token, and its observer hears where it came from")
{
    scripted_server const service(script().serve(http(200, R"({"topics":["orders"]})")).forever());
    struct row
    {
        identity_host host;
        string source;
    };
    for (row const& one : {row{identity_host::app_service, "managed identity (App Service)"},
                           row{identity_host::imds, "managed identity (IMDS)"}}) {
        identity_site peer(one.host, script().serve(identity_token("the-token")).forever());
        string source;
        auto const watch = [&source](hk::token_renewed const& event) { source = event.source; };
        hk::client const client(peer.asker.io.get_executor(),
                                options_for(service.endpoint())
                                    .credential(hk::managed_identity_credential().client_id("c-1"))
                                    .observer(hk::observer(watch)));
        CHECK(run(peer.asker.io, client.topics()).good());
        CHECK(source == one.source);
        CHECK(service.requests().back().field("authorization") == "Bearer the-token");
        CHECK(says(peer.server.requests().at(0).line, "client_id=c-1"));
    }
    // Nobody could put a key into the folder that programs use.
    identity_site agent(identity_host::arc,
                        script().serve(challenge("/var/opt/azcmagent/tokens/none.key")).forever());
    hk::client const client(agent.asker.io.get_executor(),
                            options_for(service.endpoint()).credential(hk::managed_identity_credential()));
    hk::error const failed = run(agent.asker.io, client.topics()).error();
    CHECK(failed.code() == hk::errc::token_refused);
    CHECK(says(failed.what(), "cannot be opened"));
    check_what(failed, "topics");
}
