// The emulator's listener: binds, accepts, and closes everything when it is stopped. The pure service
// behind it is guarded by a lock. Layer: emulator (I/O shell).
#ifndef HDIKAFKA_DETAIL_EMULATOR_SERVER_HPP
#define HDIKAFKA_DETAIL_EMULATOR_SERVER_HPP

#include <hdikafka/detail/asio_io.hpp>
#include <hdikafka/detail/emulator_connection.hpp>
#include <hdikafka/detail/emulator_service.hpp>
#include <hdikafka/result.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// Owned by the emulator and by each connection. What belongs to the executor (acceptor, sockets,
/// timers) is owned by the operations that are under way alone, so that it dies with the executor's
/// context even when the emulator outlives that.
class emulator_server : public std::enable_shared_from_this<emulator_server>
{
public:
    explicit emulator_server(emulator_options options)
        : context_(net::ssl::context::tls_server), service_(std::move(options))
    {}

    /// Takes PEM texts. Before start().
    result<void> use_certificate(std::string const& chain_pem, std::string const& key_pem)
    {
        net::error_code failure;
        if (SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION) != 1)
            return error(errc::tls_failed, "TLS 1.2 cannot be had");
        context_.use_certificate_chain(net::buffer(chain_pem), failure);
        if (failure)
            return error(errc::invalid_option, "the certificate cannot be used: " + failure.message());
        context_.use_private_key(net::buffer(key_pem), net::ssl::context::pem, failure);
        if (failure)
            return error(errc::invalid_option,
                         "the key cannot be used with the certificate: " + failure.message());
        return {};
    }

    /// Binds and begins to accept; gives the port.
    result<std::uint16_t> start(net::any_io_executor executor)
    {
        emulator_options const& options = service_.options();
        net::error_code failure;
        auto const address = net::ip::make_address(options.address(), failure);
        if (failure)
            return error(errc::invalid_option, "'" + options.address() + "' is not an address to listen on");
        net::ip::tcp::endpoint const endpoint(address, options.port());
        auto opened = std::make_shared<listener>(executor);
        net::ip::tcp::acceptor& acceptor = opened->acceptor;
        acceptor.open(endpoint.protocol(), failure);
        if (!failure)
            acceptor.set_option(net::ip::tcp::acceptor::reuse_address(true), failure);
        if (!failure)
            acceptor.bind(endpoint, failure);
        if (!failure)
            acceptor.listen(net::ip::tcp::acceptor::max_listen_connections, failure);
        std::uint16_t const port = failure ? std::uint16_t{0} : acceptor.local_endpoint(failure).port();
        if (failure)
            return error(failure, "cannot listen on " + options.address() + " port " +
                                      std::to_string(options.port()) + ": " + failure.message());
        std::lock_guard const lock(network_mutex_);
        if (stopped_)
            return error(errc::closed, "the emulator has been stopped");
        listener_ = opened;
        accept(std::move(opened));
        return port;
    }

    /// Closes the listener at once, and each connection as soon as its strand runs.
    void stop()
    {
        std::vector<std::shared_ptr<emulator_connection>> open;
        {
            std::lock_guard const lock(network_mutex_);
            if (std::exchange(stopped_, true))
                return;
            if (auto const listening = listener_.lock()) {
                net::error_code ignored;
                listening->acceptor.close(ignored);
                listening->retry.cancel();
            }
            for (auto const& [number, connection] : connections_)
                if (auto alive = connection.lock())
                    open.push_back(std::move(alive));
        }
        for (auto const& connection : open)
            connection->post_close();
    }

    /// Runs `function(emulator_service&)` under the lock.
    template <class Function>
    auto with_service(Function function)
    {
        std::lock_guard const lock(service_mutex_);
        return function(service_);
    }

    emulator_time now() const
    {
        auto const& clock = service_.options().clock();
        if (clock)
            return clock();
        return std::chrono::floor<std::chrono::milliseconds>(started_at_ +
                                                             (std::chrono::steady_clock::now() - started_));
    }

    emulator_options const& options() const noexcept { return service_.options(); }

private:
    class listener
    {
    public:
        explicit listener(net::any_io_executor const& executor) : acceptor(executor), retry(executor) {}

        net::ip::tcp::acceptor acceptor;
        net::steady_timer retry;
    };

    /// Waits for a connection, or for room for one. With network_mutex_ held.
    void accept(std::shared_ptr<listener> listening)
    {
        if (stopped_)
            return;
        if (connections_.size() >= options().max_connections())
            return accept_later(std::move(listening));
        auto& acceptor = listening->acceptor;
        acceptor.async_accept(net::any_io_executor(net::make_strand(acceptor.get_executor())),
                              [self = shared_from_this(), listening = std::move(listening)](
                                  net::error_code failure, net::ip::tcp::socket socket) mutable {
                                  self->accepted(std::move(listening), failure, std::move(socket));
                              });
    }

    /// Also after a failure: a lack of descriptors passes, and must not become a busy loop.
    void accept_later(std::shared_ptr<listener> listening)
    {
        auto& retry = listening->retry;
        retry.expires_after(std::chrono::milliseconds(20));
        retry.async_wait(
            [self = shared_from_this(), listening = std::move(listening)](net::error_code cancelled) mutable {
                std::lock_guard const lock(self->network_mutex_);
                if (!cancelled)
                    self->accept(std::move(listening));
            });
    }

    void accepted(std::shared_ptr<listener> listening, net::error_code failure, net::ip::tcp::socket socket)
    {
        std::shared_ptr<emulator_connection> connection;
        {
            std::lock_guard const lock(network_mutex_);
            if (stopped_)
                return;
            if (failure)
                return accept_later(std::move(listening));
            connection = std::make_shared<emulator_connection>(
                std::move(socket), context_, ++accepted_, http_limits().body(options().max_body()),
                options().idle_timeout(), options().latency(),
                [self = shared_from_this()](emulator_request const& request) {
                    return self->handle(request);
                });
            connections_.emplace(connection->number(), connection);
            accept(std::move(listening));
        }
        auto const executor = connection->get_executor();
        std::uint64_t const number = connection->number();
        auto ended = [self = shared_from_this(), number](std::exception_ptr) {
            std::lock_guard const lock(self->network_mutex_);
            self->connections_.erase(number);
        };
        net::co_spawn(executor, emulator_connection::run(std::move(connection)), std::move(ended));
    }

    emulator_answer handle(emulator_request const& request)
    {
        emulator_time const time = now();
        std::lock_guard const lock(service_mutex_);
        return service_.handle(request, time, [](std::span<unsigned char> bytes) {
            if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
                throw error(errc::tls_failed, "there is no randomness");
        });
    }

    net::ssl::context context_;
    std::chrono::system_clock::time_point started_at_ = std::chrono::system_clock::now();
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

    std::mutex network_mutex_;
    bool stopped_ = false;
    std::uint64_t accepted_ = 0;
    std::weak_ptr<listener> listener_;
    std::map<std::uint64_t, std::weak_ptr<emulator_connection>> connections_;

    std::mutex service_mutex_;
    emulator_service service_;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
