// One id for each operation: on every request that it makes, and in its error.
#include "support/faults/operations.hpp"
#include "support/faults/resolver.hpp"
#include "support/faults/waits.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string id_of(seen_request const& request) { return request.field("x-ms-client-request-id"); }

/// RFC 9562 §4 and §5.4: version 4, variant 10.
bool is_random_uuid(std::string_view text)
{
    constexpr std::string_view pattern = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    if (text.size() != pattern.size())
        return false;
    for (std::size_t i = 0; i != text.size(); ++i) {
        std::string_view allowed = "0123456789abcdef";
        if (pattern[i] == 'v')
            allowed = "89ab";
        else if (pattern[i] != 'x')
            allowed = pattern.substr(i, 1);
        if (allowed.find(text[i]) == std::string_view::npos)
            return false;
    }
    return true;
}

/// The ids of the requests from `first` on.
std::set<std::string> ids_of(std::vector<seen_request> const& requests, std::size_t first = 0)
{
    std::set<std::string> ids;
    for (std::size_t i = first; i < requests.size(); ++i)
        ids.insert(id_of(requests[i]));
    return ids;
}

/// A server that gives these answers in turn, the last one for ever, and a client of it.
class conversation
{
public:
    explicit conversation(std::vector<std::string> const& answers)
        : server(script_of(answers)), client(io.get_executor(), options_for(server.endpoint()))
    {}

    /// Checks that all requests so far had one id, which it gives.
    std::string only_id() const
    {
        auto const ids = ids_of(server.requests());
        REQUIRE(ids.size() == 1);
        return *ids.begin();
    }

    scripted_server server;
    net::io_context io;
    hk::client client;

private:
    static std::vector<script> script_of(std::vector<std::string> const& answers)
    {
        std::vector<script> all;
        for (std::string const& bytes : answers)
            all.push_back(script().serve(bytes));
        return all;
    }
};

std::string last(int status, std::string const& body) { return http(status, body, "Connection: close\r\n"); }

std::string const no_topics = last(200, R"({"topics":[]})");
std::string const empty = last(200, "[]");
std::string const watermarks = last(200, R"({"partition_id":0,"earliest_offset":0,"latest_offset":0})");

} // namespace

TEST_CASE("every request of an operation has the same id, a random UUID, and the next operation has another")
{
    for (operation const& what : all_operations()) {
        CAPTURE(what.name);
        if (what.records)
            continue; // after an outage it is not sent again
        std::vector<script> scripts(1, script().serve(last(503, "{}")));
        scripts.push_back(good_script());
        scripted_server const server(std::move(scripts));
        net::io_context io;
        subject who(io.get_executor(), options_for(server.endpoint()).retry(quickly(1)), what.from);
        REQUIRE(run(io, what.call(&who, hk::call_options())).good());
        auto const first = server.requests();
        REQUIRE(first.size() == 1 + what.requests);
        auto const ids = ids_of(first);
        CHECK(ids.size() == 1);
        CHECK(is_random_uuid(*ids.begin()));

        REQUIRE(run(io, what.call(&who, hk::call_options())).good());
        CHECK_FALSE(ids.contains(id_of(server.requests().at(first.size()))));
    }
}

TEST_CASE("a produce that is refused for the moment keeps its id")
{
    conversation talk({last(429, "{}"), last(200, "{}")});
    hk::client const client(talk.io.get_executor(), options_for(talk.server.endpoint()).retry(quickly(1)));
    REQUIRE(run(talk.io, client.produce("orders", hk::records("v"))).good());
    CHECK(talk.server.requests().size() == 2);
    CHECK(is_random_uuid(talk.only_id()));
}

TEST_CASE("waiting for a topic is one operation, however often it asks")
{
    std::string const listed = last(200, R"({"topics":["orders"]})");
    std::string const known =
        last(200, R"({"partitions":[{"partition_id":0,"earliest_offset":0,"latest_offset":0}]})");
    std::vector<std::string> const answers{no_topics, listed, known, listed, known, listed, known};
    conversation talk(answers);
    REQUIRE(run(talk.io, talk.client.wait_for_topic("orders", 60s)).good());
    CHECK(talk.server.requests().size() == answers.size());
    CHECK(is_random_uuid(talk.only_id()));

    conversation named(answers);
    auto const options = hk::call_options().request_id("mine");
    REQUIRE(run(named.io, named.client.wait_for_topic("orders", 60s, options)).good());
    CHECK(named.server.requests().size() == answers.size());
    CHECK(named.only_id() == "mine");
}

