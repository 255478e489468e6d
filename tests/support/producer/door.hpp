// A way to a server that can be shut: who comes then is refused, as by a machine where nothing listens.
#ifndef HDIKAFKA_TESTS_SUPPORT_PRODUCER_DOOR_HPP
#define HDIKAFKA_TESTS_SUPPORT_PRODUCER_DOOR_HPP

#include <hdikafka/detail/run/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

namespace net = ::asio;

/// On a port of 127.0.0.1 that stays its own also while it is shut, as it is at first. Works on the test's
/// own context, and is used by its thread alone.
class door
{
public:
    door(net::io_context& io, std::uint16_t port)
        : target_(net::ip::address_v4::loopback(), port), acceptor_(io)
    {
        take_place(net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0));
    }
    door(door const&) = delete;
    door& operator=(door const&) = delete;
    ~door() = default;

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    void open()
    {
        acceptor_.listen();
        net::co_spawn(acceptor_.get_executor(), accept(), net::detached);
    }

    /// Also cuts, with a reset, the connections that lead through it.
    void shut()
    {
        auto const place = acceptor_.local_endpoint();
        acceptor_.close();
        take_place(place);
        for (auto const& weak : passing_)
            if (auto const one = weak.lock())
                one->cut();
        passing_.clear();
    }

private:
    class pair
    {
    public:
        explicit pair(net::ip::tcp::socket from) : client(std::move(from)), server(client.get_executor()) {}

        void cut()
        {
            std::error_code ignored;
            client.set_option(net::socket_base::linger(true, 0), ignored);
            client.close(ignored);
            server.close(ignored);
        }

        net::ip::tcp::socket client;
        net::ip::tcp::socket server;
    };

    void take_place(net::ip::tcp::endpoint const& where)
    {
        acceptor_.open(where.protocol());
        acceptor_.set_option(net::socket_base::reuse_address(true));
        acceptor_.bind(where);
    }

    net::awaitable<void> accept()
    {
        try {
            for (;;) {
                auto const one = std::make_shared<pair>(co_await acceptor_.async_accept(net::use_awaitable));
                passing_.push_back(one);
                co_await one->server.async_connect(target_, net::use_awaitable);
                net::co_spawn(acceptor_.get_executor(), pump(one, true), net::detached);
                net::co_spawn(acceptor_.get_executor(), pump(one, false), net::detached);
            }
        } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch)
            // It was shut.
        }
    }

    static net::awaitable<void> pump(std::shared_ptr<pair> one, bool up)
    {
        auto& from = up ? one->client : one->server;
        auto& to = up ? one->server : one->client;
        std::array<char, 16384> part{};
        try {
            for (;;) {
                auto const into = net::buffer(part);
                std::size_t const count = co_await from.async_read_some(into, net::use_awaitable);
                auto const bytes = net::buffer(part.data(), count);
                co_await net::async_write(to, bytes, net::use_awaitable);
            }
        } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch)
            // This way leads nowhere any more.
        }
        std::error_code ignored;
        to.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
    }

    net::ip::tcp::endpoint const target_;
    net::ip::tcp::acceptor acceptor_;
    std::vector<std::weak_ptr<pair>> passing_;
};

} // namespace test

#endif
