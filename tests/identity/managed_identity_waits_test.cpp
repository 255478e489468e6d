// A managed identity that has to be waited for: IMDS asked again, looked for first, silent, left behind.
#include "support/faults/site.hpp"
#include "support/identity/identity_site.hpp"

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;
using hkd::identity_host;
using std::string;

namespace {

string const good = identity_token("the-token");
string const no_field = imds_error(400, "Required metadata header not specified");

/// As many answers with these statuses, then the token.
script answers(std::vector<int> const& statuses)
{
    script out;
    for (int const status : statuses)
        out.serve(imds_error(status, "not now"));
    return out.serve(good).stall();
}

/// Limits that no test lives to see.
hkd::transport_settings patient()
{
    hkd::transport_settings out = identity_transport();
    out.connect_timeout = 1h;
    out.idle_timeout = 1h;
    return out;
}

/// IMDS at this address, and one that asks it with the pauses that users have.
class slow_site
{
public:
    explicit slow_site(string const& endpoint, hkd::transport_settings how = patient())
        : surroundings(identity_surroundings::imds(endpoint)),
          asker({}, std::move(how), hkd::arc_key_folder, 1)
    {}

    identity_surroundings surroundings;
    identity_asker asker;
};

/// Cancels a token request where it stands.
hk::error cancelled(identity_asker& asker, scripted_server const& server)
{
    running_call<hkd::token_grant> call(asker.io, asker.ask());
    work_until(asker.io, [&] { return !server.requests().empty(); });
    call.cancel();
    hk::error const failed = call.end.error();
    CHECK(failed.code() == net::error::operation_aborted);
    asker.io.restart();
    asker.io.run();          // nothing goes on
    server.wait_for_ends(1); // and no connection is left
    return failed;
}

} // namespace

TEST_CASE("IMDS is asked again while it is busy or updated, over one connection and with one request id")
{
    for (std::vector<int> const& statuses :
         {std::vector<int>{404, 429, 503}, {408, 500, 504}, std::vector<int>(7, 410), {410, 404, 410, 501}}) {
        identity_site peer(identity_host::imds, answers(statuses));
        CHECK(peer.asker.call().good());
        auto const got = peer.server.requests();
        REQUIRE(got.size() == statuses.size() + 1);
        for (auto const& one : got) {
            CHECK(one.head == got[0].head);
            CHECK(one.connection == 0);
        }
    }
}

// After 408 on a connection that had lain idle, for that is how servers close one, each is sent once more.
TEST_CASE("IMDS that stays busy is given up, with its last words")
{
    using enum hk::errc;
    struct row
    {
        int status;
        std::size_t requests;
        hk::errc code;
        bool retriable;
    };
    for (row const& one :
         {row{404, 4, token_refused, true}, row{408, 4, service_failed, true},
          row{410, 8, token_refused, true}, row{429, 4, throttled, true}, row{500, 4, service_failed, true},
          row{501, 4, service_failed, true}, row{400, 1, token_refused, false},
          row{401, 1, token_refused, false}, row{403, 1, token_refused, false}}) {
        CAPTURE(one.status);
        identity_site peer(identity_host::imds, script().serve(imds_error(one.status, "not now")).forever());
        hk::error const failed = peer.failure();
        CHECK(failed.code() == one.code);
        CHECK(failed.info().http_status == one.status);
        CHECK(failed.info().server_message == "not now");
        CHECK(failed.info().retriable() == one.retriable);
        CHECK(peer.server.requests().size() == one.requests);
    }
}

TEST_CASE("the client's own retry policy has no say at IMDS")
{
    hkd::transport_settings how = identity_transport();
    how.retry = quickly(9);
    identity_site peer(identity_host::imds, script().serve(http(503, "{}")).forever(), {}, how);
    CHECK(peer.failure().code() == hk::errc::service_failed);
    CHECK(peer.server.requests().size() == 4);
}

TEST_CASE("a connection to IMDS that is dropped, closed or silent is made again, three times")
{
    hkd::transport_settings hasty = identity_transport();
    hasty.idle_timeout = 20ms;
    for (auto const& [does, code] : {std::pair(script().read().reset(), hk::errc::connection_lost),
                                     std::pair(script().read(), hk::errc::connection_lost),
                                     std::pair(script().serve(good.substr(0, 90)), hk::errc::connection_lost),
                                     std::pair(script().read().stall(), hk::errc::idle_timeout)}) {
        identity_site peer(identity_host::imds, does, {}, hasty);
        CHECK(peer.failure().code() == code);
        CHECK(peer.server.connections() == 4);
    }
    scripted_server const server(std::vector<script>{script().read().reset(), script().serve(good)},
                                 std::nullopt);
    identity_surroundings const surroundings(identity_surroundings::imds(server.endpoint()));
    CHECK(identity_asker().call().good());
}

