// children: each ends once and tells it, however it ends, and none outlives its parent for long.
#include "support/base/waiting.hpp"
#include "support/run/operations.hpp"

#include <hdikafka/detail/run/children.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using test::operation_maker;
using test::step_until;
using test::take_all_steps;
namespace hk = hdikafka;
namespace hkd = hk::detail;
namespace net = asio;

/// What became of a child.
class fate
{
public:
    int begun = 0;
    int ended = 0;
    int gone = 0;
    bool frame_held = false; ///< The coroutine was there when it ended.
    std::error_code code;
    std::string cause;
    std::function<void()> at_end;
};

/// Counts the coroutines that hold it.
class frame_mark
{
public:
    explicit frame_mark(int& count) : count_(count) { ++count_; }
    frame_mark(frame_mark const&) = delete;
    frame_mark& operator=(frame_mark const&) = delete;
    ~frame_mark() { --count_; }

private:
    int& count_;
};

class probe : public hkd::child<>
{
public:
    explicit probe(fate& told) : told_(told) {}
    ~probe() override { ++told_.gone; }

    void ended(hk::result<void> const& outcome) noexcept override
    {
        ++told_.ended;
        told_.frame_held = frames_ != 0;
        if (!outcome) {
            told_.code = outcome.error().code();
            told_.cause = outcome.error().cause();
        }
        if (told_.at_end)
            told_.at_end();
    }

protected:
    fate& told_;
    int frames_ = 0;
};

/// Parks until it is woken, cancelled or too late.
class sleeper final : public probe
{
public:
    using probe::probe;

    hkd::task run(hkd::operation_ptr op) override
    {
        frame_mark const mark(frames_);
        ++told_.begun;
        bool const woken = co_await op->park();
        if (!woken)
            co_return op->interruption("sleeping");
        co_return hk::result<void>();
    }
};

/// Ends as soon as it has begun, with what a function does.
class sprinter final : public probe
{
public:
    sprinter(fate& told, std::function<hk::result<void>()> what) : probe(told), what_(std::move(what)) {}

    hkd::task run(hkd::operation_ptr) override
    {
        frame_mark const mark(frames_);
        ++told_.begun;
        co_return what_();
    }

private:
    std::function<hk::result<void>()> what_;
};

/// For whose coroutine there is no memory.
class stillborn final : public probe
{
public:
    using probe::probe;

    hkd::task run(hkd::operation_ptr) override { throw std::bad_alloc(); }
};

hk::result<void> fine() { return hk::result<void>(); }

std::unique_ptr<hkd::child<>> sleep(fate& told) { return std::make_unique<sleeper>(told); }

std::unique_ptr<hkd::child<>> sprint(fate& told, std::function<hk::result<void>()> what = fine)
{
    return std::make_unique<sprinter>(told, std::move(what));
}

void check_ended_once(fate const& told)
{
    CHECK(told.ended == 1);
    CHECK(told.gone == 1);
    CHECK_FALSE(told.frame_held);
}

} // namespace

TEST_CASE("a child tells what its work came to, once, when its coroutine is gone")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    hkd::children<> all;
    fate good;
    fate refused;
    all.start(make.operation(), sprint(good));
    all.start(make.operation(),
              sprint(refused, []() -> hk::result<void> { return hk::error(hk::errc::throttled, "no"); }));
    CHECK(good.begun == 0); // this is no thread of the executor
    take_all_steps(io);
    check_ended_once(good);
    CHECK_FALSE(good.code);
    check_ended_once(refused);
    CHECK(refused.code == hk::errc::throttled);
    CHECK(refused.cause == "no");
}

TEST_CASE("what a child's work throws is its outcome")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    hkd::children<> all;
    fate typed;
    fate standard;
    fate memory;
    fate other;
    all.start(make.operation(),
              sprint(typed, []() -> hk::result<void> { throw hk::error(hk::errc::forbidden, "mine"); }));
    all.start(make.operation(),
              sprint(standard, []() -> hk::result<void> { throw std::runtime_error("theirs"); }));
    all.start(make.operation(), sprint(memory, []() -> hk::result<void> { throw std::bad_alloc(); }));
    all.start(make.operation(), sprint(other, []() -> hk::result<void> { throw 1; }));
    take_all_steps(io);
    for (fate const* one : {&typed, &standard, &memory, &other})
        check_ended_once(*one);
    CHECK(typed.code == hk::errc::forbidden);
    CHECK(typed.cause == "mine");
    CHECK(standard.code == hk::errc::invalid_option);
    CHECK(standard.cause.ends_with("theirs"));
    CHECK(memory.code == std::errc::not_enough_memory);
    CHECK(other.code == hk::errc::invalid_option);
}

