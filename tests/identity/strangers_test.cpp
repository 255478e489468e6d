// What answers in the place of the instance metadata service: it ends no chain, and is told as what it is.
#include "support/identity/identity_site.hpp"

#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/identity/sources.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace test;
using hkd::identity_host;
using std::string;

namespace {

string const page = "<!DOCTYPE html><html><body>topic not found</body></html>";
string const found_elsewhere = "Location: https://portal.example/\r\n";

/// A name for it, its answer to everything, and what is said of it.
class stranger
{
public:
    string answer;
    string words;
};

std::vector<stranger> strangers()
{
    return {{http(404, page), "HTTP 404 with a page of HTML or XML"},
            {http(404, "", "Server: EC2ws\r\n"), "HTTP 404 with nothing, as \"EC2ws\""},
            {http(404, R"({"status":404,"error":"Not Found"})"), "HTTP 404 with other words"},
            {http(400, "Bad Request"), "HTTP 400 with other words"},
            {http(400, R"({"error":"Bad Request"})"), "HTTP 400 with other words"},
            {http(401, ""), "HTTP 401 with nothing"},
            {http(403, "Forbidden"), "HTTP 403 with other words"},
            {http(302, page, found_elsewhere), "HTTP 302 with a page of HTML or XML"},
            {http(307, "", found_elsewhere), "HTTP 307 with nothing"},
            {http(410, page), "HTTP 410 with a page of HTML or XML"},
            {http(429, page), "HTTP 429 with a page of HTML or XML"},
            {http(500, ""), "HTTP 500 with nothing"},
            {http(503, page), "HTTP 503 with a page of HTML or XML"},
            {http(200, page), "HTTP 200 with a page of HTML or XML"},
            {http(200, "ok"), "HTTP 200 with other words"},
            {http(200, "{}"), "HTTP 200 with other words"},
            {http(200, R"({"access_token":null})"), "HTTP 200 with other words"},
            {http(204, ""), "HTTP 204 with nothing"}};
}

hkd::token_source_ptr own_token()
{
    return std::make_shared<hkd::fixed_token_source<>>(hkd::secret("own-token"));
}

/// A managed identity, and behind it the program's own token.
hkd::token_source_ptr chain_of(hkd::token_source_ptr const& managed)
{
    return std::make_shared<hkd::chained_source<>>(std::vector<hkd::token_source_ptr>{managed, own_token()});
}

} // namespace

TEST_CASE("a chain passes over what is not IMDS, without a second try, and remembers it")
{
    for (stranger const& one : strangers()) {
        CAPTURE(one.answer);
        identity_site peer(identity_host::imds, script().serve(one.answer).forever());
        auto const managed = peer.asker.from;
        peer.asker.from = chain_of(managed);
        auto const end = peer.asker.call();
        REQUIRE(end.good());
        hkd::token_grant const& grant = end.get().value();
        CHECK(grant.source == "bearer token");
        string const where = "127.0.0.1:" + std::to_string(peer.server.port());
        CHECK(grant.passed_over ==
              "managed identity: there is no instance metadata service: " + where + " answered " + one.words);
        CHECK(peer.server.requests().size() == 2); // without its field, and for a token
        peer.asker.from = chain_of(managed);       // which has kept nobody
        CHECK(peer.asker.call().good());
        CHECK(peer.server.requests().size() == 2);
    }
}

TEST_CASE("so it does with what resets, says nothing, or speaks no HTTP")
{
    for (script const& does : {script().read().reset(), script(), script().serve("SSH-2.0-OpenSSH_9.2\r\n"),
                               script().serve("garbage\r\n\r\n"), script().read().stall()}) {
        identity_site peer(identity_host::imds, does);
        auto const managed = peer.asker.from;
        for (int i = 0; i != 2; ++i) {
            peer.asker.from = chain_of(managed);
            auto const end = peer.asker.call();
            REQUIRE(end.good());
            CHECK(says(end.get().value().passed_over, "there is no instance metadata service: "));
        }
        CHECK(peer.server.connections() == 1);
    }
}

TEST_CASE("a stranger who falls silent when a token is asked for holds up a chain for a second at most")
{
    identity_site peer(identity_host::imds, script().serve(http(404, page)).read().stall());
    peer.asker.from = chain_of(peer.asker.from);
    auto const end = peer.asker.call();
    REQUIRE(end.good());
    CHECK(end.get().value().source == "bearer token");
    CHECK(peer.server.requests().size() == 2);
}

TEST_CASE("IMDS that is busy, or has no identity, is IMDS all the same")
{
    string const named = "Server: IMDS/150.870.65.1854\r\n";
    identity_site busy(identity_host::imds, script()
                                                .serve(http(429, "", named))
                                                .serve(http(410, "", named))
                                                .serve(http(503, page, named))
                                                .serve(identity_token("the-token")));
    busy.asker.from = chain_of(busy.asker.from);
    CHECK(busy.asker.call().get().value().source == "managed identity (IMDS)");
    CHECK(busy.server.requests().size() == 4);

    // One whose plain words to the first request show nothing.
    string const no_identity = imds_error(400, "Identity not found");
    identity_site none(identity_host::imds,
                       script().serve(http(400, "no header")).serve(no_identity).serve(no_identity));
    none.asker.from = chain_of(none.asker.from);
    auto const end = none.asker.call();
    REQUIRE(end.good());
    CHECK(says(end.get().value().passed_over,
               "answered HTTP 400, invalid_request: Identity not found (no such "
               "identity is assigned here"));
}

TEST_CASE("as the only credential a stranger is told as one, without a word of its page")
{
    for (stranger const& one : strangers()) {
        CAPTURE(one.answer);
        identity_site peer(identity_host::imds, script().serve(one.answer).forever());
        hk::error const failed = peer.failure();
        CAPTURE(failed.cause());
        string const where = "managed identity (IMDS): 127.0.0.1:" + std::to_string(peer.server.port());
        CHECK(failed.cause().starts_with(where + " answered"));
        bool const success = failed.info().http_status < 300;
        CHECK(success == (failed.code() == hk::errc::invalid_token_response));
        if (!success)
            CHECK(says(failed.cause(), "the instance metadata service of Azure answers otherwise"));
        CHECK_FALSE(says(failed.cause(), "topic"));
    }
}
