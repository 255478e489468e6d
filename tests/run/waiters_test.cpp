// waiters: who waits is let go in the order of asking, and nothing that was granted is lost.
#include "support/base/waiting.hpp"
#include "support/run/detached.hpp"
#include "support/run/operations.hpp"

#include <hdikafka/detail/run/waiters.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using test::operation_maker;
using test::run_detached;
using test::step_until;
using test::take_all_steps;
namespace hk = hdikafka;
namespace hkd = hk::detail;
namespace net = asio;

class desk;

/// A right of which there are few: it goes back where it came from.
class ticket
{
public:
    ticket() = default;
    explicit ticket(std::shared_ptr<desk> from) : from_(std::move(from)) {}
    ticket(ticket&& other) noexcept = default;
    ticket& operator=(ticket&& other) noexcept
    {
        std::swap(from_, other.from_);
        return *this;
    }
    ~ticket();

    explicit operator bool() const noexcept { return from_ != nullptr; }

private:
    std::shared_ptr<desk> from_;
};

using line = hkd::waiters<ticket>;

/// Gives tickets to those who ask, or to the first in line when one comes back.
class desk : public std::enable_shared_from_this<desk>
{
public:
    explicit desk(int tickets) : left_(tickets) {}

    ticket ask(line::place& place)
    {
        std::lock_guard const lock(mutex_);
        if (left_ == 0) {
            queue.join(place);
            return ticket();
        }
        --left_;
        return ticket(shared_from_this());
    }

    void give_back()
    {
        std::lock_guard const lock(mutex_);
        if (queue.empty())
            ++left_;
        else
            queue.answer(queue.front(), ticket(shared_from_this()));
    }

    int left() const
    {
        std::lock_guard const lock(mutex_);
        return left_;
    }

    bool waited_for() const
    {
        std::lock_guard const lock(mutex_);
        return !queue.empty();
    }

private:
    mutable std::mutex mutex_;
    int left_;

public:
    line queue{mutex_};
};

ticket::~ticket()
{
    if (from_)
        from_->give_back();
}

/// How a visit to the desk ended.
class visit
{
public:
    bool over = false;
    bool served = false;
    int turn = 0; ///< How many were over before.
    std::error_code code;
    std::string cause;
    ticket held;
};

hkd::task queue_up(hkd::operation_ptr op, std::shared_ptr<desk> at, visit& told, int& turns)
{
    line::place place(at, at->queue, *op);
    told.held = at->ask(place);
    if (!told.held) {
        auto const waited = co_await place.wait("standing in line");
        if (!waited) {
            told.code = waited.error().code();
            told.cause = waited.error().cause();
        }
        told.held = place.take();
    }
    told.served = static_cast<bool>(told.held);
    told.over = true;
    told.turn = turns++;
    co_return hk::result<void>();
}

} // namespace

TEST_CASE("they are let go in the order in which they came, each with what is his")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const at = std::make_shared<desk>(1);
    std::array<visit, 4> visits;
    int turns = 0;
    for (visit& one : visits) {
        auto const op = make.operation();
        run_detached(op, queue_up(op, at, one, turns));
        take_all_steps(io);
    }
    for (int i = 0; i != 4; ++i) {
        CAPTURE(i);
        visit& next = visits.at(static_cast<std::size_t>(i));
        REQUIRE(next.over);
        CHECK(next.served);
        CHECK(next.turn == i);
        CHECK_FALSE(next.code);
        if (i != 3)
            CHECK_FALSE(visits.at(static_cast<std::size_t>(i) + 1).over);
        next.held = ticket();
        take_all_steps(io);
    }
    CHECK(at->left() == 1);
}

TEST_CASE("a wait that is cancelled, closed or too late leaves the line, and the others move up")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const at = std::make_shared<desk>(1);
    int turns = 0;
    visit first;
    visit cancelled;
    visit closed;
    visit late;
    visit last;
    auto const enter = [&](hkd::operation_ptr const& op, visit& told) {
        run_detached(op, queue_up(op, at, told, turns));
        take_all_steps(io);
        return op;
    };
    enter(make.operation(), first);
    auto const one = enter(make.operation(), cancelled);
    auto const two = enter(make.operation(), closed);
    enter(make.operation(1ms), late);
    enter(make.operation(), last);
    one->cancel();
    two->close();
    step_until(io, [&] { return late.over; });
    take_all_steps(io);
    CHECK(cancelled.code == net::error::operation_aborted);
    CHECK(cancelled.cause.ends_with("(while standing in line)"));
    CHECK(closed.code == hk::errc::closed);
    CHECK(late.code == hk::errc::timed_out);
    for (visit const* gone : {&cancelled, &closed, &late}) {
        CHECK(gone->over);
        CHECK_FALSE(gone->served);
    }
    CHECK_FALSE(last.over);
    first.held = ticket();
    take_all_steps(io);
    CHECK(last.served);
}

TEST_CASE("who is woken without an answer waits on")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const at = std::make_shared<desk>(0);
    int turns = 0;
    visit told;
    auto const op = make.operation();
    run_detached(op, queue_up(op, at, told, turns));
    for (int i = 0; i != 3; ++i) {
        op->wake();
        take_all_steps(io);
        CHECK_FALSE(told.over);
    }
    at->give_back();
    take_all_steps(io);
    CHECK(told.served);
}

