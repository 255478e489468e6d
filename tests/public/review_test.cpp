// Failures that were found by looking for them: each of these once went wrong.
#include "support/net/running.hpp"
#include "support/run/detached.hpp"

#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/identity/sources.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace test;

namespace {

std::string const body = R"({"topics":["orders"]})";
std::string const answer = http(200, body);
using names = std::vector<std::string>;

} // namespace

TEST_CASE("bytes behind an answer are not the answer of the call that waits for the connection")
{
    std::string const head = answer.substr(0, answer.size() - body.size());
    std::string const wrong = http(200, R"({"topics":["wrong"]})");
    std::vector<script> scripts(1, script().read().send(head).send(body + wrong).stall());
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(1));
    ending<names> first;
    ending<names> second;
    start(io.get_executor(), client.topics(), first);
    start(io.get_executor(), client.topics(), second);
    io.run();
    REQUIRE(first.good());
    REQUIRE(second.good());
    CHECK(first.get().value() == names(1, "orders"));
    CHECK(second.get().value() == names(1, "orders"));
    CHECK(server.connections() == 2);
}

TEST_CASE("an io_context can be destroyed with very many calls in line for a connection")
{
    gate const arrived;
    scripted_server const server(script().read().tell(arrived).stall());
    std::deque<ending<names>> ends;
    {
        net::io_context io;
        std::chrono::hours const long_enough(1); // also where starting so many takes a sanitizer half a minute
        auto options = options_for(server.endpoint()).max_connections(1);
        options.idle_timeout(long_enough).total_timeout(long_enough);
        hk::client const client(io.get_executor(), std::move(options));
        for (int i = 0; i < 20'000; ++i)
            start(io.get_executor(), client.topics(), ends.emplace_back());
        work_until(io, [&] { return arrived.is_open(); });
        while (io.poll() != 0) {
        }
    }
    for (auto const& end : ends)
        CHECK_FALSE(end.happened());
}

TEST_CASE("a token request of a client that closes is made again by another one that waits for it")
{
    gate const never;
    int calls = 0;
    auto second_time_lucky = [&calls, never]() -> net::awaitable<hk::access_token> {
        if (++calls == 1)
            co_await opened(never);
        co_return hk::access_token("second");
    };
    scripted_server const server(script().serve(answer).forever());
    hk::credential const shared = hk::token_callback(second_time_lucky);
    net::io_context io;
    hk::client const leaving(io.get_executor(), options_for(server.endpoint()).credential(shared));
    hk::client const staying(io.get_executor(), options_for(server.endpoint()).credential(shared));
    ending<names> closed;
    ending<names> good;
    start(io.get_executor(), leaving.topics(), closed);
    while (io.poll() != 0) {
    }
    REQUIRE(calls == 1);
    start(io.get_executor(), staying.topics(), good);
    while (io.poll() != 0) {
    }
    leaving.close();
    io.restart();
    io.run();
    CHECK(closed.code() == hk::errc::closed);
    CHECK(good.good());
    CHECK(calls == 2);
}

TEST_CASE("a token request ends with its time even when the callback never does")
{
    net::io_context io;
    gate const never;
    hk::detail::callback_token_source<> source(hk::detail::token_callback_settings(
        [never](hk::token_request) -> net::awaitable<hk::access_token> {
            co_await opened(never);
            co_return hk::access_token("token");
        }));
    auto const shelf = std::make_shared<hk::detail::timer_shelf<>>(io.get_executor());
    auto const op = std::make_shared<hk::detail::operation<>>(shelf, std::chrono::steady_clock::now() + 10ms);
    std::string const claims;
    hk::detail::token_grant grant;
    test::run_detached(op, source.request(op, nullptr, claims, grant));
    io.run();
    CHECK(op->stopped() == hk::errc::timed_out);
}

namespace {

hk::detail::task wait_past_a_phase(hk::detail::operation_ptr op)
{
    auto const begin = std::chrono::steady_clock::now();
    op->begin_phase(hk::errc::connect_timeout,
                    21ms); // arms the alarm, which the end of the phase leaves alone
    op->end_phase();
    co_await op->rest(begin + 20ms);
    co_return hk::result<void>();
}

} // namespace

TEST_CASE("an alarm that comes when the call has just ended keeps nothing waiting")
{
    net::io_context io;
    auto const shelf = std::make_shared<hk::detail::timer_shelf<>>(io.get_executor());
    auto const start = std::chrono::steady_clock::now();
    auto const op = std::make_shared<hk::detail::operation<>>(shelf, start + 1h);
    test::run_detached(op, wait_past_a_phase(op));
    io.poll();
    CHECK_FALSE(io.stopped());
    while (std::chrono::steady_clock::now() < start + 40ms) {
        // The program computes. Meanwhile the wait and the alarm become due: Asio sees both at once.
    }
    while (io.poll() != 0) {
    }
    CHECK(io.stopped()); // out of work, an hour before the deadline
}

TEST_CASE("a creation that turns out to be done is a success although metadata does not show it yet")
{
    std::string const partitions =
        R"({"topic":"orders","partitions":[{"partition_id":0,"earliest_offset":0,"latest_offset":0}]})";
    std::vector<script> scripts(1, script().read().reset()); // the answer is lost
    scripts.push_back(
        script()
            .serve(http(409, R"({"error_code":40901,"message":"Topic 'orders' already exists."})"))
            .serve(http(404, R"({"error_code":40401,"message":"Topic not found."})"))
            .serve(http(200, partitions))
            .forever());
    scripted_server const server(std::move(scripts), std::nullopt);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).allow_plain_http_to_loopback().retry(quickly(2)));
    auto const end = run(io, client.create_topic("orders", hk::topic_config().partition_count(1)));
    if (!end.good())
        MESSAGE(end.error().what());
    CHECK(end.good());
}

