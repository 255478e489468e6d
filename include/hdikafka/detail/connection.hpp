// Making a connection: look up, connect, TLS handshake. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_CONNECTION_HPP
#define HDIKAFKA_DETAIL_CONNECTION_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/tls_context.hpp>
#include <hdikafka/detail/tls_stream.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A connection and what decides whether it may be used again.
class connection
{
public:
    explicit connection(net::any_io_executor const& executor) : stream(executor) {}

    tls_stream stream;
    steady_clock::time_point retire_at = steady_clock::time_point::max(); ///< Never used from then on.
};

using connection_ptr = std::unique_ptr<connection>;
using endpoints = std::vector<net::ip::tcp::endpoint>;

/// A look-up under way. getaddrinfo cannot be stopped: a caller that gives up leaves it to finish here.
class lookup : public std::enable_shared_from_this<lookup>
{
public:
    explicit lookup(operation_ptr op) : op_(std::move(op)), resolver_(op_->strand()) {}

    void start(std::string const& host, std::uint16_t port)
    {
        resolver_.async_resolve(host, std::to_string(port), net::ip::tcp::resolver::numeric_service,
                                [self = shared_from_this()](std::error_code ec, auto const& entries) {
                                    endpoints addresses;
                                    for (auto const& entry : entries)
                                        addresses.push_back(entry.endpoint());
                                    self->op_->wake([self, ec, addresses = std::move(addresses)]() mutable {
                                        self->finished = true;
                                        self->failure = ec;
                                        self->found = std::move(addresses);
                                    });
                                });
    }

    bool finished = false;
    std::error_code failure;
    endpoints found;

private:
    operation_ptr op_;
    net::ip::tcp::resolver resolver_;
};

inline error interrupted_error(operation const& op, std::string const& while_doing)
{
    std::error_code const cause = op.interrupted();
    return error(cause, cause.message() + " (while " + while_doing + ")");
}

/// The addresses of `host`; ends with the operation's interruption at once, whatever the resolver does.
inline net::awaitable<result<endpoints>> resolve(operation_ptr op, std::string host, std::uint16_t port)
{
    std::error_code not_an_address;
    auto const address = net::ip::make_address(host, not_an_address);
    if (!not_an_address)
        co_return endpoints(1, net::ip::tcp::endpoint(address, port));

    auto const search = std::make_shared<lookup>(op);
    search->start(host, port);
    while (!search->finished && !op->interrupted())
        co_await op->park();
    if (op->interrupted())
        co_return interrupted_error(*op, "looking up " + host);
    if (search->failure || search->found.empty())
        co_return error(errc::resolve_failed, "looking up " + host + ": " + search->failure.message());
    co_return std::move(search->found);
}

/// Waits until the stream can go on, as a step asked. False when the operation was interrupted.
inline net::awaitable<bool> wait_for(operation_ptr op, tls_stream* stream, step wanted)
{
    auto const readiness =
        wanted == step::want_write ? net::ip::tcp::socket::wait_write : net::ip::tcp::socket::wait_read;
    std::error_code ignored; // a socket in error is ready; the next step tells what is wrong
    co_await stream->socket().async_wait(readiness, net::redirect_error(net::use_awaitable, ignored));
    co_return !op->interrupted();
}

inline net::awaitable<result<void>> handshake(operation_ptr op, tls_stream* stream)
{
    for (;;) {
        step const now = stream->handshake();
        if (now == step::done)
            co_return result<void>();
        if (now == step::closed)
            co_return error(errc::connection_lost,
                            "the server closed the connection during the TLS handshake");
        if (now == step::failed)
            co_return stream->failure();
        bool const ready = co_await wait_for(op, stream, now);
        if (!ready)
            co_return interrupted_error(*op, "negotiating TLS");
    }
}

/// Connects to `target`, address after address, within `limit`. `context` is used for https only; the
/// caller keeps it alive.
inline net::awaitable<result<connection_ptr>> connect(operation_ptr op, net::any_io_executor executor,
                                                      url target, SSL_CTX* context, milliseconds limit)
{
    op->begin_phase(errc::connect_timeout, limit);
    auto addresses = co_await resolve(op, target.host, target.port);
    if (!addresses)
        co_return addresses.error();

    std::string const name = target.host + ":" + std::to_string(target.port);
    error last(errc::connect_failed, name + " has no address");
    for (auto const& address : addresses.value()) {
        auto made = std::make_unique<connection>(executor);
        auto& socket = made->stream.socket();
        std::error_code ec;
        co_await socket.async_connect(address, net::redirect_error(net::use_awaitable, ec));
        if (op->interrupted())
            co_return interrupted_error(*op, "connecting to " + name);
        if (!ec)
            socket.non_blocking(true, ec);
        if (ec) {
            last = error(errc::connect_failed, "connecting to " + name + ": " + ec.message());
            continue;
        }
        std::error_code unimportant;
        socket.set_option(net::ip::tcp::no_delay(true), unimportant);
        if (target.is_https()) {
            auto prepared = made->stream.use_tls(context, target.host, target.host_is_address());
            if (!prepared)
                co_return prepared.error();
            auto shaken = co_await handshake(op, &made->stream);
            if (!shaken)
                co_return shaken.error();
        }
        op->end_phase();
        co_return made;
    }
    co_return last;
}

} // namespace hdikafka::inline v0_1::detail

#endif
