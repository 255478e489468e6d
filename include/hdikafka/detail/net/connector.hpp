// Making a connection: look up, connect, a tunnel through the proxy, TLS handshake.
#ifndef HDIKAFKA_DETAIL_NET_CONNECTOR_HPP
#define HDIKAFKA_DETAIL_NET_CONNECTOR_HPP

#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/address_race.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/exchange.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/net/tls_sessions.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A look-up of a host's addresses. getaddrinfo cannot be stopped: a call that gives up leaves it to finish
/// here.
template <class Lazy = void>
class lookup : public std::enable_shared_from_this<lookup<Lazy>>
{
public:
    explicit lookup(operation_ptr op, net::any_io_executor const& executor)
        : op_(std::move(op)), resolver_(executor)
    {}

    void start(std::string const& host, std::string const& port)
    {
        resolver_.async_resolve(host, port, net::ip::tcp::resolver::numeric_service,
                                found_handler(this->shared_from_this()));
    }

    /// Takes it off the context's queue, where one look-up is made after the other, unless it is the one
    /// under way.
    void cancel() { resolver_.cancel(); }

    std::atomic<bool> finished = false; ///< The rest may be looked at.
    std::error_code failure;
    net::ip::tcp::resolver::results_type found;

private:
    class found_handler
    {
    public:
        explicit found_handler(std::shared_ptr<lookup> search) noexcept : search_(std::move(search)) {}

        void operator()(std::error_code ended, net::ip::tcp::resolver::results_type addresses)
        {
            search_->failure = ended;
            search_->found = std::move(addresses);
            search_->finished = true;
            search_->op_->wake();
        }

    private:
        std::shared_ptr<lookup> search_;
    };

    operation_ptr op_;
    net::ip::tcp::resolver resolver_;
};

/// What a connection is made with.
class connection_settings
{
public:
    connection_settings() = default;

    milliseconds connect_timeout{10'000};
    std::optional<proxy_settings> proxy;
    std::string user_agent;        ///< for the proxy
    bool cleanses = false;         ///< TLS wipes what it has read: answers there are secret
    std::vector<std::string> pins; ///< of the server's key, in base64; any will do when there are none
    observer watcher;
};

/// Makes one connection. Target, context and sessions outlive it.
template <class = void>
class connector
{
public:
    /// `context` and `sessions` are used for https only.
    connector(operation_ptr op, net::any_io_executor const& executor, url const& target,
              connection_settings settings, SSL_CTX* context, tls_sessions<>& sessions)
        : op_(std::move(op)),
          executor_(executor),
          target_(target),
          settings_(std::move(settings)),
          context_(context),
          sessions_(sessions),
          peer_(settings_.proxy ? settings_.proxy->address : target)
    {}
    connector(connector const&) = delete;
    connector& operator=(connector const&) = delete;

    /// Connects to whichever address answers first. An address that takes the connection and then fails, or
    /// is silent, is not yet the end when there are others: each is granted the time anew.
    task connect(connection_ptr& made)
    {
        auto const begun = steady_clock::now();
        op_->begin_phase(errc::connect_timeout, settings_.connect_timeout);
        address_list addresses;
        auto const resolved = co_await resolve(addresses);
        if (!resolved)
            co_return resolved;
        address_race<> race(op_, executor_, std::move(addresses));
        for (;;) {
            auto link = std::make_unique<connection<>>(executor_, target_, settings_.watcher);
            auto outcome =
                co_await race.run(peer_.host + ":" + std::to_string(peer_.port), link->stream.socket());
            if (!outcome)
                co_return outcome;
            outcome = co_await set_up(link->stream);
            if (outcome) {
                ready(*link, begun);
                made = std::move(link);
                co_return outcome;
            }
            error const& failure = outcome.error();
            bool const elsewhere =
                failure.code() == errc::connection_lost || failure.code() == errc::connect_timeout;
            if (!elsewhere || race.exhausted() || op_->stopped())
                co_return outcome;
            op_->begin_phase(errc::connect_timeout, settings_.connect_timeout);
        }
    }

private:
    using address_list = address_race<>::address_list;