TEST_CASE("waiting in vain for a topic: the error has the id of the requests")
{
    conversation talk({no_topics});
    // Cancelled in the pause that follows the second request.
    running_call<void> call(talk.io, talk.client.wait_for_topic("orders", 60s));
    work_until(talk.io, [&] { return talk.server.requests().size() == 2 && talk.server.ended() == 2; });
    while (talk.io.poll() != 0) {
    }
    call.cancel();
    CHECK(call.end.error().info().request_id == talk.only_id());

    conversation failing({no_topics, last(403, "{}")});
    hk::error const refused = run(failing.io, failing.client.wait_for_topic("orders", 60s)).error();
    CHECK(refused.code() == hk::errc::forbidden);
    CHECK(refused.info().request_id == failing.only_id());
}

TEST_CASE("next() is one operation, however often it reads and looks; the next one is another")
{
    // The third read finds a record.
    auto const reply = [reads = std::make_shared<int>(0)](seen_request const& request) {
        if (request.line.find("/offsets/") == std::string::npos)
            return watermarks;
        int const number = ++*reads;
        return number < 3 ? empty : last(200, R"([{"value":"v","offset":)" + std::to_string(number) + "}]");
    };
    scripted_server const server(script().read().answer(reply));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    auto stream = client.consume("orders", 0, hk::consume_options().from(0).poll(1ms, 1ms));
    REQUIRE(run(io, stream.next()).good());
    auto const first = server.requests();
    CHECK(first.size() >= 3);
    auto const ids = ids_of(first);
    CHECK(ids.size() == 1);
    CHECK(is_random_uuid(*ids.begin()));
    REQUIRE(run(io, stream.next()).good());
    CHECK(ids_of(server.requests(), first.size()).size() == 1);
    CHECK(ids_of(server.requests()).size() == 2);
}

TEST_CASE("a next() that fails: the error has the id of its requests, the caller's if there is one")
{
    for (std::string const given : {"", "mine"}) {
        CAPTURE(given);
        hk::call_options const options = hk::call_options().request_id(given);
        // Nothing arrives; cancelled in a pause.
        conversation quiet({empty, watermarks, empty, watermarks, empty});
        auto stream = quiet.client.consume("orders", 0, hk::consume_options().from(0).poll(1h, 1h));
        running_call<std::optional<hk::record_batch>> call(quiet.io, stream.next(options));
        work_until(quiet.io, [&] {
            while (quiet.io.poll() != 0) {
            }
            return quiet.server.requests().size() == 2 && quiet.server.ended() == 2;
        });
        while (quiet.io.poll() != 0) {
        }
        call.cancel();
        CHECK(call.end.error().info().request_id == quiet.only_id());

        // What the stream itself finds out.
        conversation above({last(400, "{}"), watermarks});
        auto beyond = above.client.consume("orders", 0, hk::consume_options().from(7));
        hk::error const failure = run(above.io, beyond.next(options)).error();
        CHECK(failure.code() == hk::errc::offset_above_latest);
        CHECK(above.server.requests().size() == 2);
        CHECK(failure.info().request_id == above.only_id());
        if (!given.empty()) {
            CHECK(quiet.only_id() == given);
            CHECK(above.only_id() == given);
        }
    }
}

TEST_CASE("a token request has an id of its own, a random UUID, and asks for no coding")
{
    scripted_server const authority(good_script());
    scripted_server const service(good_script());
    net::io_context io;
    hk::client_secret_credential const secret =
        hk::client_secret_credential("tenant", "id", "secret").authority_host(authority.endpoint());
    hk::client const client(io.get_executor(), options_for(service.endpoint()).credential(secret));
    REQUIRE(run(io, client.topics()).good());
    auto const asked = authority.requests();
    REQUIRE(asked.size() == 1);
    CHECK(is_random_uuid(asked[0].field("client-request-id")));
    CHECK(asked[0].field("client-request-id") != id_of(service.requests().at(0)));
    CHECK(asked[0].field("accept-encoding") == "identity");
    CHECK(asked[0].field("authorization") == "(none)");
}
