// HTTPS to any origin: pools, the TLS context, one attempt at a request.
#ifndef HDIKAFKA_DETAIL_NET_TRANSPORT_HPP
#define HDIKAFKA_DETAIL_NET_TRANSPORT_HPP

#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/response.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/connector.hpp>
#include <hdikafka/detail/net/exchange.hpp>
#include <hdikafka/detail/net/pool.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/rules.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/registry.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// What all connections of a client have in common.
class transport_settings
{
public:
    transport_settings() = default;

    tls_options tls;
    milliseconds connect_timeout{10'000};
    milliseconds idle_timeout{30'000};
    milliseconds max_idle_time{60'000};
    milliseconds max_connection_age{600'000};
    std::size_t max_connections = 16;
    std::string user_agent;
    retry_policy retry; ///< of token requests; a call to the service brings its own
    std::optional<std::string> proxy;
    proxy_variables environment;
    url pinned;                    ///< The one origin that `pins` are for.
    std::vector<std::string> pins; ///< In base64, without a prefix.
    hdikafka::observer observer;
};

/// The value of an Authorization field, shared so that using it costs no copy.
using authorization = std::shared_ptr<field_value const>;

/// Is told of an answer's header before the body has come.
class header_listener
{
public:
    virtual ~header_listener() = default;

    /// In the operation's turn; once for each attempt that gets as far.
    virtual void header(response_parser const& answer) = 0;
};

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
            if (known->by() == by && same_origin(known->target(), target))
                return known;
        pools_.push_back(std::make_shared<connection_pool<>>(target, settings_.max_connections, by));
        return pools_.back();
    }

    /// One attempt at `request`, which is sound, over a connection made for it if that is to be `fresh`. What
    /// `outcome` says of bytes and the connection is right whatever comes of it. It leaves the operation in a
    /// phase.
    task send(operation_ptr op, pool_ptr pool, bool fresh, http_request const& request, authorization token,
              http_limits const& limits, attempt_outcome& outcome, http_response& answer,
              header_listener* listener)
    {
        lease<> held = pool->take(fresh);
        if (!held) {
            auto const waited = co_await pool->wait_in_line(op, fresh, held);
            if (!waited)
                co_return waited;
        }
        outcome.reused = held.link != nullptr;
        if (held.link) {
            outcome.idle_since = held.link->last_used;
        } else {
            auto const connected = co_await connect(op, *pool, held.link);
            if (!connected)
                co_return connected;
        }
        connection<>& link = *held.link;
        link.request.clear();
        if (!request.render_to(link.request, pool->host_field(), token.get()))
            co_return error(errc::invalid_option, "a part of the request cannot be sent in HTTP");
        link.end = connection_end::failed;
        ++link.exchanges;
        std::uint64_t const sent = link.stream.bytes_out();
        std::uint64_t const received = link.stream.bytes_in();
        exchange<>& talk = link.talk.emplace(link.stream, link.request, limits);
        // The phase's time runs from each byte that moves, in either direction.
        op->begin_phase(errc::idle_timeout, settings_.idle_timeout);
        io_step now = talk.advance();
        bool in_time = true;
        while (in_time &&
               (now == io_step::want_read || now == io_step::want_write || now == io_step::want_either)) {
            in_time =
                co_await op->ready(link.stream.socket(), readiness_for(now), now == io_step::want_either);
            if (in_time) {
                op->extend_phase(settings_.idle_timeout);
                now = talk.advance();
                if (listener && talk.answer().header_done())
                    std::exchange(listener, nullptr)->header(talk.answer());
            }
        }
        outcome.bytes_sent = link.stream.bytes_out() - sent;
        outcome.bytes_received = link.stream.bytes_in() - received;
        outcome.bytes_written = outcome.bytes_sent != 0;
        outcome.answered = talk.answer().started();
        if (!in_time)
            co_return op->interruption(talk.sending() ? "sending the request" : "waiting for the answer");
        if (now != io_step::done)
            co_return talk.failure();
        response_parser& parser = talk.answer();
        if (parser.keep_alive() && talk.sent()) {
            link.last_used = steady_clock::now();
            link.retire_at = retirement(link.last_used, link.made_at, settings_.max_idle_time,
                                        settings_.max_connection_age, parser.keep_alive_timeout());
            link.end = connection_end::closed;
            held.keep();
        } else {
            link.end = connection_end::finished;
        }
        answer = parser.take();
        link.talk.reset();
        // An idle connection holds no token. Memory that stays in use is wiped by any write.
        std::ranges::fill(link.request, '\0');
        constexpr std::size_t worth_keeping = 16 * 1024;
        if (link.request.capacity() > worth_keeping) {
            cleanse(link.request);
            link.request.shrink_to_fit();
        }
        co_return result<void>();
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
    task connect(operation_ptr op, connection_pool<>& pool, connection_ptr& made)
    {
        url const& target = pool.target();
        auto context = result<SSL_CTX*>(nullptr);
        if (target.is_https())
            context = tls_context();
        if (!context)
            co_return context.error();
        connection_settings how;
        how.connect_timeout = settings_.connect_timeout;
        if (pool.by() != route::direct) {
            auto proxy = choose_proxy(target, settings_.proxy, settings_.environment);
            if (!proxy)
                co_return proxy.error();
            how.proxy = std::move(proxy).value();
        }
        how.user_agent = settings_.user_agent;
        how.watcher = settings_.observer;
        if (same_origin(target, settings_.pinned))
            how.pins = settings_.pins;
        else
            how.cleanses = true;
        connector<> maker(op, executor_, target, std::move(how), context.value(), pool.sessions());
        auto const outcome = co_await maker.connect(made);
        co_return outcome;
    }

    static bool same_origin(url const& one, url const& other)
    {
        return one.port == other.port && one.host == other.host && one.scheme == other.scheme;
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
