// The emulator's listeners: they bind, accept, and close everything when the emulator is stopped. The pure
// service behind them is guarded by a lock.
#ifndef HDIKAFKA_DETAIL_EMULATOR_SERVER_HPP
#define HDIKAFKA_DETAIL_EMULATOR_SERVER_HPP

#include <hdikafka/detail/emulator/connection.hpp>
#include <hdikafka/detail/emulator/key_file.hpp>
#include <hdikafka/detail/emulator/service.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/result.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// Where an emulator listens.
class emulator_ports
{
public:
    std::uint16_t tls = 0;
    std::uint16_t identity = 0; ///< 0 when there is no such listener.
};

/// Owned by the emulator and by each connection. What belongs to the executor (acceptors, sockets,
/// timers) is owned by the operations that are under way alone, so that it dies with the executor's
/// context even when the emulator outlives that.
class emulator_server : public std::enable_shared_from_this<emulator_server>
{
public:
    explicit emulator_server(emulator_options options)
        : context_(net::ssl::context::tls_server),
          key_file_(options.arc_key_file()),
          service_(std::move(options), [this](std::string_view key) { return key_file_.write(key); })
    {}

    /// Takes PEM texts. Before start().
    result<void> use_certificate(std::string const& chain_pem, std::string const& key_pem)
    {
        net::error_code failure;
        if (SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION) != 1)
            return error(errc::tls_failed, "TLS 1.2 cannot be had");
        // Sessions are in the tickets that clients keep; a cache would be memory that anybody can fill.
        SSL_CTX_set_session_cache_mode(context_.native_handle(), SSL_SESS_CACHE_OFF);
        context_.use_certificate_chain(net::buffer(chain_pem), failure);
        if (failure)
            return error(errc::invalid_option, "the certificate cannot be used: " + failure.message());
        context_.use_private_key(net::buffer(key_pem), net::ssl::context::pem, failure);
        if (failure)
            return error(errc::invalid_option,
                         "the key cannot be used with the certificate: " + failure.message());
        return {};
    }

    /// Binds and begins to accept.
    result<emulator_ports> start(net::any_io_executor const& executor)
    {
        emulator_ports ports;
        std::vector<std::shared_ptr<listener>> opened;
        auto const tls = opened.emplace_back(std::make_shared<listener>(executor, &context_));
        auto bound = bind(*tls, options().port(), ports.tls);
        if (bound && options().managed_identity()) {
            auto const plain = opened.emplace_back(std::make_shared<listener>(executor, nullptr));
            bound = bind(*plain, options().identity_port(), ports.identity);
        }
        if (!bound)
            return bound.error();
        std::lock_guard const lock(network_mutex_);
        if (stopped_)
            return error(errc::closed, "the emulator has been stopped");
        listeners_.assign(opened.begin(), opened.end());
        for (auto& each : opened)
            accept(std::move(each));
        return ports;
    }

    /// Closes the listeners at once, and each connection as soon as its strand runs.
    void stop()
    {
        std::vector<std::shared_ptr<emulator_connection>> open;
        {
            std::lock_guard const lock(network_mutex_);
            if (std::exchange(stopped_, true))
                return;
            for (auto const& each : listeners_)
                if (auto const listening = each.lock()) {
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

    using script_function = std::function<void(emulator_call const&)>;

    /// What is called with each request that was handled, without the lock.
    void script(script_function script)
    {
        auto next = script ? std::make_shared<script_function>(std::move(script)) : nullptr;
        std::lock_guard const lock(service_mutex_);
        script_.swap(next); // the old one ends behind the lock
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
        listener(net::any_io_executor const& executor, net::ssl::context* tls)
            : acceptor(executor), retry(executor), context(tls)
        {}

        net::ip::tcp::acceptor acceptor;
        net::steady_timer retry;
        net::ssl::context* context; ///< Null without TLS.
        std::size_t served = 0;     ///< Connections; guarded by network_mutex_.
    };

    result<void> bind(listener& to, std::uint16_t wanted, std::uint16_t& port) const
    {
        net::error_code failure;
        std::string const& text = options().address();
        auto const address = net::ip::make_address(text, failure);
        if (failure)
            return error(errc::invalid_option, "'" + text + "' is not an address to listen on");
        net::ip::tcp::endpoint const endpoint(address, wanted);
        net::ip::tcp::acceptor& acceptor = to.acceptor;
        acceptor.open(endpoint.protocol(), failure);
        if (!failure)
            acceptor.set_option(net::ip::tcp::acceptor::reuse_address(true), failure);
        if (!failure)
            acceptor.bind(endpoint, failure);
        if (!failure)
            acceptor.listen(net::ip::tcp::acceptor::max_listen_connections, failure);
        if (!failure)
            port = acceptor.local_endpoint(failure).port();
        if (failure)
            return error(failure, "cannot listen on " + text + " port " + std::to_string(wanted) + ": " +
                                      failure.message());
        return {};
    }

    /// Waits for a connection, or for room for one. With network_mutex_ held.
    void accept(std::shared_ptr<listener> listening)
    {
        if (stopped_)
            return;
        if (listening->served >= options().max_connections())
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
            try {
                connection = std::make_shared<emulator_connection>(std::move(socket), listening->context,
                                                                   accepted_ + 1, options(), budget_, desk());
                connections_.emplace(connection->number(), connection);
            } catch (std::exception const&) { // memory; not the end of those who are served
                return accept_later(std::move(listening));
            }
            ++accepted_;
            ++listening->served;
            accept(listening);
        }
        auto const executor = connection->get_executor();
        std::uint64_t const number = connection->number();
        auto ended = [self = shared_from_this(), listening = std::move(listening),
                      number](std::exception_ptr) {
            std::lock_guard const lock(self->network_mutex_);
            self->connections_.erase(number);
            --listening->served;
        };
        net::co_spawn(executor, emulator_connection::run(std::move(connection)), std::move(ended));
    }

    emulator_desk desk()
    {
        emulator_desk out;
        out.look = [self = shared_from_this()](emulator_request const& request) {
            emulator_time const time = self->now();
            return self->with_service([&](auto& service) { return service.look(request, time); });
        };
        out.handle = [self = shared_from_this()](emulator_request const& request) {
            return self->handle(request);
        };
        return out;
    }

    emulator_answer handle(emulator_request const& request)
    {
        emulator_time const time = now();
        std::unique_lock lock(service_mutex_);
        emulator_answer answer = service_.handle(request, time, [](std::span<unsigned char> bytes) {
            if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
                throw error(errc::tls_failed, "there is no randomness");
        });
        auto const* const last = service_.last_call();
        if (auto const script = script_; script && last != nullptr) {
            emulator_call const call = *last;
            lock.unlock(); // it may use the emulator
            (*script)(call);
        }
        return answer;
    }

    net::ssl::context context_;
    std::chrono::system_clock::time_point started_at_ = std::chrono::system_clock::now();
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

    std::mutex network_mutex_;
    bool stopped_ = false;
    std::uint64_t accepted_ = 0;
    std::vector<std::weak_ptr<listener>> listeners_;
    std::map<std::uint64_t, std::weak_ptr<emulator_connection>> connections_;

    std::mutex service_mutex_;
    emulator_key_file key_file_; // the service's
    emulator_service service_;
    std::shared_ptr<script_function> script_; ///< With service_mutex_.
    connection_budget budget_{options().max_buffered_bytes()};
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
