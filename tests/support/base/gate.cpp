#include "support/base/gate.hpp"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

/// A coroutine that waits. Its frame owns it: when that goes with its context, nothing of the context stays.
class gate::waiter
{
public:
    explicit waiter(net::any_io_executor executor)
        : timer(std::move(executor), std::chrono::steady_clock::time_point::max())
    {}

    net::steady_timer timer;
};

class gate::state
{
public:
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
    std::vector<std::weak_ptr<waiter>> waiting;
};

void gate::go_on(std::weak_ptr<waiter> const& one)
{
    if (auto const alive = one.lock())
        net::post(alive->timer.get_executor(),
                  [alive] { alive->timer.expires_at(std::chrono::steady_clock::time_point::min()); });
}

gate::gate() : state_(std::make_shared<state>()) {}

void gate::open() const
{
    std::vector<std::weak_ptr<waiter>> waiting;
    {
        std::lock_guard const lock(state_->mutex);
        state_->open = true;
        waiting.swap(state_->waiting);
    }
    state_->opened.notify_all();
    for (auto const& one : waiting)
        go_on(one);
}

bool gate::is_open() const
{
    std::lock_guard const lock(state_->mutex);
    return state_->open;
}

void gate::wait() const
{
    std::unique_lock lock(state_->mutex);
    state_->opened.wait(lock, [this] { return state_->open; });
}

void gate::add(std::shared_ptr<waiter> const& one) const
{
    {
        std::lock_guard const lock(state_->mutex);
        if (!state_->open) {
            state_->waiting.push_back(one);
            return;
        }
    }
    go_on(one);
}

net::awaitable<void> opened(gate which)
{
    auto const waiting = std::make_shared<gate::waiter>(co_await net::this_coro::executor);
    which.add(waiting);
    std::error_code ignored;
    co_await waiting->timer.async_wait(net::redirect_error(net::use_awaitable, ignored));
}

} // namespace test
