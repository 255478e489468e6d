// A TLS server that uses OpenSSL directly, for what Asio's streams cannot be made to do.
#ifndef HDIKAFKA_TESTS_SUPPORT_BLOCKING_TLS_SERVER_HPP
#define HDIKAFKA_TESTS_SUPPORT_BLOCKING_TLS_SERVER_HPP

#include "support/net/certificates.hpp"

#include <hdikafka/detail/run/asio.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace test {

namespace net = ::asio;

using tls_context_ptr = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
using tls_session_ptr = std::unique_ptr<SSL, void (*)(SSL*)>;

inline std::unique_ptr<X509, void (*)(X509*)> certificate_in(std::string const& pem)
{
    std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(pem.data(), -1), &BIO_free);
    return {PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free};
}

/// Makes it the certificate of whoever has this context.
inline void show(SSL_CTX* context, certificate_text const& shown)
{
    std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(shown.key_pem.data(), -1), &BIO_free);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(
        PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    REQUIRE(SSL_CTX_use_certificate(context, certificate_in(shown.pem).get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}

/// Listens on a free port of 127.0.0.1, and serves one connection after the other on a thread of its own.
class blocking_tls_server
{
public:
    using setup = std::function<void(SSL_CTX*)>;
    /// Serves the connection with this number, from 0; whatever it throws or leaves ends that one.
    using service = std::function<void(SSL*, net::ip::tcp::socket&, std::size_t)>;

    blocking_tls_server(setup const& prepare, service serve)
        : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free),
          serve_(std::move(serve)),
          acceptor_(io_, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0))
    {
        show(context_.get(), authorities::get().make(certificate::good));
        prepare(context_.get());
        thread_ = std::thread([this] { work(); });
    }
    blocking_tls_server(blocking_tls_server const&) = delete;
    blocking_tls_server& operator=(blocking_tls_server const&) = delete;
    ~blocking_tls_server()
    {
        {
            std::lock_guard const lock(mutex_);
            ended_ = true;
        }
        net::ip::tcp::socket last(io_);
        last.connect(acceptor_.local_endpoint());
        thread_.join();
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
    std::string endpoint() const { return "https://" + address(); }

    std::size_t connections() const
    {
        std::lock_guard const lock(mutex_);
        return connections_;
    }

    /// Counts a step of the server's that others wait for.
    void tick()
    {
        std::lock_guard const lock(mutex_);
        ++ticks_;
        changed_.notify_all();
    }

    /// Blocks until there was a tick for every connection so far.
    void wait_for_ticks() const
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ticks_ == connections_ && connections_ != 0; });
    }

    /// Reads until the peer goes.
    static void drain(net::ip::tcp::socket& socket)
    {
        std::array<char, 16384> unread{};
        std::error_code gone;
        while (!gone)
            socket.read_some(net::buffer(unread), gone);
    }

private:
    void work()
    {
        for (;;) {
            net::ip::tcp::socket socket(io_);
            acceptor_.accept(socket);
            socket.set_option(net::ip::tcp::no_delay(true)); // what is written is there
            std::size_t number = 0;
            {
                std::lock_guard const lock(mutex_);
                if (ended_)
                    return;
                number = connections_++;
            }
            tls_session_ptr const tls(SSL_new(context_.get()), &SSL_free);
            SSL_set_fd(tls.get(), socket.native_handle());
            serve_(tls.get(), socket, number);
        }
    }

    tls_context_ptr context_;
    service const serve_;
    net::io_context io_;
    net::ip::tcp::acceptor acceptor_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::size_t connections_ = 0;
    std::size_t ticks_ = 0;
    bool ended_ = false;
    std::thread thread_;
};

} // namespace test

#endif