TEST_CASE("within a turn of the executor a child may end before start() returns, and start another")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    hkd::children<> all;
    fate first;
    fate second;
    fate later;
    first.at_end = [&] {
        all.close(); // it has left: nobody is told
        all.start(make.operation(), sprint(second));
    };
    net::post(io, [&] {
        all.start(make.operation(), sprint(first));
        CHECK(first.ended == 1);
        CHECK(second.ended == 1);
        all.start(make.operation(), sprint(later), nullptr, true);
        CHECK(later.begun == 0); // the executor has this to finish first
    });
    take_all_steps(io);
    check_ended_once(first);
    check_ended_once(second);
    check_ended_once(later);
}

TEST_CASE("a child that stalls ends at its deadline, with its parent, or when it is told to")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    fate late;
    fate closed;
    fate cancelled;
    fate orphan;
    fate untouched;
    hkd::children<> waiting;
    waiting.start(make.operation(1ms), sleep(late));
    hkd::children<> other;
    other.start(make.operation(), sleep(untouched));
    {
        hkd::children<> all;
        all.start(make.operation(), sleep(closed));
        take_all_steps(io);
        all.close();
        take_all_steps(io);
        CHECK(closed.ended == 1);
        all.start(make.operation(), sleep(cancelled)); // close() ends what was there, no more
        take_all_steps(io);
        CHECK(cancelled.ended == 0);
        all.cancel();
        all.start(make.operation(), sleep(orphan));
    }
    step_until(io, [&] { return late.ended != 0; });
    take_all_steps(io);
    check_ended_once(late);
    CHECK(late.code == hk::errc::timed_out);
    check_ended_once(closed);
    CHECK(closed.code == hk::errc::closed);
    check_ended_once(cancelled);
    CHECK(cancelled.code == net::error::operation_aborted);
    check_ended_once(orphan);
    CHECK(orphan.code == hk::errc::closed);
    CHECK(untouched.ended == 0);
    other.close();
    take_all_steps(io);
    check_ended_once(untouched);
}

TEST_CASE("closed before it could begin, a child begins, and nothing it waits for comes")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    hkd::children<> all;
    fate told;
    all.start(make.operation(), sleep(told), nullptr, true);
    all.close();
    take_all_steps(io);
    check_ended_once(told);
    CHECK(told.begun == 1);
    CHECK(told.code == hk::errc::closed);
}

TEST_CASE("a registry's close() ends the children that joined it, and nothing joins it any more")
{
    net::io_context io;
    operation_maker const make(io.get_executor());
    auto const registry = std::make_shared<hkd::operation_registry<>>();
    hkd::children<> all;
    fate joined;
    fate apart;
    fate too_late;
    fate done;
    all.start(make.operation(), sleep(joined), registry);
    all.start(make.operation(), sleep(apart));
    all.start(make.operation(), sprint(done), registry);
    take_all_steps(io);
    check_ended_once(done); // and left the registry
    registry->close();
    all.start(make.operation(), sprint(too_late), registry);
    check_ended_once(too_late);
    CHECK(too_late.begun == 0);
    CHECK(too_late.code == hk::errc::closed);
    CHECK(too_late.cause == "the client is closed");
    take_all_steps(io);
    check_ended_once(joined);
    CHECK(joined.code == hk::errc::closed);
    CHECK(apart.ended == 0);
    all.close();
    take_all_steps(io);
    check_ended_once(apart);
}

