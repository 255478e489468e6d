// A cable between a client and a server that can be cut at any byte.
#ifndef HDIKAFKA_TESTS_SUPPORT_CABLE_HPP
#define HDIKAFKA_TESTS_SUPPORT_CABLE_HPP

#include "support/net/tunnel_plan.hpp"

#include <hdikafka/detail/run/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

/// Listens on a free port of 127.0.0.1 and passes on what comes to another port there. Works on the test's
/// own context, and is used by its thread alone.
class cable
{
public:
    cable(net::io_context& io, unsigned port)
        : state_(std::make_shared<state>(static_cast<net::ip::port_type>(port))),
          acceptor_(io, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0))
    {
        net::co_spawn(io, accept(&acceptor_, state_), net::detached);
    }
    cable(cable const&) = delete;
    cable& operator=(cable const&) = delete;
    ~cable() = default;

    unsigned port() const { return acceptor_.local_endpoint().port(); }

    /// Cuts a connection as soon as this many bytes more have gone this way; with 0 when the first one comes.
    /// The server's end is closed properly, the client's as `how` says (close or reset).
    void cut_after(way direction, std::size_t bytes, parting how)
    {
        state_->direction = direction;
        state_->left = bytes;
        state_->how = how;
    }

    /// Cuts every connection now.
    void cut_all(parting how)
    {
        for (auto const& weak : state_->open)
            if (auto const one = weak.lock())
                sever(*one, how);
    }

    /// How many bytes have gone one way so far.
    std::size_t passed(way direction) const { return state_->passed.at(static_cast<std::size_t>(direction)); }

    /// Connections that were taken so far.
    std::size_t connections() const { return state_->connections; }

    /// Whether the server has dealt with all that came through before a cut, and has gone.
    bool settled() const { return state_->unsettled == 0; }

private:
    class peer;
    using peer_ptr = std::shared_ptr<peer>;

    class state
    {
    public:
        explicit state(net::ip::port_type port) : target(net::ip::address_v4::loopback(), port) {}

        net::ip::tcp::endpoint const target;
        std::vector<std::weak_ptr<peer>> open;
        std::array<std::size_t, 2> passed{};
        std::size_t connections = 0;
        std::size_t unsettled = 0; // cut, and the server has not gone yet
        way direction = way::up;
        std::optional<std::size_t> left; // until the cut
        parting how = parting::close;
    };
    using state_ptr = std::shared_ptr<state>;

    class peer
    {
    public:
        peer(net::ip::tcp::socket socket, state_ptr of)
            : all(std::move(of)), client(std::move(socket)), server(client.get_executor())
        {}

        state_ptr all;
        net::ip::tcp::socket client;
        net::ip::tcp::socket server;
        bool severed = false;
        bool server_gone = false;
    };

    static net::awaitable<void> accept(net::ip::tcp::acceptor* acceptor, state_ptr all)
    {
        auto const executor = co_await net::this_coro::executor;
        for (;;) {
            auto socket = co_await acceptor->async_accept(net::use_awaitable);
            ++all->connections;
            auto const one = std::make_shared<peer>(std::move(socket), all);
            co_await one->server.async_connect(all->target, net::use_awaitable);
            one->client.set_option(net::ip::tcp::no_delay(true));
            one->server.set_option(net::ip::tcp::no_delay(true));
            all->open.push_back(one);
            net::co_spawn(executor, pump(one, way::up), net::detached);
            net::co_spawn(executor, pump(one, way::down), net::detached);
        }
    }

    static net::awaitable<void> pump(peer_ptr one, way direction)
    {
        bool const up = direction == way::up;
        auto& from = up ? one->client : one->server;
        auto& to = up ? one->server : one->client;
        std::array<char, 16384> part{};
        auto const into = net::buffer(part);
        try {
            for (;;) {
                std::size_t const count = co_await from.async_read_some(into, net::use_awaitable);
                bool last = false;
                std::size_t const passing = count_passing(*one, direction, count, last);
                auto const bytes = net::buffer(part.data(), passing);
                co_await net::async_write(to, bytes, net::use_awaitable);
                if (last)
                    sever(*one, one->all->how);
            }
        } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch): see below
            // This way leads nowhere any more.
        }
        std::error_code ignored;
        to.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
        if (up)
            co_return;
        one->server_gone = true;
        one->all->unsettled -= one->severed ? 1 : 0;
    }

    /// How many of the bytes go through, and whether they are the last before the cut: another connection
    /// may be at work before that is made.
    static std::size_t count_passing(peer& one, way direction, std::size_t count, bool& last)
    {
        state& all = *one.all;
        if (one.severed)
            return 0;
        if (all.left && all.direction == direction) {
            count = std::min(count, *all.left);
            *all.left -= count;
            last = *all.left == 0;
            if (last)
                all.left.reset();
        }
        all.passed.at(static_cast<std::size_t>(direction)) += count;
        return count;
    }

    static void sever(peer& one, parting how)
    {
        if (std::exchange(one.severed, true))
            return;
        one.all->unsettled += one.server_gone ? 0 : 1;
        std::error_code ignored;
        if (how == parting::reset)
            one.client.set_option(net::socket_base::linger(true, 0), ignored);
        one.client.close(ignored);
        one.server.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
    }

    state_ptr state_;
    net::ip::tcp::acceptor acceptor_;
};

} // namespace test

#endif