TEST_CASE("garbage from IMDS is no reason to ask again")
{
    identity_site peer(identity_host::imds, script().serve("garbage\r\n\r\n"));
    CHECK(peer.failure().code() == hk::errc::bad_status_line);
    CHECK(peer.server.connections() == 1);
}

TEST_CASE("IMDS that wants to be left alone beyond the deadline is not waited for")
{
    scripted_server const server(script().serve(http(429, "{}", "Retry-After: 3600\r\n")).forever(),
                                 std::nullopt);
    slow_site site(server.endpoint());
    auto const end = site.asker.call();
    CHECK(end.code() == hk::errc::throttled);
    CHECK(end.error().info().retry_after == 1h);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a deadline ends the wait for IMDS")
{
    scripted_server const server(script().read().stall(), std::nullopt);
    slow_site site(server.endpoint());
    CHECK(run(site.asker.io, site.asker.ask("", 20ms)).code() == hk::errc::timed_out);
}

TEST_CASE("a token request is cancelled wherever it waits")
{
    SUBCASE("for IMDS to answer")
    {
        scripted_server const server(script().read().stall(), std::nullopt);
        slow_site site(server.endpoint());
        CHECK(says(cancelled(site.asker, server).what(), "waiting for the answer"));
    }
    SUBCASE("for the time to ask again")
    {
        scripted_server const server(script().serve(http(503, "{}")).stall(), std::nullopt);
        gate const answered;
        hkd::transport_settings how = patient();
        how.observer = hk::observer([answered](hk::attempt_ended const&) { answered.open(); });
        slow_site site(server.endpoint(), how);
        running_call<hkd::token_grant> call(site.asker.io, site.asker.ask());
        work_until(site.asker.io, [&] { return answered.is_open(); });
        call.cancel();
        CHECK(call.end.code() == net::error::operation_aborted);
        CHECK(says(call.end.error().what(), "waiting to try again after: HTTP 503"));
        CHECK(server.requests().size() == 1);
    }
    SUBCASE("for App Service to answer")
    {
        identity_site peer(identity_host::app_service, script().read().stall(), {}, patient());
        CHECK(says(cancelled(peer.asker, peer.server).what(), "waiting for the answer"));
    }
    SUBCASE("for Azure Arc's challenge")
    {
        identity_site peer(identity_host::arc, script().read().stall(), {}, patient());
        CHECK(says(cancelled(peer.asker, peer.server).what(), "waiting for the answer"));
    }
    SUBCASE("for Azure Arc's answer to the key")
    {
        arc_files const files;
        identity_site peer(identity_host::arc,
                           script().serve(challenge(files.file("3f.key", arc_key_text))).read().stall(), {},
                           patient(), files.folder());
        running_call<hkd::token_grant> call(peer.asker.io, peer.asker.ask());
        work_until(peer.asker.io, [&] { return peer.server.requests().size() == 2; });
        call.cancel();
        CHECK(call.end.code() == net::error::operation_aborted);
        CHECK_FALSE(says(every_word(call.end.error()), arc_key_text));
    }
    SUBCASE("for IMDS to show that it is there")
    {
        scripted_server const server(script().read().stall(), std::nullopt);
        std::error_code search;
        hkd::transport_settings how = patient();
        how.observer = hk::observer([&search](hk::attempt_ended const& event) { search = event.code; });
        slow_site site(server.endpoint(), how);
        site.asker.from->join_chain();
        CHECK(says(cancelled(site.asker, server).what(), "looking for the instance metadata service"));
        CHECK(search == net::error::operation_aborted); // not left to its own end
    }
    SUBCASE("for a connection")
    {
        scripted_server const server(script().stall(), std::nullopt);
        closed_doors const doors(server.port());
        for (bool const in_chain : {false, true}) {
            slow_site site("http://" + full_address + ":" + std::to_string(server.port()));
            if (in_chain)
                site.asker.from->join_chain();
            std::size_t const before = client_sockets();
            running_call<hkd::token_grant> call(site.asker.io, site.asker.ask());
            work_until(site.asker.io, [&] { return client_sockets() > before; });
            call.cancel();
            CHECK(call.end.code() == net::error::operation_aborted);
            site.asker.io.restart();
            site.asker.io.run();
            CHECK(client_sockets() == before);
        }
    }
}

TEST_CASE("in a chain IMDS is looked for first, without its field, and only until it is found")
{
    identity_site peer(identity_host::imds, script().serve(no_field).serve(good).serve(good).stall());
    peer.asker.from->join_chain();
    CHECK(peer.asker.call().good());
    CHECK(peer.asker.call().good());
    auto const got = peer.server.requests();
    REQUIRE(got.size() == 3);
    CHECK(got[0].head == request_head(got[0], peer.server, "/metadata/identity/oauth2/token", ""));
    for (std::size_t const i : {std::size_t{1}, std::size_t{2}}) {
        CHECK(got[i].field("metadata") == "true");
        CHECK(got[i].line.starts_with("GET /metadata/identity/oauth2/token?api-version=2018-02-01&"));
    }
}

TEST_CASE("any answer shows that IMDS is there")
{
    for (string const& bytes :
         {http(200, "{}"), http(403, "no"), http(404, ""), http(410, ""), http(500, "")}) {
        CAPTURE(bytes);
        identity_site peer(identity_host::imds, script().serve(bytes).serve(good).stall());
        peer.asker.from->join_chain();
        CHECK(peer.asker.call().good());
        CHECK(peer.server.requests().size() == 2);
    }
}

TEST_CASE("a chain goes on when nobody answers for IMDS, after one attempt and a second at most")
{
    for (script const& does :
         {script().read().reset(), script(), script().serve("garbage\r\n\r\n"), script().deaf(),
          script().read().send(no_field.substr(0, 40)).stall(), script().read().pour("HTTP/1.1 100 x\r\n")}) {
        scripted_server const server(does, std::nullopt);
        slow_site site(server.endpoint());
        site.asker.from->join_chain();
        hk::error const failed = site.asker.call().error();
        CHECK(failed.code() == hk::errc::no_credential);
        CHECK(says(failed.what(), "there is no instance metadata service"));
        CHECK(server.connections() == 1);
    }
    scripted_server const elsewhere(script().stall(), std::nullopt);
    closed_doors const doors(elsewhere.port());
    for (string const& address : {refusing_address, full_address}) {
        CAPTURE(address);
        slow_site site("http://" + address + ":" + std::to_string(elsewhere.port()));
        site.asker.from->join_chain();
        CHECK(site.asker.call().code() == hk::errc::no_credential);
    }
}

TEST_CASE("outside a chain IMDS that cannot be reached is a failure like any other")
{
    scripted_server const elsewhere(script().stall(), std::nullopt);
    closed_doors const doors(elsewhere.port());
    string const port = ":" + std::to_string(elsewhere.port());
    identity_surroundings const surroundings(
        identity_surroundings::imds("http://" + refusing_address + port));
    identity_asker asker;
    hk::error const failed = asker.call().error();
    CHECK(failed.code() == hk::errc::connect_failed);
    CHECK(failed.info().retriable());
    CHECK(says(failed.what(), "managed identity (IMDS): "));
}

TEST_CASE("IMDS that was found and then cannot be reached is not there, for a chain")
{
    scripted_server const server(script().serve(no_field).serve(good).stall(), std::nullopt);
    closed_doors const doors(server.port());
    identity_asker asker;
    asker.from->join_chain();
    {
        identity_surroundings const surroundings(identity_surroundings::imds(server.endpoint()));
        CHECK(asker.call().good());
    }
    identity_surroundings const surroundings(
        identity_surroundings::imds("http://" + refusing_address + ":" + std::to_string(server.port())));
    hk::error const failed = asker.call().error();
    CHECK(failed.code() == hk::errc::no_credential);
    CHECK(says(failed.what(), "connecting to " + refusing_address));
}

TEST_CASE("only IMDS is looked for")
{
    arc_files const files;
    identity_site web(identity_host::app_service, script().serve(good));
    web.asker.from->join_chain();
    CHECK(web.asker.call().good());
    CHECK(web.server.requests().size() == 1);
    identity_site agent(identity_host::arc,
                        script().serve(challenge(files.file("3f.key", arc_key_text))).serve(good), {},
                        identity_transport(), files.folder());
    agent.asker.from->join_chain();
    CHECK(agent.asker.call().good());
    CHECK(agent.server.requests().size() == 2);
}

TEST_CASE("a context that goes while IMDS is looked for or asked takes everything with it")
{
    for (bool const in_chain : {false, true}) {
        scripted_server const server(script().read().stall(), std::nullopt);
        std::size_t const before = client_sockets();
        {
            slow_site site(server.endpoint());
            if (in_chain)
                site.asker.from->join_chain();
            ending<hkd::token_grant> end;
            start(site.asker.io.get_executor(), site.asker.ask(), end);
            work_until(site.asker.io, [&] { return !server.requests().empty(); });
        }
        server.wait_for_ends(1);
        CHECK(client_sockets() == before);
    }
}
