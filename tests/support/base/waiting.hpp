// Working on an io_context until something has happened. What never happens ends the test, which says where
// it waited.
#ifndef HDIKAFKA_TESTS_SUPPORT_WAITING_HPP
#define HDIKAFKA_TESTS_SUPPORT_WAITING_HPP

#include <hdikafka/detail/run/asio.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <limits>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>

namespace test {

namespace net = ::asio;

/// Far more than anything takes, also under a sanitizer on a machine that has much else to do.
class patience
{
public:
    explicit patience(std::source_location const& where) : where_(where) {}

    std::chrono::steady_clock::time_point end() const { return end_; }
    bool is_over() const { return std::chrono::steady_clock::now() >= end_; }

    [[noreturn]] void give_up(char const* why) const
    {
        std::string const place = std::string(where_.file_name()) + ":" + std::to_string(where_.line());
        FAIL("what ", place, " waits for does not happen: ", why);
        throw std::logic_error("unreachable");
    }

private:
    std::source_location where_;
    std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + std::chrono::minutes(3);
};

/// Takes every step that can be taken without waiting.
inline void take_all_steps(net::io_context& io)
{
    io.restart();
    while (io.poll() != 0) {
    }
}

/// Works until `condition()`, which another thread may bring about.
template <class Condition>
void work_until(net::io_context& io, Condition condition,
                std::source_location const& where = std::source_location::current())
{
    patience const limit(where);
    io.restart();
    while (!condition()) {
        if (io.poll() != 0)
            continue;
        if (limit.is_over())
            limit.give_up("three minutes have passed");
        std::this_thread::yield();
    }
}

/// Takes `most` steps, or fewer if one of them brings about `condition()`; whether one did.
template <class Condition>
bool take_steps(net::io_context& io, std::size_t most, Condition condition,
                std::source_location const& where = std::source_location::current())
{
    patience const limit(where);
    io.restart();
    for (; most != 0 && !condition(); --most)
        if (io.run_one_until(limit.end()) == 0)
            limit.give_up(io.stopped() ? "nothing is left to do" : "three minutes have passed");
    return condition();
}

/// Works one step at a time until `condition()`, which one of the steps brings about.
template <class Condition>
void step_until(net::io_context& io, Condition condition,
                std::source_location const& where = std::source_location::current())
{
    take_steps(io, std::numeric_limits<std::size_t>::max(), condition, where);
}

} // namespace test

#endif
