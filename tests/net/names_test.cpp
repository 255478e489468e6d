// Looking up hosts: one look-up at a time, however many wait, and none in the program's way.
#include "support/faults/resolver.hpp"
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <pthread.h>

#include <cstddef>
#include <deque>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
using names = std::vector<std::string>;
using tcp = net::ip::tcp;

/// A look-up of the program's own.
class own_lookup
{
public:
    own_lookup(net::io_context& io, unsigned port) : resolver_(io)
    {
        resolver_.async_resolve(
            "own.test", std::to_string(port), tcp::resolver::numeric_service,
            [this](std::error_code, tcp::resolver::results_type const&) { ended_ = true; });
    }

    bool has_ended() const { return ended_; }

private:
    tcp::resolver resolver_;
    bool ended_ = false;
};

constexpr unsigned own_port = 7; // no server's: it only tells look-ups apart

/// As long as it is there, the system has no memory for another thread's stack.
class no_threads
{
public:
    no_threads()
    {
        pthread_getattr_default_np(&before_);
        pthread_attr_t huge;
        pthread_getattr_default_np(&huge);
        pthread_attr_setstacksize(&huge, std::size_t(1) << 60);
        REQUIRE(pthread_setattr_default_np(&huge) == 0);
        pthread_attr_destroy(&huge);
    }
    no_threads(no_threads const&) = delete;
    no_threads& operator=(no_threads const&) = delete;
    ~no_threads()
    {
        pthread_setattr_default_np(&before_);
        pthread_attr_destroy(&before_);
    }

private:
    pthread_attr_t before_;
};

bool all_ended(std::deque<ending<names>> const& ends)
{
    for (auto const& end : ends)
        if (!end.happened())
            return false;
    return true;
}

/// A server whose name is looked up as slowly as the test wants, and calls that wait for that.
class slow_name
{
public:
    slow_name()
    {
        name_service::get().plan(server_.port(), {lookup("127.0.0.1").tell(asked_).await(slow_),
                                                  lookup("127.0.0.1").tell(asked_again_)});
    }

    hk::client client() { return hk::client(io_.get_executor(), options_for(server_.endpoint("localhost"))); }

    void call(hk::client const& who) { start(io_.get_executor(), who.topics(), ends_.emplace_back()); }

    /// All calls wait by then; whether all have what they asked for in the end, by one look-up.
    void check_that_one_serves_all()
    {
        work_until(io_, [this] { return asked_.is_open(); });
        take_all_steps(io_);
        slow_.open();
        work_until(io_, [this] { return all_ended(ends_); });
        for (auto const& end : ends_)
            CHECK(end.good());
        CHECK_FALSE(asked_again_.is_open());
    }

private:
    scripted_server const server_{script().serve(answer).forever()};
    gate const asked_;
    gate const slow_;
    gate const asked_again_;
    net::io_context io_;
    std::deque<ending<names>> ends_;
};

} // namespace

TEST_CASE("sixteen calls over a slow name server wait for one look-up, whose result serves them all")
{
    slow_name name;
    hk::client const client = name.client();
    for (int i = 0; i != 16; ++i)
        name.call(client);
    name.check_that_one_serves_all();
}

TEST_CASE("clients of one context share a host's look-up")
{
    slow_name name;
    std::deque<hk::client> clients;
    for (int i = 0; i != 4; ++i)
        name.call(clients.emplace_back(name.client()));
    name.check_that_one_serves_all();
}

TEST_CASE("a look-up of the program's own stands behind one of the library's at most")
{
    scripted_server const first(script().serve(answer).forever());
    scripted_server const second(script().serve(answer).forever());
    gate const asked;
    gate const slow;
    gate const second_asked;
    gate const own_asked;
    gate const own_slow;
    name_service::get().plan(first.port(), {lookup("127.0.0.1").tell(asked).await(slow)});
    name_service::get().plan(second.port(), {lookup("127.0.0.1").tell(second_asked)});
    name_service::get().plan(own_port, {lookup("127.0.0.1").tell(own_asked).await(own_slow)});
    net::io_context io;
    hk::client const one(io.get_executor(), options_for(first.endpoint("localhost")));
    hk::client const other(io.get_executor(), options_for(second.endpoint("localhost")));
    std::deque<ending<names>> ends;
    start(io.get_executor(), one.topics(), ends.emplace_back());
    start(io.get_executor(), other.topics(), ends.emplace_back());
    work_until(io, [&] { return asked.is_open(); });
    take_all_steps(io);
    own_lookup const own(io, own_port);
    slow.open();
    work_until(io, [&] { return own_asked.is_open(); });
    CHECK_FALSE(second_asked.is_open());
    own_slow.open();
    work_until(io, [&] { return own.has_ended() && all_ended(ends); });
    for (auto const& end : ends)
        CHECK(end.good());
}

