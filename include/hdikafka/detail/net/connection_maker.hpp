// What all connections of a client are made with: settings, timers, the TLS context, the proxy.
#ifndef HDIKAFKA_DETAIL_NET_CONNECTION_MAKER_HPP
#define HDIKAFKA_DETAIL_NET_CONNECTION_MAKER_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/connector.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/timer_shelf.hpp>
#include <hdikafka/result.hpp>

#include <openssl/rand.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// How an origin is reached.
enum class route : unsigned char
{
    configured, ///< Through a proxy when the options or the environment name one.
    direct,     ///< Never through a proxy: it would ask the proxy's own metadata service.
};

/// Shared by a client's transport and its pools, whose dials outlive the calls that they were begun for.
/// Thread-safe.
template <class = void>
class connection_maker
{
public:
    connection_maker(net::any_io_executor executor, transport_settings settings)
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

    /// What runs in the background for whoever needs it, until that is closed.
    registry_ptr const& background() const noexcept { return background_; }

    /// Starts a child in the background, which is told when there is no memory for it. Not before the
    /// executor has done what it has to do already: this may be the end of another operation.
    void begin(children<>& all, operation_ptr const& op, std::unique_ptr<child<>> one) noexcept
    {
        try {
            all.start(op, std::move(one), background_, true);
        } catch (...) { // NOLINT(bugprone-empty-catch): it knows
        }
    }

    /// Makes a connection to `target`. What is given by reference outlives it.
    task connect(operation_ptr op, url const& target, route by, tls_sessions<>& sessions,
                 connection_ptr& made)
    {
        auto context = result<SSL_CTX*>(nullptr);
        if (target.is_https())
            context = tls_context();
        if (!context)
            co_return context.error();
        auto proxy = result<std::optional<proxy_settings>>(std::nullopt);
        if (by != route::direct)
            proxy = choose_proxy(target, settings_.proxy, settings_.environment);
        if (!proxy)
            co_return proxy.error();
        connector<> maker(op, executor_, settings_, target, std::move(proxy).value(), context.value(),
                          sessions);
        auto const outcome = co_await maker.connect(made);
        co_return outcome;
    }

private:
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
    std::mutex tls_mutex_;
    ssl_ctx_ptr tls_;
};

using maker_ptr = std::shared_ptr<connection_maker<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