TEST_CASE("looking at a topic that exists already belongs to its creation: one time limit, one name")
{
    std::vector<script> scripts(1, script().read().reset());
    scripts.push_back(script().serve(http(409, "{}")).serve(http(403, "{}")));
    scripted_server const server(std::move(scripts), std::nullopt);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).allow_plain_http_to_loopback().retry(quickly(2)));
    auto const failure =
        run(io, client.create_topic("orders", hk::topic_config().partition_count(1))).error();
    CHECK(failure.code() == hk::errc::forbidden);
    check_what(failure, "create_topic", "orders");
    auto const seen = server.requests();
    REQUIRE(seen.size() == 3);
    CHECK(seen[1].field("x-ms-client-request-id") == seen[2].field("x-ms-client-request-id"));
}

TEST_CASE("a refused record names the operation and the topic")
{
    scripted_server const server(
        script().serve(http(200, R"({"offsets":[{"partition":0,"error_code":1,"error":"no"}]})")),
        std::nullopt);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).allow_plain_http_to_loopback());
    auto const end = run(io, client.produce("orders", hk::records("v")));
    REQUIRE(end.good());
    auto const failure = end.get().value().error(0);
    REQUIRE(failure);
    check_what(*failure, "produce", "orders");
}

TEST_CASE("waiting for a topic names it in every error")
{
    net::io_context io;
    hk::client const client(io.get_executor(), hk::client_options("https://127.0.0.1:1"));
    check_what(run(io, client.wait_for_topic("orders", 1s)).error(), "wait_for_topic", "orders");
}

TEST_CASE("a closed stream hands over nothing more, not even what it had read")
{
    scripted_server const server(
        script().serve(http(200, R"([{"offset":0,"value":1},{"offset":1,"value":2}])")).forever(),
        std::nullopt);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).allow_plain_http_to_loopback());
    auto stream = client.consume("orders", 0, hk::consume_options().from(0));
    CHECK(run(io, stream.next_record()).good());
    stream.close();
    CHECK(run(io, stream.next()).code() == hk::errc::closed);
    CHECK(run(io, stream.next_record()).code() == hk::errc::closed);
}

TEST_CASE("a secret that looks like what stands in its place is taken out, too")
{
    std::string text = "the token REDACTED is bad";
    hk::detail::redact(text, std::vector<std::string>(1, "REDACTED"));
    CHECK(text == "the token REDACTED is bad");
}
