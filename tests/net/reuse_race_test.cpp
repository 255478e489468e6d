// A server that closes a connection just as a request comes over it: the request goes once more, and then
// over a connection that is made for it.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
using names = std::vector<std::string>;

/// Two connections: the first is with a call whose answer is held back, the second lies idle.
class two_connections
{
public:
    explicit two_connections(script third)
        : server(std::vector<script>{script().read().await(answer_first).send(answer).forever(),
                                     script().serve(answer).read().await(close_second), std::move(third),
                                     script().serve(answer).forever()}),
          client(io.get_executor(), options_for(server.endpoint()).max_connections(2))
    {
        start(io.get_executor(), client.topics(), slow);
        work_until(io, [&] { return server.requests().size() == 1; });
        ending<names> quick;
        start(io.get_executor(), client.topics(), quick);
        work_until(io, [&] { return quick.happened(); });
        REQUIRE(quick.good());
        REQUIRE(server.connections() == 2);
    }

    /// A call whose request the server reads on the second connection, which it then closes.
    void begin_race()
    {
        start(io.get_executor(), client.topics(hk::call_options().request_id("raced")), raced);
        work_until(io, [&] { return server.requests().size() == 3; });
        REQUIRE(server.requests().back().connection == 1);
    }

    /// Which connections the raced call's request went over.
    std::vector<std::size_t> ways_of_raced() const
    {
        std::vector<std::size_t> out;
        for (auto const& request : server.requests())
            if (request.field("x-ms-client-request-id") == "raced")
                out.push_back(request.connection);
        return out;
    }

    gate answer_first;
    gate close_second;
    scripted_server server;
    net::io_context io;
    hk::client client;
    ending<names> slow;
    ending<names> raced;
};

} // namespace

TEST_CASE("another connection lies idle, but it may be just as dead: a new one is made")
{
    two_connections pair(script().serve(answer).forever());
    pair.begin_race();
    pair.answer_first.open();
    work_until(pair.io, [&] { return pair.slow.happened(); });
    REQUIRE(pair.slow.good()); // its connection served later than the one that is about to be lost
    pair.close_second.open();
    work_until(pair.io, [&] { return pair.raced.happened(); });
    CHECK(pair.raced.good());
    CHECK(pair.ways_of_raced() == std::vector<std::size_t>{1, 2});
    CHECK(pair.server.connections() == 3);
    // What was not taken is still there.
    CHECK(pair.server.ended() == 1);
    CHECK(run(pair.io, pair.client.topics()).good());
    CHECK(pair.server.connections() == 3);
}

TEST_CASE("a connection handed over by another call does not do either, when no more may be made")
{
    gate answer_third;
    two_connections pair(script().read().await(answer_third).send(answer).forever());
    pair.begin_race();
    ending<names> waiting;
    start(pair.io.get_executor(), pair.client.topics(), waiting);
    while (pair.io.poll() != 0) {
    }
    pair.close_second.open();
    // The one in line has the place now, and the raced call stands in line.
    work_until(pair.io, [&] { return pair.server.requests().size() == 4; });
    while (pair.io.poll() != 0) {
    }
    CHECK_FALSE(pair.raced.happened());
    CHECK(pair.server.requests().back().connection == 2);
    pair.answer_first.open();
    work_until(pair.io, [&] { return pair.raced.happened(); });
    CHECK(pair.slow.good());
    CHECK(pair.raced.good());
    CHECK(pair.ways_of_raced() == std::vector<std::size_t>{1, 3});
    answer_third.open();
    pair.io.restart();
    pair.io.run();
    CHECK(waiting.good());
    CHECK(pair.server.connections() == 4);
}
