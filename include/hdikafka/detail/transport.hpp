// HTTPS to any origin: pools, the TLS context, one attempt at a request. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_TRANSPORT_HPP
#define HDIKAFKA_DETAIL_TRANSPORT_HPP

#include <hdikafka/detail/connection.hpp>
#include <hdikafka/detail/connection_pool.hpp>
#include <hdikafka/detail/exchange.hpp>
#include <hdikafka/detail/http_parser.hpp>
#include <hdikafka/detail/http_request.hpp>
#include <hdikafka/detail/http_response.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/operation_registry.hpp>
#include <hdikafka/detail/random.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/tls_context.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/result.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
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
    std::size_t max_connections = 16;
    std::string user_agent;
    retry_policy retry; ///< of token requests; a call to the service brings its own
};

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

    pool_ptr pool(url const& target)
    {
        std::lock_guard const lock(mutex_);
        for (auto const& known : pools_) {
            url const& other = known->target();
            if (other.port == target.port && other.host == target.host && other.scheme == target.scheme)
                return known;
        }
        pools_.push_back(std::make_shared<connection_pool<>>(target, settings_.max_connections));
        return pools_.back();
    }

    /// One attempt at `request`, which is sound. `bytes_written` tells whether any byte of it went out,
    /// whatever the outcome.
    task send(operation_ptr op, pool_ptr pool, http_request const& request, authorization token,
              http_limits const& limits, bool& bytes_written, http_response& answer)
    {
        lease<> held = pool->take();
        if (!held) {
            auto const waited = co_await pool->wait_in_line(op, held);
            if (!waited)
                co_return waited;
        }
        if (!held.link) {
            auto const context = pool->target().is_https() ? tls_context() : result<SSL_CTX*>(nullptr);
            if (!context)
                co_return context.error();
            connector<> maker(op, executor_, pool->target(), context.value());
            auto const connected = co_await maker.connect(settings_.connect_timeout, held.link);
            if (!connected)
                co_return connected;
        }
        connection<>& link = *held.link;
        link.request.clear();
        if (!request.render_to(link.request, pool->host_field(), token.get()))
            co_return error(errc::invalid_option, "a part of the request cannot be sent in HTTP");
        std::uint64_t const before = link.stream.bytes_out();
        exchange<>& talk = link.talk.emplace(link.stream, link.request, limits);
        // The phase's time runs from each byte that moves, in either direction.
        op->begin_phase(errc::idle_timeout, settings_.idle_timeout);
        step now = talk.advance();
        while (now == step::want_read || now == step::want_write) {
            bytes_written = link.stream.bytes_out() != before;
            bool const ready = co_await op->ready(link.stream.socket(), readiness_for(now));
            if (!ready)
                co_return op->interruption(talk.sending() ? "sending the request" : "waiting for the answer");
            op->extend_phase(settings_.idle_timeout);
            now = talk.advance();
        }
        bytes_written = link.stream.bytes_out() != before;
        op->end_phase();
        if (now != step::done)
            co_return talk.failure();
        response_parser& parser = talk.answer();
        if (parser.keep_alive() && talk.sent()) {
            link.retire_at = steady_clock::now() + idle_life(parser);
            held.keep();
        }
        answer = parser.take();
        link.talk.reset();
        constexpr std::size_t worth_keeping = 16 * 1024;
        if (link.request.capacity() > worth_keeping)
            link.request = std::string();
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
    /// How long a connection may lie idle: a minute, or a second less than the server grants.
    static milliseconds idle_life(response_parser const& parser)
    {
        constexpr milliseconds ours{60'000};
        auto const granted = parser.keep_alive_timeout();
        return granted ? std::clamp(milliseconds(*granted) - milliseconds(1'000), milliseconds(0), ours)
                       : ours;
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
