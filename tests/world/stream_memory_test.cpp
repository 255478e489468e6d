// What a stream over many partitions holds while its program takes its time.
#include "support/base/live_memory.hpp"
#include "support/world/observed.hpp"

#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

using test::by_partition;
using test::from_to;
using test::live_bytes;
namespace hk = hdikafka;

namespace {

constexpr std::size_t megabyte = 1'000'000;

/// An emulator in a process of its own, so that all memory of this one is the client's.
class distant_emulator
{
public:
    explicit distant_emulator(std::function<void(hk::emulator&)> const& fill) : emulator_(io_.get_executor())
    {
        emulator_.start();
        io_.notify_fork(asio::execution_context::fork_prepare);
        process_ = fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0)
            serve(fill);
        io_.notify_fork(asio::execution_context::fork_parent);
    }

    distant_emulator(distant_emulator const&) = delete;
    distant_emulator& operator=(distant_emulator const&) = delete;

    ~distant_emulator()
    {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }

    hk::client_options client_options() const { return emulator_.client_options(); }

private:
    /// In the other process, until it is killed or this one has ended.
    [[noreturn]] void serve(std::function<void(hk::emulator&)> const& fill)
    {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        io_.notify_fork(asio::execution_context::fork_child);
        fill(emulator_);
        io_.run();
        _exit(1);
    }

    asio::io_context io_;
    hk::emulator emulator_;
    pid_t process_ = -1;
};

/// How many requests are under way.
class under_way
{
public:
    void operator()(hk::request_started const&) { ++count; }
    void operator()(hk::request_ended const&) { --count; }

    int count = 0;
};

/// Works on a context, and looks after each step how much memory is in use.
class watched_context
{
public:
    explicit watched_context(asio::io_context& io) : io_(io) {}

    template <class Condition>
    void work_until(Condition condition)
    {
        test::step_until(io_, [&] {
            most_ = std::max(most_, live_bytes());
            return condition();
        });
    }

    std::size_t most() const { return most_; }

private:
    asio::io_context& io_;
    std::size_t most_ = 0;
};

} // namespace

TEST_CASE("a stream over a hundred partitions of large records holds no more than its budget and one answer")
{
    constexpr std::int32_t partitions = 100;
    constexpr int records = 100;
    constexpr std::size_t bytes = 12'000;
    constexpr std::size_t answer = records * (bytes + 100);
    constexpr std::size_t budget = 4 * megabyte;
    // 120 MB in all, more than a megabyte each.
    distant_emulator const service([](hk::emulator& emulator) {
        emulator.add_topic("orders", partitions);
        for (std::int32_t id = 0; id != partitions; ++id)
            test::fill(emulator, records, id, bytes);
    });
    asio::io_context io;
    auto const requests = std::make_shared<under_way>();
    hk::client const client(io.get_executor(), service.client_options().observer(hk::observer(requests)));
    watched_context context(io);
    auto stream = client.consume("orders", hk::consume_options().until(hk::latest).buffer_bytes(budget));
    std::size_t const before = live_bytes();
    REQUIRE(before > 0);

    by_partition seen;
    for (bool ended = false; !ended;) {
        test::ending<std::optional<hk::record_batch>> next;
        test::start(io.get_executor(), stream.next(), next);
        context.work_until([&next] { return next.happened(); });
        auto const& batch = next.get().value();
        ended = !batch;
        if (ended)
            break;
        test::note(seen, *batch);
        // The program takes its time: what was begun comes meanwhile.
        context.work_until([&requests] { return requests->count == 0; });
    }
    CHECK(seen.size() == partitions);
    for (auto const& [id, offsets] : seen)
        CHECK(offsets == from_to(0, records));

    std::size_t const most = context.most() - before;
    CAPTURE(most);
    // It is used; and half a megabyte is for connections and the readers themselves.
    CHECK(most > budget / 2);
    CHECK(most < budget + answer + megabyte / 2);
}