TEST_CASE("children whose context is destroyed hear of it, begun or not, also when the parent went first")
{
    fate begun;
    fate not_begun;
    fate orphan;
    fate next;
    auto const registry = std::make_shared<hkd::operation_registry<>>();
    hkd::children<> all;
    {
        std::optional<hkd::children<>> early(std::in_place);
        net::io_context io;
        operation_maker const make(io.get_executor());
        all.start(make.operation(), sleep(begun), registry);
        early->start(make.operation(1h), sleep(orphan));
        take_all_steps(io);
        early.reset(); // what it tells is not heard any more
        all.start(make.operation(), sleep(not_begun));
        begun.at_end = [&, op = make.operation()]() mutable {
            all.start(std::exchange(op, nullptr), sleep(next));
        };
    }
    for (fate const* one : {&begun, &not_begun, &orphan, &next})
        check_ended_once(*one);
    CHECK(begun.begun == 1);
    CHECK(begun.code == hk::errc::closed);
    CHECK(begun.cause == "the executor's context was destroyed");
    CHECK(not_begun.begun == 0);
    CHECK(not_begun.code == hk::errc::closed);
    all.close(); // nobody is left to be told
    registry->close();
}

TEST_CASE("a child may be what keeps its parent, and its parent's lock may be taken at its end")
{
    class parent
    {
    public:
        std::mutex mutex;
        hkd::children<> all;
    };
    net::io_context io;
    operation_maker const make(io.get_executor());
    fate told;
    auto kept = std::make_shared<parent>();
    std::weak_ptr<parent> const seen = kept;
    told.at_end = [kept] { std::lock_guard const lock(kept->mutex); };
    kept->all.start(make.operation(), sleep(told));
    take_all_steps(io);
    kept->all.close();
    kept.reset();
    CHECK_FALSE(seen.expired());
    take_all_steps(io);
    check_ended_once(told);
    told.at_end = nullptr;
    CHECK(seen.expired());
}

TEST_CASE("a child that cannot be started for want of memory has ended")
{
    net::io_context io;
    std::atomic<bool> full = false;
    operation_maker const make(test::full_executor(io, full));
    auto const registry = std::make_shared<hkd::operation_registry<>>();
    hkd::children<> all;
    fate frameless;
    fate unposted;
    fate undone;
    fate unclosed;
    CHECK_THROWS_AS(all.start(make.operation(), std::make_unique<stillborn>(frameless), registry),
                    std::bad_alloc);
    check_ended_once(frameless);
    CHECK(frameless.code == std::errc::not_enough_memory);
    all.start(make.operation(5ms), sleep(unclosed), registry);
    take_all_steps(io);
    full = true;
    CHECK_THROWS_AS(all.start(make.operation(), sleep(unposted), registry), std::bad_alloc);
    CHECK_THROWS_AS(all.start(make.operation(), sleep(undone), registry, true), std::bad_alloc);
    check_ended_once(unposted);
    check_ended_once(undone);
    CHECK(unposted.begun == 0);
    all.close(); // cannot be told
    registry->close();
    full = false;
    step_until(io, [&] { return unclosed.ended != 0; });
    check_ended_once(unclosed);
    CHECK(unclosed.code == hk::errc::timed_out);
}

TEST_CASE("on many threads each child ends once, whoever closes, and when")
{
    constexpr int rounds = 3000;
    constexpr int threads = 4;
    class counts
    {
    public:
        std::atomic<int> ended = 0;
        std::atomic<int> good = 0;
    };
    class worker final : public hkd::child<>
    {
    public:
        worker(counts& all, bool ends) : all_(all), ends_(ends) {}
        hkd::task run(hkd::operation_ptr op) override
        {
            if (!ends_)
                co_await op->park();
            co_return hk::result<void>();
        }
        void ended(hk::result<void> const& outcome) noexcept override
        {
            ++all_.ended;
            all_.good += outcome ? 1 : 0;
        }

    private:
        counts& all_;
        bool ends_;
    };
    counts all;
    auto const registry = std::make_shared<hkd::operation_registry<>>();
    {
        net::thread_pool pool(threads);
        operation_maker const make(pool.get_executor());
        for (int round = 0; round != rounds; ++round) {
            auto const family = std::make_shared<hkd::children<>>();
            net::post(pool, [family] { family->close(); });
            for (int i = 0; i != threads; ++i)
                family->start(make.operation(), std::make_unique<worker>(all, i % 2 == 0), registry,
                              i % 3 == 0);
            net::post(pool, [family] { family->cancel(); }); // or the last one who holds it
        }
        pool.wait();
    }
    CHECK(all.ended == rounds * threads);
    CHECK(all.good == rounds * threads);
}