TEST_CASE("what is granted to one who is interrupted at the same moment reaches him")
{
    for (bool const granted_first : {true, false}) {
        CAPTURE(granted_first);
        net::io_context io;
        operation_maker const make(io.get_executor());
        auto const at = std::make_shared<desk>(0);
        int turns = 0;
        visit told;
        auto const op = make.operation();
        run_detached(op, queue_up(op, at, told, turns));
        take_all_steps(io);
        if (granted_first)
            at->give_back();
        op->cancel();
        if (!granted_first)
            at->give_back();
        take_all_steps(io);
        CHECK(told.served);
        CHECK_FALSE(told.code);
        told.held = ticket();
        CHECK(at->left() == 1);
    }
}

TEST_CASE("with its context a place leaves the line, and what was granted to it goes to the next")
{
    net::io_context other;
    operation_maker const outside(other.get_executor());
    auto const at = std::make_shared<desk>(0);
    int turns = 0;
    visit gone;
    visit granted;
    visit next;
    {
        net::io_context io;
        operation_maker const make(io.get_executor());
        for (visit* one : {&gone, &granted}) {
            auto const op = make.operation();
            run_detached(op, queue_up(op, at, *one, turns));
        }
        take_all_steps(io);
        auto const op = outside.operation();
        run_detached(op, queue_up(op, at, next, turns));
        take_all_steps(other);
        at->give_back(); // to the first; it is not taken any more
    }
    CHECK_FALSE(gone.over);
    CHECK_FALSE(granted.over);
    take_all_steps(other);
    CHECK(next.served);
    CHECK_FALSE(at->waited_for());
    next.held = ticket();
    CHECK(at->left() == 1);
}

TEST_CASE("all can be let go at once, and one who has not joined can be answered")
{
    class office
    {
    public:
        std::mutex mutex;
        hkd::waiters<int> queue{mutex};
    };
    using places = hkd::waiters<int>;
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const at = std::make_shared<office>();
    auto const op = make.operation();
    places::place one(at, at->queue, *op);
    places::place two(at, at->queue, *op);
    places::place apart(at, at->queue, *op);
    CHECK_FALSE(one.waits()); // not yet
    CHECK(one.take() == 0);
    {
        std::lock_guard const lock(at->mutex);
        at->queue.join(one);
        at->queue.join(two);
        CHECK(&at->queue.front() == &one);
    }
    CHECK(one.waits());
    {
        std::lock_guard const lock(at->mutex);
        at->queue.answer(apart, 3);
        at->queue.answer_all(7);
        CHECK(at->queue.empty());
    }
    CHECK_FALSE(one.waits());
    CHECK(one.take() == 7);
    CHECK(one.take() == 0); // once
    CHECK(two.take() == 7);
    CHECK(apart.take() == 3);
}

TEST_CASE("a queue may be nothing but a wait, and outlives nobody who stands in it")
{
    class signal
    {
    public:
        std::mutex mutex;
        hkd::waiters<> queue{mutex};
    };
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const op = make.operation();
    std::optional<hkd::waiters<>::place> place;
    std::weak_ptr<signal> seen;
    {
        auto const at = std::make_shared<signal>();
        seen = at;
        place.emplace(at, at->queue, *op);
        std::lock_guard const lock(at->mutex);
        at->queue.join(*place);
    }
    CHECK_FALSE(seen.expired());
    CHECK(place->waits());
    place.reset();
    CHECK(seen.expired());
}

TEST_CASE("an answer that there is no memory to tell is found at the deadline")
{
    net::io_context io;
    std::atomic<bool> full = false;
    operation_maker const make(test::full_executor(io, full));
    auto const at = std::make_shared<desk>(0);
    int turns = 0;
    visit told;
    auto const op = make.operation(5ms);
    run_detached(op, queue_up(op, at, told, turns));
    take_all_steps(io);
    full = true;
    at->give_back();
    full = false;
    step_until(io, [&] { return told.over; });
    CHECK(told.served);
}

TEST_CASE("on many threads no ticket is lost and none is held by two, whoever is interrupted, and when")
{
    constexpr int rounds = 3000;
    constexpr int tickets = 2;
    constexpr int threads = 4;
    class counts
    {
    public:
        std::atomic<int> holding = 0;
        std::atomic<int> clashes = 0;
        std::atomic<int> served = 0;
        std::atomic<int> gone = 0;
    };
    class visitor
    {
    public:
        static hkd::task run(hkd::operation_ptr op, std::shared_ptr<desk> at, counts& all)
        {
            line::place place(at, at->queue, *op);
            ticket held = at->ask(place);
            if (!held) {
                auto const waited = co_await place.wait("standing in line");
                if (waited)
                    held = place.take();
                else
                    ++all.gone; // what comes now dies with the place
            }
            if (held) {
                all.clashes += ++all.holding > tickets ? 1 : 0;
                co_await op->rest(hkd::steady_clock::now()); // gives up the thread
                --all.holding;
                ++all.served;
            }
            co_return hk::result<void>();
        }
    };
    counts all;
    auto const at = std::make_shared<desk>(tickets);
    {
        net::thread_pool pool(threads);
        operation_maker const make(pool.get_executor());
        for (int round = 0; round != rounds; ++round) {
            auto const op = make.operation();
            run_detached(op, visitor::run(op, at, all), true);
            if (round % 2 == 0)
                net::post(pool, [op] { op->cancel(); });
        }
        pool.wait();
    }
    CHECK(all.clashes == 0);
    CHECK(all.served + all.gone == rounds);
    CHECK(all.served >= rounds / 2);
    CHECK(at->left() == tickets);
    CHECK_FALSE(at->waited_for());
}
