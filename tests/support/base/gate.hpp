// Events between the threads of a test: no sleeps, nothing is polled.
#ifndef HDIKAFKA_TESTS_SUPPORT_GATE_HPP
#define HDIKAFKA_TESTS_SUPPORT_GATE_HPP

#include <hdikafka/detail/run/asio.hpp>

#include <memory>

namespace test {

namespace net = ::asio;

/// Opened once, from any thread; who waits for it goes on. A cheap handle: copies are the same gate.
class gate
{
public:
    class waiter;

    gate();

    void open() const;
    bool is_open() const;

    /// Blocks this thread.
    void wait() const;

    void add(std::shared_ptr<waiter> const& one) const;

private:
    class state;
    static void go_on(std::weak_ptr<waiter> const& one);

    std::shared_ptr<state> state_;
};

/// Waits in a coroutine, on an executor that runs one handler at a time.
net::awaitable<void> opened(gate which);

} // namespace test

#endif
