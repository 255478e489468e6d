// One credential for clients on several contexts, which are run by several threads, stopped, run again and
// destroyed whenever it happens, also while a token is asked for on them. Meant to be run under
// ThreadSanitizer and AddressSanitizer: nothing reaches into a context that another thread is destroying, and
// who stays gets a token.
#include "support/net/running.hpp"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace test;

namespace {

using names = std::vector<std::string>;
std::string const topics = http(200, R"({"topics":["orders"]})");
// Only those who wait for it have it: the next call asks for another.
std::string const short_lived = http(200, R"({"token_type":"Bearer","expires_in":0,"access_token":"t"})");

hk::credential secret_at(scripted_server const& authority)
{
    return hk::client_secret_credential("contoso.example", "id-1", "a secret")
        .authority_host(authority.endpoint());
}

/// Tokens that take some turns of the executor to make, and live no longer than those of `short_lived`.
hk::credential made_here()
{
    return hk::token_callback([]() -> net::awaitable<hk::access_token> {
        for (int i = 0; i != 3; ++i)
            co_await net::post(co_await net::this_coro::executor, net::use_awaitable);
        co_return hk::access_token("t", 0s);
    });
}

/// Threads that run a context.
class crew
{
public:
    explicit crew(net::io_context& io)
    {
        for (int i = 0; i != 2; ++i)
            threads_.emplace_back([&io] { io.run(); });
    }
    crew(crew const&) = delete;
    crew& operator=(crew const&) = delete;
    ~crew()
    {
        for (std::thread& one : threads_)
            one.join();
    }

private:
    std::vector<std::thread> threads_;
};

/// Calls without a pause, as long as its context runs.
net::awaitable<void> call_again_and_again(hk::client const& client, std::atomic<int>& good)
{
    for (;;) {
        auto const end = co_await hk::as_result(client.topics());
        good += end ? 1 : 0;
    }
}

/// Waits until `count` has grown by `more`.
void await_growth(std::atomic<int> const& count, int more)
{
    patience const limit(std::source_location::current());
    int const enough = count + more;
    while (count < enough) {
        if (limit.is_over())
            limit.give_up("calls do not come to their end");
        std::this_thread::yield();
    }
}

/// One context after the other, each with a client of the shared credential that gets answers, is stopped,
/// maybe goes on, and is destroyed with calls in flight.
void live_and_die(hk::client_options const& options, unsigned seed, int lives, std::atomic<int>& good)
{
    std::minstd_rand random(seed);
    for (int life = 0; life != lives; ++life) {
        std::atomic<int> mine = 0;
        net::io_context io;
        std::optional<hk::client> client;
        client.emplace(io.get_executor(), options);
        auto const strand = net::make_strand(io);
        std::optional<hk::client> on_strand;
        on_strand.emplace(strand, options);
        for (int i = 0; i != 3; ++i)
            net::co_spawn(io, call_again_and_again(*client, mine), net::detached);
        net::co_spawn(strand, call_again_and_again(*on_strand, mine), net::detached);
        auto const stretches = 1 + random() % 2;
        for (auto i = stretches; i != 0; --i) {
            io.restart();
            crew const threads(io);
            await_growth(mine, static_cast<int>(1 + random() % 8));
            io.stop();
        } // joined
        for (auto i = stretches; i != 0; --i) {
            io.restart();
            for (auto steps = random() % 20; steps != 0; --steps)
                io.poll_one();
        }
        good += mine;
    }
}

void share(hk::credential const& shared, int lives)
{
    constexpr unsigned contexts = 3;
    scripted_server const service(script().serve(topics).forever(), std::nullopt);
    auto const options = options_for(service.endpoint()).credential(shared).allow_plain_http_to_loopback();
    std::atomic<int> good = 0;
    {
        std::vector<std::thread> owners;
        for (unsigned i = 0; i != contexts; ++i)
            owners.emplace_back([&, i] { live_and_die(options, i + 1, lives, good); });
        for (std::thread& one : owners)
            one.join();
    }
    CHECK(good >= static_cast<int>(contexts) * lives);
    // And the credential is as good as new.
    net::io_context io;
    hk::client const last(io.get_executor(), options);
    CHECK(run(io, last.topics()).good());
}

} // namespace

TEST_CASE("contexts of clients that share a credential are stopped and destroyed at any moment")
{
    SUBCASE("of a token that the program makes") { share(made_here(), 100); }
    SUBCASE("of a token that an authority gives")
    {
        scripted_server const authority(script().serve(short_lived).forever());
        share(secret_at(authority), 30);
    }
}

TEST_CASE("a context that is destroyed while it asks for a token leaves the asking to another client")
{
    gate const asked;
    gate const never;
    scripted_server const authority(
        {script().read().tell(asked).await(never), script().serve(short_lived).forever()});
    scripted_server const service(script().serve(topics).forever());
    auto const options = options_for(service.endpoint()).credential(secret_at(authority));
    auto gone = std::make_unique<net::io_context>();
    std::optional<hk::client> first;
    first.emplace(gone->get_executor(), options);
    ending<names> unfinished;
    start(gone->get_executor(), first->topics(), unfinished);
    work_until(*gone, [&asked] { return asked.is_open(); });

    net::io_context io;
    hk::client const second(io.get_executor(), options);
    ending<names> end;
    start(io.get_executor(), second.topics(), end);
    take_all_steps(io);
    CHECK_FALSE(end.happened());
    first.reset();
    gone.reset();
    io.restart();
    io.run();
    CHECK(end.good());
    CHECK_FALSE(unfinished.happened());
    CHECK(authority.requests().size() == 2);
}

