// HTTPS to any origin: the pools, and one attempt at a request.
#ifndef HDIKAFKA_DETAIL_NET_TRANSPORT_HPP
#define HDIKAFKA_DETAIL_NET_TRANSPORT_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/connection_maker.hpp>
#include <hdikafka/detail/net/pool.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The value of an Authorization field, shared so that using it costs no copy.
using authorization = std::shared_ptr<field_value const>;

/// Shared by a client's handles, its calls in flight and the token requests it started.
template <class = void>
class transport
{
public:
    transport(net::any_io_executor executor, transport_settings settings)
        : maker_(std::make_shared<connection_maker<>>(std::move(executor), std::move(settings)))
    {}
    transport(transport const&) = delete;
    transport& operator=(transport const&) = delete;

    /// Dials that are under way end with the client, too.
    ~transport() { background()->close(); }

    net::any_io_executor const& executor() const noexcept { return maker_->executor(); }
    transport_settings const& settings() const noexcept { return maker_->settings(); }
    random_source& random() noexcept { return maker_->random(); }
    operation_ptr make_operation(steady_clock::time_point due) const { return maker_->make_operation(due); }

    /// What runs in the background for whoever needs it, until close().
    registry_ptr const& background() const noexcept { return maker_->background(); }

    pool_ptr pool(url const& target, route by = route::configured)
    {
        std::lock_guard const lock(mutex_);
        for (auto const& known : pools_)
            if (known->by() == by && known->target().same_origin(target))
                return known;
        pools_.push_back(std::make_shared<connection_pool<>>(target, by, maker_));
        return pools_.back();
    }

    /// Makes the attempt, over a connection made while it waits for one if that is to be `fresh`. What its
    /// outcome says of bytes and the connection is right whatever comes of it. It leaves the operation in a
    /// phase.
    task send(operation_ptr const& op, connection_pool<>& pool, bool fresh, attempt& now)
    {
        lease<> held = pool.take(fresh);
        if (!held) {
            op->end_phase(); // of what was done before: a connection has its own time
            auto const waited = co_await pool.wait_in_line(op, fresh, held);
            if (!waited)
                co_return waited;
        }
        now.outcome.reused = held.link->has_lain_idle();
        now.outcome.idle_since = held.link->last_used;
        auto performed = co_await held.link->perform(*op, now, settings());
        co_return performed;
    }

    void close()
    {
        background()->close();
        std::vector<pool_ptr> closing;
        {
            std::lock_guard const lock(mutex_);
            closing = pools_;
        }
        for (auto const& pool : closing)
            pool->close();
    }

private:
    maker_ptr const maker_;
    std::mutex mutex_;
    std::vector<pool_ptr> pools_; // one for each origin: the proxy, the authority
};

using transport_ptr = std::shared_ptr<transport<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
