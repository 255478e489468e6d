// Events between the threads of a test: no sleeps, nothing is polled.
#ifndef HDIKAFKA_TESTS_SUPPORT_GATE_HPP
#define HDIKAFKA_TESTS_SUPPORT_GATE_HPP

#include <hdikafka/detail/asio.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

namespace net = ::asio;

/// Opened once, from any thread; who waits for it goes on. A cheap handle: copies are the same gate.
class gate
{
public:
    gate() : state_(std::make_shared<state>()) {}

    void open() const
    {
        std::vector<std::function<void()>> waiting;
        {
            std::lock_guard const lock(state_->mutex);
            state_->open = true;
            waiting.swap(state_->waiting);
        }
        state_->opened.notify_all();
        for (auto const& go_on : waiting)
            go_on();
    }

    bool is_open() const
    {
        std::lock_guard const lock(state_->mutex);
        return state_->open;
    }

    /// Blocks this thread.
    void wait() const
    {
        std::unique_lock lock(state_->mutex);
        state_->opened.wait(lock, [this] { return state_->open; });
    }

    /// Calls `function` when the gate opens, or at once.
    void then(std::function<void()> function) const
    {
        {
            std::lock_guard const lock(state_->mutex);
            if (!state_->open) {
                state_->waiting.push_back(std::move(function));
                return;
            }
        }
        function();
    }

private:
    struct state
    {
        std::mutex mutex;
        std::condition_variable opened;
        bool open = false;
        std::vector<std::function<void()>> waiting;
    };
    std::shared_ptr<state> state_;
};

/// Waits in a coroutine; its executor runs one handler at a time.
inline net::awaitable<void> opened(gate which)
{
    auto const executor = co_await net::this_coro::executor;
    auto const timer =
        std::make_shared<net::steady_timer>(executor, std::chrono::steady_clock::time_point::max());
    std::weak_ptr<net::steady_timer> const weak = timer;
    which.then([weak, executor] {
        if (weak.expired())
            return;
        net::post(executor, [weak] {
            if (auto const waiting = weak.lock())
                waiting->expires_at(std::chrono::steady_clock::time_point::min());
        });
    });
    std::error_code ignored;
    co_await timer->async_wait(net::redirect_error(net::use_awaitable, ignored));
}

} // namespace test

#endif
