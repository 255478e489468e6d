// Making a connection: look up, connect, TLS handshake. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_CONNECTION_HPP
#define HDIKAFKA_DETAIL_CONNECTION_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/tls_context.hpp>
#include <hdikafka/detail/tls_stream.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A connection and what decides whether it may be used again.
template <class = void>
class connection
{
public:
    explicit connection(net::any_io_executor const& executor) : stream(executor) {}

    tls_stream<> stream;
    steady_clock::time_point retire_at = steady_clock::time_point::max(); ///< Never used from then on.
};

using connection_ptr = std::unique_ptr<connection<>>;
using endpoints = std::vector<net::ip::tcp::endpoint>;

/// A look-up under way. getaddrinfo cannot be stopped: a caller that gives up leaves it to finish here.
template <class Lazy = void>
class lookup : public std::enable_shared_from_this<lookup<Lazy>>
{
public:
    explicit lookup(operation_ptr op, net::any_io_executor const& executor)
        : op_(std::move(op)), resolver_(executor)
    {}

    void start(std::string const& host, std::uint16_t port)
    {
        resolver_.async_resolve(host, std::to_string(port), net::ip::tcp::resolver::numeric_service,
                                [self = this->shared_from_this()](std::error_code ec, auto const& entries) {
                                    endpoints addresses;
                                    for (auto const& entry : entries)
                                        addresses.push_back(entry.endpoint());
                                    self->op_->wake([self, ec, addresses = std::move(addresses)] {
                                        self->finished = true;
                                        self->failure = ec;
                                        self->found = addresses;
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

/// Makes one connection. Its functions run on the operation's strand; the arguments outlive it.
template <class = void>
class connector
{
public:
    /// `context` is used for https only.
    connector(operation_ptr op, net::any_io_executor const& executor, url const& target, SSL_CTX* context)
        : op_(std::move(op)), executor_(executor), target_(target), context_(context)
    {}

    /// Connects, address after address, within `limit`.
    task<result<connection_ptr>> connect(milliseconds limit)
    {
        op_->begin_phase(errc::connect_timeout, limit);
        auto addresses = co_await resolve();
        if (!addresses)
            co_return addresses.error();

        std::string const name = target_.host + ":" + std::to_string(target_.port);
        error last(errc::connect_failed, name + " has no address");
        for (auto const& address : addresses.value()) {
            auto made = std::make_unique<connection<>>(executor_);
            auto& socket = made->stream.socket();
            std::error_code failure = co_await op_->connected(socket, address);
            if (op_->interrupted())
                co_return interrupted_error(op_->interrupted(), "connecting to " + name);
            if (!failure)
                socket.non_blocking(true, failure);
            if (failure) {
                last = error(errc::connect_failed, "connecting to " + name + ": " + failure.message());
                continue;
            }
            std::error_code unimportant;
            socket.set_option(net::ip::tcp::no_delay(true), unimportant);
            if (target_.is_https()) {
                auto const secured = co_await secure(&made->stream);
                if (!secured)
                    co_return secured.error();
            }
            op_->end_phase();
            co_return made;
        }
        co_return last;
    }

private:
    /// The addresses of the host; ends with the operation's interruption at once, whatever the resolver
    /// does.
    task<result<endpoints>> resolve()
    {
        std::error_code not_an_address;
        auto const address = net::ip::make_address(target_.host, not_an_address);
        if (!not_an_address)
            co_return endpoints(1, net::ip::tcp::endpoint(address, target_.port));

        auto const search = std::make_shared<lookup<>>(op_, executor_);
        search->start(target_.host, target_.port);
        while (!search->finished && !op_->interrupted())
            co_await op_->park();
        if (op_->interrupted())
            co_return interrupted_error(op_->interrupted(), "looking up " + target_.host);
        if (search->failure || search->found.empty())
            co_return error(errc::resolve_failed,
                            "looking up " + target_.host + ": " + search->failure.message());
        co_return std::move(search->found);
    }

    task<result<void>> secure(tls_stream<>* stream)
    {
        auto prepared = stream->use_tls(context_, target_.host, target_.host_is_address());
        if (!prepared)
            co_return prepared;
        for (;;) {
            step const now = stream->handshake();
            if (now == step::done)
                co_return result<void>();
            if (now == step::closed)
                co_return error(errc::connection_lost,
                                "the server closed the connection during the TLS handshake");
            if (now == step::failed)
                co_return stream->failure();
            bool const ready = co_await op_->ready(stream->socket(), readiness_for(now));
            if (!ready)
                co_return interrupted_error(op_->interrupted(), "negotiating TLS");
        }
    }

    operation_ptr op_;
    net::any_io_executor const& executor_;
    url const& target_;
    SSL_CTX* context_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
