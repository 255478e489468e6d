// Connecting to one of a host's addresses: in which order they are tried, and who wins.
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"
#include "support/run/detached.hpp"

#include <hdikafka/detail/net/address_race.hpp>
#include <hdikafka/detail/run/timer_shelf.hpp>

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using tcp = net::ip::tcp;

namespace {

using address_list = hk::detail::address_race<>::address_list;

/// Nobody listens there: the port was free a moment ago.
tcp::endpoint nobody(net::io_context& io)
{
    tcp::acceptor const gone(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    return gone.local_endpoint();
}

/// A race of its own, under way until its operation ends.
class racing
{
public:
    racing(net::io_context& io, address_list addresses, hk::milliseconds limit)
        : executor(io.get_executor()),
          winner(io),
          op(std::make_shared<hk::detail::operation<>>(std::make_shared<hk::detail::timer_shelf<>>(executor),
                                                       std::chrono::steady_clock::now() + 1h)),
          race(op, executor, std::move(addresses))
    {
        test::run_detached(op, follow(limit));
    }

    net::any_io_executor executor;
    tcp::socket winner;
    hk::detail::operation_ptr op;
    hk::detail::address_race<> race;
    hk::result<void> outcome;
    bool finished = false;

private:
    hk::detail::task follow(hk::milliseconds limit)
    {
        op->begin_phase(hk::errc::connect_timeout, limit);
        outcome = co_await race.run("the host", winner);
        finished = true;
        co_return outcome;
    }
};

} // namespace

TEST_CASE("addresses of two families take turns, those of one keep their order")
{
    auto const ordered = [](std::string addresses) {
        hk::detail::alternate_families(addresses, [](char one) { return one < 'a'; });
        return addresses;
    };
    CHECK(ordered("") == "");
    CHECK(ordered("ABC") == "ABC");
    CHECK(ordered("abc") == "abc");
    CHECK(ordered("ABab") == "AaBb");
    CHECK(ordered("abAB") == "aAbB");
    CHECK(ordered("ABCa") == "AaBC");
    CHECK(ordered("aABC") == "aABC");
    CHECK(ordered("AbBa") == "AbBa");
}

TEST_CASE("the next address is tried 250 ms after the last one, or as soon as one has failed")
{
    using hk::detail::next_attempt;
    constexpr std::chrono::steady_clock::time_point start(1000h);
    CHECK(next_attempt(start, start, true, false) == start + 250ms);
    CHECK(next_attempt(start + 100ms, start, true, false) == start + 250ms);
    CHECK(next_attempt(start + 1s, start, true, false) == start + 250ms);
    CHECK(next_attempt(start + 100ms, start, true, true) == start + 100ms);
    CHECK(next_attempt(start + 100ms, start, false, true) == start + 100ms);
    CHECK(next_attempt(start + 100ms, start, false, false) == start + 100ms);
}

TEST_CASE("the first address that answers is taken")
{
    net::io_context io;
    tcp::acceptor const good(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    racing one(io, address_list(1, good.local_endpoint()), 10s);
    io.run();
    CHECK(one.outcome);
    CHECK(one.winner.remote_endpoint() == good.local_endpoint());
    CHECK(one.race.exhausted());
}

TEST_CASE("an address that refuses makes room for the next at once")
{
    net::io_context io;
    tcp::acceptor const good(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    racing one(io, {nobody(io), nobody(io), good.local_endpoint(), nobody(io)}, 10s);
    io.run();
    CHECK(one.outcome);
    CHECK(one.winner.remote_endpoint() == good.local_endpoint());
    CHECK_FALSE(one.race.exhausted()); // the fourth was not needed
}

TEST_CASE("an address that stays silent does not keep the next one waiting for its own end")
{
    net::io_context io;
    full_listener const silent;
    tcp::acceptor const good(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    racing one(io, {silent.address(), good.local_endpoint()}, 1h);
    io.run();
    CHECK(one.outcome);
    CHECK(one.winner.remote_endpoint() == good.local_endpoint());
    CHECK_FALSE(
        one.race.exhausted()); // the silent one may still be tried, should the other turn out to be of no use
}

TEST_CASE("while an address is silent, the next one is left alone for 250 ms")
{
    net::io_context io;
    full_listener const silent;
    tcp::acceptor next(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    next.non_blocking(true);
    // Who is kept from looking for so long looks again.
    for (bool looked_in_time = false; !looked_in_time;) {
        auto const begun = std::chrono::steady_clock::now();
        racing one(io, {silent.address(), next.local_endpoint()}, 1h);
        io.restart();
        while (io.poll() != 0) {
        }
        std::error_code nobody_there;
        tcp::socket taken(io);
        next.accept(taken, nobody_there);
        looked_in_time = std::chrono::steady_clock::now() < begun + 250ms;
        if (looked_in_time)
            CHECK(nobody_there == net::error::would_block);
        one.op->cancel();
        io.restart();
        io.run();
    }
}

TEST_CASE("when all addresses refuse, the last reason is told; without any, that")
{
    net::io_context io;
    racing refused(io, {nobody(io), nobody(io)}, 10s);
    racing none(io, {}, 10s);
    io.run();
    REQUIRE_FALSE(refused.outcome);
    CHECK(refused.outcome.error().code() == hk::errc::connect_failed);
    CHECK(refused.outcome.error().cause().find("Connection refused") != std::string::npos);
    REQUIRE_FALSE(none.outcome);
    CHECK(none.outcome.error().code() == hk::errc::connect_failed);
}

TEST_CASE("a race that nobody wins ends with its time, or when the call is cancelled; no socket stays open")
{
    net::io_context io;
    full_listener const silent;
    address_list const addresses(3, silent.address());
    racing slow(io, addresses, 20ms);
    racing cancelled(io, addresses, 1h);
    net::post(io, [&cancelled] { cancelled.op->cancel(); });
    io.run(); // returns: nothing is left
    CHECK(slow.outcome.error().code() == hk::errc::connect_timeout);
    CHECK(cancelled.outcome.error().code() == net::error::operation_aborted);
}

TEST_CASE("a context can be destroyed in the middle of a race")
{
    bool finished = false;
    {
        net::io_context io;
        full_listener const silent;
        racing one(io, {silent.address(), silent.address()}, 1h);
        io.poll();
        finished = one.finished;
    }
    CHECK_FALSE(finished);
}