    /// The addresses of the host; ends with the operation's interruption at once, whatever the resolver
    /// does.
    task resolve(address_list& addresses)
    {
        std::error_code not_an_address;
        auto const address = net::ip::make_address(peer_.host, not_an_address);
        if (!not_an_address) {
            addresses.emplace_back(address, peer_.port);
            co_return result<void>();
        }
        auto const search = std::make_shared<lookup<>>(op_, executor_);
        search->start(peer_.host, std::to_string(peer_.port));
        while (!search->finished && !op_->interrupted())
            co_await op_->park();
        if (op_->interrupted()) {
            search->cancel();
            co_return op_->interruption("looking up " + peer_.host);
        }
        if (search->failure || search->found.empty())
            co_return error(errc::resolve_failed,
                            "looking up " + peer_.host + ": " + search->failure.message());
        for (auto const& entry : search->found)
            addresses.push_back(entry.endpoint());
        co_return result<void>();
    }

    /// What a connected socket needs before the first request.
    task set_up(tls_stream<>& stream)
    {
        std::error_code unimportant;
        stream.socket().set_option(net::ip::tcp::no_delay(true), unimportant);
        auto outcome = result<void>();
        if (settings_.proxy)
            outcome = co_await open_tunnel(stream);
        if (outcome && target_.is_https())
            outcome = co_await secure(stream);
        co_return outcome;
    }

    /// Has the proxy connect to the target. What it says is never taken for the target's words.
    task open_tunnel(tls_stream<>& stream)
    {
        std::string const request = connect_request(target_, *settings_.proxy, settings_.user_agent);
        exchange<> talk(stream, request, http_limits());
        talk.answer().expect_tunnel();
        io_step now = talk.advance();
        while (now == io_step::want_read || now == io_step::want_write || now == io_step::want_either) {
            bool const ready =
                co_await op_->ready(stream.socket(), readiness_for(now), now == io_step::want_either);
            if (!ready)
                co_return op_->interruption("asking the proxy " + peer_.host + " for a tunnel");
            now = talk.advance();
            if (talk.answer().header_done() && !talk.answer().is_tunnel())
                break; // the body only says why
        }
        if (!talk.answer().header_done())
            co_return error(talk.failure().error().code(),
                            "the proxy " + peer_.host + ": " + talk.failure().error().cause());
        if (talk.answer().is_tunnel())
            co_return result<void>();
        int const status = talk.answer().status();
        // 5xx: the proxy could not reach the target, which it may do later.
        errc const code = status >= 500 ? errc::connect_failed : errc::proxy_refused;
        co_return error(code, "the proxy " + peer_.host + " answered " + std::to_string(status) +
                                  " when asked for a tunnel to " + target_.host_field() +
                                  (status == 407 ? ": it wants (other) credentials" : ""));
    }

    task secure(tls_stream<>& stream)
    {
        auto const prepared = stream.use_tls(context_, target_.host, target_.host_is_address());
        if (!prepared)
            co_return prepared;
        if (settings_.cleanses)
            SSL_set_options(stream.tls(), SSL_OP_CLEANSE_PLAINTEXT);
        sessions_.offer_to(stream.tls());
        for (;;) {
            io_step const now = stream.handshake();
            if (now == io_step::done)
                co_return settle(stream);
            if (now == io_step::closed)
                co_return error(errc::connection_lost,
                                "the server closed the connection during the TLS handshake");
            if (now == io_step::failed)
                co_return stream.failure();
            bool const ready = co_await op_->ready(stream.socket(), readiness_for(now));
            if (!ready)
                co_return op_->interruption("negotiating TLS");
        }
    }

    result<void> settle(tls_stream<>& stream)
    {
        auto pinned = check_pins(stream.tls(), settings_.pins);
        if (pinned)
            sessions_.keep(stream.tls());
        return pinned;
    }

    void ready(connection<>& link, steady_clock::time_point begun) const
    {
        link.made_at = steady_clock::now();
        if (!settings_.watcher)
            return;
        connection_opened event;
        event.host = target_.host;
        event.port = target_.port;
        if (SSL* const tls = link.stream.tls()) {
            event.tls_version = SSL_get_version(tls);
            event.resumed = SSL_session_reused(tls) == 1;
        }
        event.proxied = settings_.proxy.has_value();
        event.duration = std::chrono::duration_cast<std::chrono::microseconds>(link.made_at - begun);
        settings_.watcher(event);
    }

    operation_ptr op_;
    net::any_io_executor const& executor_;
    url const& target_;
    connection_settings const settings_;
    SSL_CTX* context_;
    tls_sessions<>& sessions_;
    url const& peer_; ///< Whom the socket is connected to: the target or the proxy.
};

} // namespace hdikafka::inline v0_1::detail

#endif
