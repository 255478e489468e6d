// HTTPS to any origin: pools, the TLS context, one attempt at a request.
#ifndef HDIKAFKA_DETAIL_NET_TRANSPORT_HPP
#define HDIKAFKA_DETAIL_NET_TRANSPORT_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/connector.hpp>
#include <hdikafka/detail/net/pool.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <openssl/rand.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
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
        : executor_(std::move(executor)),
          settings_(std::move(settings)),
          random_(seed()),
          shelf_(std::make_shared<timer_shelf<>>(executor_))
    {}

    net::any_io_executor const& executor() const noexcept { return executor_; }
    transport_settings const& settings() const noexcept { return settings_; }
    random_source& random() noexcept { return random_; }

    operation_ptr make_operation(steady_clock::time_point due) const
    {
        return std::make_shared<operation<>>(shelf_, due);
    }

    /// What runs in the background for whoever needs it, until close().
    registry_ptr const& background() const noexcept { return background_; }

    pool_ptr pool(url const& target, route by = route::configured)
    {
        std::lock_guard const lock(mutex_);
        for (auto const& known : pools_)
            if (known->by() == by && known->target().same_origin(target))
                return known;
        pools_.push_back(std::make_shared<connection_pool<>>(target, settings_.max_connections, by));
        return pools_.back();
    }

    /// Makes the attempt, over a connection made for it if that is to be `fresh`. What its outcome says of
    /// bytes and the connection is right whatever comes of it. It leaves the operation in a phase.
    task send(operation_ptr const& op, connection_pool<>& pool, bool fresh, attempt& now)
    {
        lease<> held = pool.take(fresh);
        if (!held) {
            auto const waited = co_await pool.wait_in_line(op, fresh, held);
            if (!waited)
                co_return waited;
        }
        now.outcome.reused = held.link != nullptr;
        if (held.link) {
            now.outcome.idle_since = held.link->last_used;
        } else {
            auto const connected = co_await connect(op, pool, held.link);
            if (!connected)
                co_return connected;
        }
        auto performed = co_await held.link->perform(*op, now, settings_);
        co_return performed;
    }

    void close()
    {
        background_->close();
        std::vector<pool_ptr> closing;
        {
            std::lock_guard const lock(mutex_);
            closing = pools_;
        }
        for (auto const& pool : closing)
            pool->close();
    }

private:
    /// Makes a connection for the pool.
    task connect(operation_ptr const& op, connection_pool<>& pool, connection_ptr& made)
    {
        url const& target = pool.target();
        auto context = result<SSL_CTX*>(nullptr);
        if (target.is_https())
            context = tls_context();
        if (!context)
            co_return context.error();
        auto proxy = result<std::optional<proxy_settings>>(std::nullopt);
        if (pool.by() != route::direct)
            proxy = choose_proxy(target, settings_.proxy, settings_.environment);
        if (!proxy)
            co_return proxy.error();
        connector<> maker(op, executor_, settings_, target, std::move(proxy).value(), context.value(),
                          pool.sessions());
        auto const outcome = co_await maker.connect(made);
        co_return outcome;
    }

    /// Made at the first connection: the constructor of a client does no I/O.
    result<SSL_CTX*> tls_context()
    {
        std::lock_guard const lock(tls_mutex_);
        if (!tls_) {
            auto made = make_tls_context(settings_.tls);
            if (!made)
                return made.error();
            tls_ = std::move(made).value();
        }
        return tls_.get();
    }

    static std::uint64_t seed()
    {
        std::uint64_t value = 0;
        if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1)
            value = static_cast<std::uint64_t>(steady_clock::now().time_since_epoch().count());
        return value;
    }

    net::any_io_executor const executor_;
    transport_settings const settings_;
    random_source random_;
    shelf_ptr const shelf_;
    registry_ptr const background_ = std::make_shared<operation_registry<>>();
    std::mutex mutex_;
    std::vector<pool_ptr> pools_; // one for each origin: the proxy, the authority
    std::mutex tls_mutex_;
    ssl_ctx_ptr tls_;
};

using transport_ptr = std::shared_ptr<transport<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