TEST_CASE("those who wait on a context that is destroyed are forgotten, and the token comes to the others")
{
    gate const go_on;
    gate const asked;
    scripted_server const authority(script().read().tell(asked).await(go_on).send(short_lived).stall());
    scripted_server const service(script().serve(topics).forever());
    auto const options = options_for(service.endpoint()).credential(secret_at(authority));
    net::io_context io;
    hk::client const first(io.get_executor(), options);
    ending<names> end;
    start(io.get_executor(), first.topics(), end);
    work_until(io, [&asked] { return asked.is_open(); });

    std::deque<ending<names>> unfinished;
    {
        net::io_context plain;
        net::io_context stranded;
        net::thread_pool pool(2);
        std::deque<hk::client> clients;
        for (net::any_io_executor const& executor :
             {net::any_io_executor(plain.get_executor()), net::any_io_executor(net::make_strand(stranded)),
              net::any_io_executor(pool.get_executor())}) {
            clients.emplace_back(executor, options);
            start(executor, clients.back().topics(), unfinished.emplace_back());
        }
        take_all_steps(plain);
        take_all_steps(stranded);
    }
    go_on.open();
    io.restart();
    io.run();
    CHECK(end.good());
    for (auto const& one : unfinished)
        CHECK_FALSE(one.happened());
    CHECK(authority.requests().size() == 1);
}

namespace {

/// The executor of `io`; it counts what is posted while the context is being destroyed.
class watched_executor
{
public:
    watched_executor(net::io_context& io, std::atomic<bool> const& ending, std::atomic<int>& late)
        : io_(&io), ending_(&ending), late_(&late)
    {}

    net::execution_context& query(net::execution::context_t) const noexcept { return *io_; }
    static constexpr net::execution::blocking_t query(net::execution::blocking_t) noexcept
    {
        return net::execution::blocking.never;
    }
    watched_executor require(net::execution::blocking_t::never_t) const noexcept { return *this; }

    template <class Function>
    void execute(Function function) const
    {
        *late_ += *ending_ ? 1 : 0;
        net::post(*io_, std::move(function));
    }

    friend bool operator==(watched_executor const&, watched_executor const&) noexcept = default;

private:
    net::io_context* io_;
    std::atomic<bool> const* ending_;
    std::atomic<int>* late_;
};

/// What a context's queue holds, and what is done when it is taken apart.
class last_moment
{
public:
    explicit last_moment(std::function<void()> then) : then_(std::move(then)) {}
    last_moment(last_moment const&) = delete;
    last_moment& operator=(last_moment const&) = delete;
    ~last_moment() { then_(); }

private:
    std::function<void()> then_;
};

} // namespace

TEST_CASE(
    "nothing is posted into a context that is being destroyed when a token comes for those who wait there")
{
    gate const asked;
    gate const go_on;
    gate const answered;
    scripted_server const authority(script().read().tell(asked).await(go_on).send(short_lived).stall());
    scripted_server const service(script().serve(topics).forever());
    auto const options = options_for(service.endpoint()).credential(secret_at(authority));
    net::io_context io;
    hk::client const stays(io.get_executor(), options);
    net::co_spawn(io, hk::as_result(stays.topics()),
                  [&answered](std::exception_ptr, hk::result<names> const&) { answered.open(); });
    std::thread other([&io] { io.run(); });
    asked.wait();

    constexpr int several = 3;
    std::atomic<bool> ending = false;
    std::atomic<int> late = 0;
    auto gone = std::make_unique<net::io_context>();
    std::optional<hk::client> goes;
    goes.emplace(watched_executor(*gone, ending, late), options);
    std::deque<running_call<names>> calls;
    for (int i = 0; i != several; ++i)
        calls.emplace_back(*gone, goes->topics());
    take_all_steps(*gone);
    // What ends their wait gets into the queue behind the last moment.
    for (auto& one : calls)
        one.begin_to_cancel();
    auto moment = std::make_shared<last_moment>([&] {
        ending = true;
        go_on.open();
        answered.wait();
    });
    net::post(*gone, [moment] {});
    moment.reset();
    for (int i = 0; i != several; ++i)
        gone->poll_one();
    REQUIRE_FALSE(ending);
    goes.reset();
    gone.reset();
    other.join();
    CHECK(ending);
    CHECK(late == 0);
    for (auto const& one : calls)
        CHECK_FALSE(one.end.happened());
}

TEST_CASE("a chain is not asked by two clients at once, though the first goes on with its request one day")
{
    gate const asked;
    gate const go_on;
    scripted_server const authority({script().read().tell(asked).await(go_on).send(short_lived).forever(),
                                     script().serve(short_lived).forever()});
    scripted_server const service(script().serve(topics).forever());
    hk::credential const shared =
        hk::chained_credential(hk::client_secret_credential("contoso.example", "id-1", "a secret")
                                   .authority_host(authority.endpoint()));
    auto const options = options_for(service.endpoint()).credential(shared);
    net::io_context stopped;
    hk::client const first(stopped.get_executor(), options);
    ending<names> late;
    start(stopped.get_executor(), first.topics(), late);
    work_until(stopped, [&asked] { return asked.is_open(); });

    std::atomic<int> good = 0;
    {
        net::io_context io;
        hk::client const second(io.get_executor(), options);
        net::co_spawn(io, call_again_and_again(second, good), net::detached);
        crew const threads(io);
        await_growth(good, 1); // without the first
        go_on.open();
        work_until(stopped, [&late] { return late.happened(); }); // beside requests of the second
        await_growth(good, 1);
        io.stop();
    }
    CHECK(late.good());
    CHECK(good >= 2);
}
