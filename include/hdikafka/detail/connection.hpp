// Making a connection: look up, connect, TLS handshake. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_CONNECTION_HPP
#define HDIKAFKA_DETAIL_CONNECTION_HPP

#include <hdikafka/detail/asio_io.hpp>
#include <hdikafka/detail/exchange.hpp>
#include <hdikafka/detail/linked_list.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/tls_context.hpp>
#include <hdikafka/detail/tls_stream.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/result.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A connection and what decides whether it may be used again.
template <class = void>
class connection : public list_link
{
public:
    explicit connection(net::any_io_executor const& executor) : stream(executor) {}

    /// Whether the next request may go over it.
    bool usable() { return steady_clock::now() < retire_at && stream.quiet(); }

    tls_stream<> stream;
    std::string request;            ///< The message on its way; its memory serves the next one.
    std::optional<exchange<>> talk; ///< The exchange under way.
    steady_clock::time_point retire_at = steady_clock::time_point::max(); ///< Never used from then on.
};

using connection_ptr = std::unique_ptr<connection<>>;

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

/// Makes one connection. What it is made from outlives it.
template <class = void>
class connector
{
public:
    /// `context` is used for https only.
    connector(operation_ptr op, net::any_io_executor const& executor, url const& target, SSL_CTX* context)
        : op_(std::move(op)), executor_(executor), target_(target), context_(context)
    {}

    /// Connects, address after address, within `limit`.
    task connect(milliseconds limit, connection_ptr& made)
    {
        op_->begin_phase(errc::connect_timeout, limit);
        net::ip::tcp::resolver::results_type addresses;
        auto const resolved = co_await resolve(addresses);
        if (!resolved)
            co_return resolved;

        std::string const name = target_.host + ":" + std::to_string(target_.port);
        error last(errc::connect_failed, name + " has no address");
        for (auto const& address : addresses) {
            auto link = std::make_unique<connection<>>(executor_);
            auto& socket = link->stream.socket();
            std::error_code failure = co_await op_->connected(socket, address.endpoint());
            if (op_->interrupted())
                co_return op_->interruption("connecting to " + name);
            if (!failure)
                socket.non_blocking(true, failure);
            if (failure) {
                last = error(errc::connect_failed, "connecting to " + name + ": " + failure.message());
                continue;
            }
            std::error_code unimportant;
            socket.set_option(net::ip::tcp::no_delay(true), unimportant);
            if (target_.is_https()) {
                auto const secured = co_await secure(link->stream);
                if (!secured)
                    co_return secured;
            }
            op_->end_phase();
            made = std::move(link);
            co_return result<void>();
        }
        co_return last;
    }

private:
    /// The addresses of the host; ends with the operation's interruption at once, whatever the resolver
    /// does.
    task resolve(net::ip::tcp::resolver::results_type& addresses)
    {
        std::string const port = std::to_string(target_.port);
        std::error_code not_an_address;
        auto const address = net::ip::make_address(target_.host, not_an_address);
        if (!not_an_address) {
            net::ip::tcp::endpoint const endpoint(address, target_.port);
            addresses = net::ip::tcp::resolver::results_type::create(endpoint, target_.host, port);
            co_return result<void>();
        }
        auto const search = std::make_shared<lookup<>>(op_, executor_);
        search->start(target_.host, port);
        while (!search->finished && !op_->interrupted())
            co_await op_->park();
        if (op_->interrupted())
            co_return op_->interruption("looking up " + target_.host);
        if (search->failure || search->found.empty())
            co_return error(errc::resolve_failed,
                            "looking up " + target_.host + ": " + search->failure.message());
        addresses = search->found;
        co_return result<void>();
    }

    task secure(tls_stream<>& stream)
    {
        auto const prepared = stream.use_tls(context_, target_.host, target_.host_is_address());
        if (!prepared)
            co_return prepared;
        for (;;) {
            step const now = stream.handshake();
            if (now == step::done)
                co_return result<void>();
            if (now == step::closed)
                co_return error(errc::connection_lost,
                                "the server closed the connection during the TLS handshake");
            if (now == step::failed)
                co_return stream.failure();
            bool const ready = co_await op_->ready(stream.socket(), readiness_for(now));
            if (!ready)
                co_return op_->interruption("negotiating TLS");
        }
    }

    operation_ptr op_;
    net::any_io_executor const& executor_;
    url const& target_;
    SSL_CTX* context_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