TEST_CASE("a name server that never answers is given up by each call at its own deadline")
{
    scripted_server const server(script().serve(answer).forever());
    gate const asked;
    gate const never;
    name_service::get().plan(server.port(), {lookup("127.0.0.1").tell(asked).await(never)});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")).total_timeout(1h));
    ending<names> patient;
    ending<names> hasty;
    start(io.get_executor(), client.topics(), patient);
    work_until(io, [&] { return asked.is_open(); });
    start(io.get_executor(), client.topics(hk::call_options().timeout(20ms)), hasty);
    work_until(io, [&] { return hasty.happened(); });
    CHECK(hasty.code() == hk::errc::timed_out);
    CHECK_FALSE(patient.happened());
    never.open();
    work_until(io, [&] { return patient.happened(); });
    CHECK(patient.good());
}

TEST_CASE("an answer of the name server that comes after the connect timeout serves the next call")
{
    scripted_server const server(script().serve(answer).forever());
    gate const slow;
    name_service::get().plan(server.port(), {lookup("127.0.0.1").await(slow)});
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint("localhost")).connect_timeout(20ms));
    ending<names> first;
    start(io.get_executor(), client.topics(), first);
    work_until(io, [&] { return first.happened(); });
    CHECK(first.code() == hk::errc::connect_timeout);
    slow.open();
    io.restart();
    io.run();
    hk::client const another(io.get_executor(), options_for(server.endpoint("localhost")));
    CHECK(run(io, another.topics()).good());
}

TEST_CASE("a look-up that failed is told to all who waited for it, and the next call asks again")
{
    scripted_server const server(script().serve(answer).forever());
    gate const asked;
    gate const slow;
    name_service::get().plan(server.port(), {lookup("").tell(asked).await(slow), lookup("127.0.0.1")});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("broker.example")));
    std::deque<ending<names>> ends;
    for (int i = 0; i != 16; ++i)
        start(io.get_executor(), client.topics(), ends.emplace_back());
    work_until(io, [&] { return asked.is_open(); });
    take_all_steps(io);
    slow.open();
    work_until(io, [&] { return all_ended(ends); });
    for (auto const& end : ends)
        CHECK(end.code() == hk::errc::resolve_failed);
    CHECK(run(io, client.topics()).code() == hk::errc::host_mismatch); // it is found
}

TEST_CASE("an address that is found and then refuses is not kept: the next call asks again")
{
    scripted_server const server(script().serve(answer).forever());
    name_service::get().plan(server.port(), {lookup("127.4.4.4"), lookup("127.0.0.1")});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")));
    CHECK(run(io, client.topics()).code() == hk::errc::connect_failed);
    CHECK(run(io, client.topics()).good());
}

TEST_CASE("twenty addresses that refuse are one failure, told in time")
{
    scripted_server const server(script().serve(answer).forever());
    lookup dead("127.4.4.1");
    for (int i = 2; i <= 20; ++i)
        dead.then("127.4.4." + std::to_string(i));
    name_service::get().plan(server.port(), {dead});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")));
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::connect_failed);
    CHECK(failure.info().retriable());
}

TEST_CASE("a thread that cannot be made for a look-up is a failed look-up, and the next call makes one")
{
    scripted_server const server(script().serve(answer).forever());
    name_service::get().plan(server.port(), {});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("broker.example")));
    {
        no_threads const at_all;
        hk::error const failure = run(io, client.topics()).error();
        CHECK(failure.code() == hk::errc::resolve_failed);
        CHECK(failure.info().retriable());
    }
    CHECK(run(io, client.topics()).code() == hk::errc::host_mismatch); // it is found
}
