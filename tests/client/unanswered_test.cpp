// A produce that is not answered: whether its topic exists is looked up, within its time, and told.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <hdikafka/detail/client/unanswered.hpp>
#include <hdikafka/producer.hpp>

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const does_not_exist = "the topic orders does not exist";

std::string topics(std::string const& names) { return http(200, R"({"topics":[)" + names + "]}"); }

/// Reads a produce and says nothing; further connections are served by the other script.
std::vector<script> silent_then(script other) { return {script().read().stall(), std::move(other)}; }

/// Limits of a produce that ends in the silence: which of them does it.
struct
{
    std::string name;
    hk::milliseconds idle;
    hk::milliseconds total;
    hk::errc code;
} const limits[] = {
    {"idle_timeout", 100ms, 60s, hk::errc::idle_timeout},
    {"total_timeout", 60s, 5s, hk::errc::timed_out},
};

hk::client_options impatient(scripted_server const& server, hk::milliseconds idle, hk::milliseconds total)
{
    return options_for(server.endpoint()).idle_timeout(idle).total_timeout(total);
}

bool tells(hk::error const& failure)
{
    return std::string(failure.what()).find(does_not_exist) != std::string::npos;
}

} // namespace

TEST_CASE("a produce that is not answered says that its topic does not exist, and stays in doubt")
{
    for (auto const& one : limits)
        for (bool const exists : {false, true}) {
            CAPTURE(one.name);
            CAPTURE(exists);
            std::string const listed = exists ? R"("orders","payments")" : R"("payments")";
            scripted_server const server(silent_then(script().serve(topics(listed)).forever()));
            net::io_context io;
            hk::client const client(io.get_executor(), impatient(server, one.idle, one.total));
            hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
            CHECK(failure.code() == one.code);
            CHECK(failure.info().persisted() == hk::persistence::possibly);
            CHECK(failure.info().retriable());
            CHECK(tells(failure) == !exists);
            check_what(failure, "produce", "orders");
            auto const requests = server.requests();
            REQUIRE(requests.size() == 2);
            CHECK(requests[1].line.starts_with("GET /v1/metadata/topics "));
            CHECK(requests[1].field("x-ms-client-request-id") == failure.info().request_id);
        }
}

TEST_CASE("a service that keeps silent about topics it does not have is found out")
{
    emulated service(hk::emulator_options().quirks(hk::emulator_quirks().missing_topic_hangs(true)));
    hk::client const client(service.io.get_executor(), service.emulator.client_options().idle_timeout(200ms));
    auto const sent = service.run(client.produce("orders", hk::records("v")));
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code() == hk::errc::idle_timeout);
    CHECK(tells(sent.error()));
}

TEST_CASE("so does a producer's batch")
{
    for (auto const& one : limits) {
        CAPTURE(one.name);
        scripted_server const server(silent_then(script().serve(topics("")).forever()));
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, one.idle, one.total));
        hk::producer producer(client);
        hk::error const failure =
            run(io, producer.send("orders", hk::record("v"), hk::call_options().timeout(60s))).error();
        CHECK(failure.code() == one.code);
        CHECK(failure.info().persisted() == hk::persistence::possibly);
        CHECK(tells(failure));
        check_what(failure, "send", "orders");
    }
}

TEST_CASE("a look that fails or is not answered either changes nothing")
{
    for (auto const& other : {script().serve(http(500, "{}")).forever(), script().read().reset(),
                              script().serve(http(200, "{}")).forever(), script().read().stall()}) {
        scripted_server const server(silent_then(other));
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 100ms, 60s));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::idle_timeout);
        CHECK(failure.info().persisted() == hk::persistence::possibly);
        CHECK_FALSE(tells(failure));
        CHECK(server.requests().size() == 2);
    }
}

TEST_CASE("cancelled or closed during the look, a produce ends so, in doubt")
{
    for (bool const by_closing : {false, true}) {
        CAPTURE(by_closing);
        gate const looks;
        scripted_server const server(silent_then(script().read().tell(looks).stall()));
        net::io_context io;
        // The silence that ends the produce must not end the look.
        hk::client const client(io.get_executor(), impatient(server, 60s, 10s));
        running_call<hk::receipt> call(io, client.produce("orders", hk::records("v")));
        work_until(io, [&looks] { return looks.is_open(); });
        if (by_closing) {
            client.close();
            work_until(io, [&call] { return call.end.happened(); });
        } else {
            call.cancel();
        }
        hk::error const failure = call.end.error();
        CHECK(failure.code() ==
              (by_closing ? make_error_code(hk::errc::closed) : net::error::operation_aborted));
        CHECK(failure.info().persisted() == hk::persistence::possibly);
        CHECK_FALSE(failure.info().retriable());
        check_what(failure, "produce", "orders");
    }
}

TEST_CASE("nothing is looked up where there is no doubt about silence")
{
    SUBCASE("nothing was sent")
    {
        scripted_server const server(script().without_handshake().stall());
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 60s, 600ms));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::timed_out);
        CHECK(failure.info().persisted() == hk::persistence::none);
        CHECK(server.connections() == 1);
    }
    SUBCASE("the connection broke")
    {
        scripted_server const server(script().read().reset());
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 60s, 60s));
        CHECK(run(io, client.produce("orders", hk::records("v"))).code() == hk::errc::connection_lost);
        CHECK(server.connections() == 1);
    }
    SUBCASE("it is a read")
    {
        scripted_server const server(script().read().stall());
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 100ms, 60s));
        CHECK(run(io, client.fetch("orders", 0, 0, 1)).code() == hk::errc::idle_timeout);
        CHECK(server.connections() == 1);
    }
    SUBCASE("the topic was created a moment ago")
    {
        scripted_server const server(script().serve(http(200, "")).read().stall());
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 100ms, 60s));
        REQUIRE(run(io, client.create_topic("orders")).good());
        CHECK(run(io, client.produce("orders", hk::records("v"))).code() == hk::errc::idle_timeout);
        CHECK(server.connections() == 1);
    }
    SUBCASE("its time is too short for it")
    {
        scripted_server const server(script().read().stall());
        net::io_context io;
        hk::client const client(io.get_executor(), impatient(server, 60s, 400ms));
        CHECK(run(io, client.produce("orders", hk::records("v"))).code() == hk::errc::timed_out);
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("of a produce's time a tenth is kept for the look, a second at most, or nothing")
{
    using hk::detail::kept_for_look;
    CHECK(kept_for_look(60s) == 1s);
    CHECK(kept_for_look(5s) == 500ms);
    CHECK(kept_for_look(500ms) == 50ms);
    CHECK(kept_for_look(499ms) == 0ms);
    CHECK(kept_for_look(0ms) == 0ms);
    CHECK(kept_for_look(-1ms) == 0ms);
}
