// Making a connection: look up, connect, a tunnel through the proxy, TLS handshake.
#ifndef HDIKAFKA_DETAIL_NET_CONNECTOR_HPP
#define HDIKAFKA_DETAIL_NET_CONNECTOR_HPP

#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/ip_address.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/address_race.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/names.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/proxy_refusal.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/net/tls_failure.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Makes one connection: look-up, race, tunnel, handshake. What it is given by reference outlives it.
template <class = void>
class connector
{
public:
    /// `context` and `sessions` are used for https only.
    connector(operation_ptr op, net::any_io_executor const& executor, transport_settings const& settings,
              url const& target, std::optional<proxy_settings> proxy, SSL_CTX* context,
              tls_sessions<>& sessions)
        : op_(std::move(op)),
          executor_(executor),
          settings_(settings),
          target_(target),
          proxy_(std::move(proxy)),
          context_(context),
          sessions_(sessions),
          peer_(proxy_ ? proxy_->address : target)
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
        auto outcome = co_await look_up(addresses);
        if (!outcome)
            co_return outcome;
        address_race<> race(op_, executor_, std::move(addresses));
        for (;;) {
            auto link = std::make_unique<connection<>>(executor_, target_, settings_.observer);
            outcome = co_await race.run(peer_name(), link->stream.socket());
            if (!outcome) {
                names_of(executor_)->forget(peer_.host, peer_.port);
                co_return outcome;
            }
            if (proxy_)
                outcome = co_await open_tunnel(link->stream);
            if (outcome && target_.is_https())
                outcome = co_await shake_hands(link->stream);
            if (outcome) {
                announce(*link, begun);
                made = std::move(link);
                co_return outcome;
            }
            auto const failure = outcome.error().code();
            bool const elsewhere = failure == errc::connection_lost || failure == errc::connect_timeout;
            if (!elsewhere || race.exhausted() || op_->stopped())
                co_return outcome;
            op_->begin_phase(errc::connect_timeout, settings_.connect_timeout);
        }
    }

private:
    using address_list = address_race<>::address_list;

    /// The addresses of the host; ends with the operation's interruption at once, whatever the resolver
    /// does.
    task look_up(address_list& addresses)
    {
        std::error_code not_an_address;
        auto const address = net::ip::make_address(peer_.host, not_an_address);
        if (!not_an_address) {
            addresses.emplace_back(address, peer_.port);
            co_return result<void>();
        }
        std::shared_ptr<name_lookups<>> const names = names_of(executor_);
        auto outcome = co_await names->find(op_, peer_.host, peer_.port, peer_name(), addresses);
        bool const unknown = !outcome && outcome.error().code() == errc::resolve_failed;
        if (unknown && is_localhost(peer_.host)) {
            addresses.emplace_back(net::ip::address_v4::loopback(), peer_.port);
            addresses.emplace_back(net::ip::address_v6::loopback(), peer_.port);
            outcome = result<void>();
        }
        co_return outcome;
    }

    /// Has the proxy that the stream is connected to connect to the target (RFC 9110 §9.3.6). What it says is
    /// never taken for the target's words.
    task open_tunnel(tls_stream<>& stream)
    {
        secret const request = connect_request(target_, *proxy_, settings_.user_agent);
        std::string const name = peer_name();
        exchange<> talk(stream, request.text(), http_limits());
        response_parser& answer = talk.answer();
        answer.expect_tunnel();
        // The body of a refusal only says why.
        for (io_step now = talk.advance(); wants_socket(now) && !answer.header_done(); now = talk.advance()) {
            bool const ready = co_await stream.ready(*op_, now);
            if (!ready)
                co_return op_->interruption("asking " + name + " for a tunnel");
        }
        if (!answer.header_done())
            co_return error(talk.failure().error().code(), name + ": " + talk.failure().error().cause());
        if (answer.is_tunnel())
            co_return result<void>();
        int const status = answer.status();
        // 5xx: the proxy could not reach the target, which it may do later.
        errc const code = status >= 500 ? errc::connect_failed : errc::proxy_refused;
        std::string wanted;
        if (status == 407)
            wanted = wanted_credentials(answer.head(), !proxy_->authorization.empty());
        co_return error(code, name + " answered " + std::to_string(status) + " when asked for a tunnel to " +
                                  target_.authority() + wanted);
    }

    task shake_hands(tls_stream<>& stream)
    {
        auto const prepared = stream.use_tls(context_, target_.host, target_.host_is_address());
        if (!prepared)
            co_return prepared;
        if (!is_pinned())
            SSL_set_options(stream.tls(), SSL_OP_CLEANSE_PLAINTEXT);
        sessions_.offer_to(stream.tls());
        io_step now = stream.handshake();
        while (wants_socket(now)) {
            bool const ready = co_await stream.ready(*op_, now);
            if (!ready)
                co_return op_->interruption("negotiating TLS with " + target_.authority());
            now = stream.handshake();
        }
        if (now != io_step::done)
            co_return tls_failure(stream);
        auto pinned = result<void>();
        if (is_pinned())
            pinned = check_pins(stream.tls(), settings_.pins);
        if (!pinned)
            co_return met_with(target_.authority(), pinned.error());
        sessions_.keep(stream.tls());
        co_return pinned;
    }

    error tls_failure(tls_stream<>& stream) const
    {
        error const& why = stream.failure();
        bool const no_root =
            why.code() == errc::certificate_refused && lacks_root(SSL_get_verify_result(stream.tls()));
        return error(why.code(), target_.authority() + ": " + why.cause() +
                                     (no_root ? trust_words(settings_.tls) : std::string()));
    }

    std::string peer_name() const { return (proxy_ ? "the proxy " : "") + peer_.authority(); }

    /// Whether it is the service: what others answer is secret, and their keys are their own.
    bool is_pinned() const { return target_.same_origin(settings_.pinned); }

    void announce(connection<>& link, steady_clock::time_point begun) const
    {
        link.made_at = steady_clock::now();
        if (!settings_.observer)
            return;
        connection_opened event;
        event.host = target_.host;
        event.port = target_.port;
        if (SSL* const tls = link.stream.tls()) {
            event.tls_version = SSL_get_version(tls);
            event.resumed = SSL_session_reused(tls) == 1;
        }
        event.proxied = proxy_.has_value();
        event.duration = std::chrono::duration_cast<std::chrono::microseconds>(link.made_at - begun);
        settings_.observer(event);
    }

    operation_ptr op_;
    net::any_io_executor const& executor_;
    transport_settings const& settings_;
    url const& target_;
    std::optional<proxy_settings> const proxy_;
    SSL_CTX* context_;
    tls_sessions<>& sessions_;
    url const& peer_; ///< Whom the socket is connected to: the target or the proxy.
};

} // namespace hdikafka::inline v0_1::detail

#endif
