#include "support/net/tunnel_proxy.hpp"

#include <hdikafka/detail/run/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace test {

class tunnel_proxy::machine
{
public:
    explicit machine(std::vector<tunnel_plan> plans)
        : record_(std::make_shared<record>(std::move(plans))),
          acceptor_(io_, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0))
    {
        net::co_spawn(io_, accept(&acceptor_, record_), net::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    machine(machine const&) = delete;
    machine& operator=(machine const&) = delete;
    ~machine()
    {
        io_.stop();
        thread_.join();
    }

    unsigned port() const { return acceptor_.local_endpoint().port(); }

    /// The requests so far. The body is what came before the tunnel was open: nothing may.
    std::vector<seen_request> requests() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->requests;
    }

    /// Connections that were taken so far.
    std::size_t connections() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->connections;
    }

    /// How many TLS records have gone one way through all tunnels together.
    std::size_t records(way direction) const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->passed.at(static_cast<std::size_t>(direction));
    }

    /// Blocks until `count` connections have ended, whoever ended them.
    void wait_for_ends(std::size_t count) const
    {
        std::unique_lock lock(record_->mutex);
        record_->changed.wait(lock, [&] { return record_->ended >= count; });
    }

    /// Closes all tunnels, as a proxy does that has seen nothing go through them for a while.
    void close_tunnels()
    {
        net::post(io_, [all = record_] {
            for (auto const& weak : all->open)
                if (auto const one = weak.lock())
                    close(*one);
        });
    }

private:
    class peer;
    using peer_ptr = std::shared_ptr<peer>;

    struct record
    {
        explicit record(std::vector<tunnel_plan> all) : plans(std::move(all)) {}

        std::vector<tunnel_plan> const plans;
        std::vector<std::weak_ptr<peer>> open; // of the thread alone
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<seen_request> requests;
        std::array<std::size_t, 2> passed{};
        std::size_t connections = 0;
        std::size_t ended = 0;
    };
    using record_ptr = std::shared_ptr<record>;

    class peer
    {
    public:
        peer(net::ip::tcp::socket socket, record_ptr of, std::size_t index, tunnel_plan what)
            : all(std::move(of)),
              number(index),
              plan(std::move(what)),
              client(std::move(socket)),
              target(client.get_executor())
        {}

        record_ptr all;
        std::size_t number;
        tunnel_plan plan;
        net::ip::tcp::socket client;
        net::ip::tcp::socket target;
        std::string input;
        std::array<record_counter, 2> counters;
        int pumps = 0;
        bool severed = false; // nothing is passed on any more
    };

    static net::awaitable<void> accept(net::ip::tcp::acceptor* acceptor, record_ptr all)
    {
        auto const executor = co_await net::this_coro::executor;
        for (;;) {
            auto socket = co_await acceptor->async_accept(net::use_awaitable);
            socket.set_option(net::ip::tcp::no_delay(true));
            std::size_t index = 0;
            {
                std::lock_guard const lock(all->mutex);
                index = all->connections++;
            }
            tunnel_plan plan;
            if (index < all->plans.size())
                plan = all->plans[index];
            auto const one = std::make_shared<peer>(std::move(socket), all, index, std::move(plan));
            all->open.push_back(one);
            net::co_spawn(executor, serve(one), net::detached);
        }
    }

    static net::awaitable<void> serve(peer_ptr one)
    {
        auto const executor = co_await net::this_coro::executor;
        try {
            std::string line;
            co_await read_request(one, &line);
            if (one->plan.refuses) {
                co_await say(one);
                one->plan.told.open();
                co_await leave(one);
            } else {
                // "CONNECT host:port HTTP/1.1"
                std::string const port = line.substr(line.rfind(':', line.rfind(' ')) + 1);
                auto const number = static_cast<net::ip::port_type>(std::stoul(port));
                net::ip::tcp::endpoint const where(net::ip::address_v4::loopback(), number);
                co_await one->target.async_connect(where, net::use_awaitable);
                one->target.set_option(net::ip::tcp::no_delay(true));
                co_await say(one);
                one->pumps = 2;
            }
        } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch): see below
            // The peer has gone, or the target is not there.
        }
        if (one->pumps == 0) {
            end(*one);
            co_return;
        }
        net::co_spawn(executor, pump(one, way::up), net::detached);
        net::co_spawn(executor, pump(one, way::down), net::detached);
    }

    static net::awaitable<void> read_request(peer_ptr one, std::string* line)
    {
        std::string& input = one->input;
        std::size_t end = input.find("\r\n\r\n");
        while (end == std::string::npos) {
            std::array<char, 4096> part{};
            auto const into = net::buffer(part);
            std::size_t const count = co_await one->client.async_read_some(into, net::use_awaitable);
            input.append(part.data(), count);
            end = input.find("\r\n\r\n");
        }
        seen_request request;
        request.connection = one->number;
        request.head = input.substr(0, end + 2);
        request.line = input.substr(0, input.find("\r\n"));
        request.body = input.substr(end + 4);
        *line = request.line;
        std::lock_guard const lock(one->all->mutex);
        one->all->requests.push_back(std::move(request));
    }

    static net::awaitable<void> say(peer_ptr one)
    {
        std::string const& words = one->plan.words;
        std::size_t const piece = one->plan.piece == 0 ? words.size() : one->plan.piece;
        for (std::size_t at = 0; at < words.size(); at += piece) {
            auto const part = net::buffer(words.data() + at, std::min(piece, words.size() - at));
            co_await net::async_write(one->client, part, net::use_awaitable);
        }
    }

    static net::awaitable<void> leave(peer_ptr one)
    {
        std::array<char, 4096> part{};
        auto const into = net::buffer(part);
        if (one->plan.leaving == parting::reset)
            reset(one->client);
        while (one->plan.leaving == parting::pour)
            co_await say(one);
        while (one->plan.leaving == parting::stall)
            co_await one->client.async_read_some(into, net::use_awaitable);
    }

    /// Passes on what comes one way, until that end closes or the plan's cut.
    static net::awaitable<void> pump(peer_ptr one, way direction)
    {
        bool const up = direction == way::up;
        auto& from = up ? one->client : one->target;
        auto& to = up ? one->target : one->client;
        std::array<char, 16384> part{};
        auto const into = net::buffer(part);
        try {
            for (;;) {
                std::size_t const count = co_await from.async_read_some(into, net::use_awaitable);
                std::size_t const passing = count_passing(*one, direction, {part.data(), count});
                auto const bytes = net::buffer(part.data(), passing);
                co_await net::async_write(to, bytes, net::use_awaitable);
                if (passing != count && !one->severed)
                    sever(*one);
            }
        } catch (std::system_error const& ended) {
            std::error_code ignored;
            bool const politely = ended.code() == net::error::eof;
            if (politely && !one->severed)
                to.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
            else if (up || !one->severed) // or else the client might not come to see how it was severed
                close(*one);
        }
        if (--one->pumps == 0)
            end(*one);
    }

    /// How many of the bytes are to be passed on.
    static std::size_t count_passing(peer& one, way direction, std::string_view bytes)
    {
        if (one.severed)
            return 0;
        record_counter& counter = one.counters.at(static_cast<std::size_t>(direction));
        std::size_t const before = counter.whole();
        std::size_t at = 0;
        bool const here = one.plan.cuts && one.plan.direction == direction;
        while (at != bytes.size() && !(here && counter.is_at(one.plan.record, one.plan.spot)))
            counter.take(bytes[at++]);
        std::lock_guard const lock(one.all->mutex);
        one.all->passed.at(static_cast<std::size_t>(direction)) += counter.whole() - before;
        return at;
    }

    static void sever(peer& one)
    {
        one.severed = true;
        one.plan.told.open();
        std::error_code ignored;
        if (one.plan.leaving == parting::close) {
            one.client.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
            one.target.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
        } else if (one.plan.leaving == parting::reset) {
            reset(one.client);
            reset(one.target);
        }
    }

    static void reset(net::ip::tcp::socket& socket)
    {
        std::error_code ignored;
        socket.set_option(net::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
    }

    static void close(peer& one)
    {
        std::error_code ignored;
        one.client.close(ignored);
        one.target.close(ignored);
    }

    static void end(peer& one)
    {
        close(one);
        std::lock_guard const lock(one.all->mutex);
        ++one.all->ended;
        one.all->changed.notify_all();
    }

    record_ptr record_;
    net::io_context io_;
    net::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

tunnel_proxy::tunnel_proxy(std::vector<tunnel_plan> plans)
    : machine_(std::make_unique<machine>(std::move(plans)))
{}

tunnel_proxy::tunnel_proxy(tunnel_plan first) : tunnel_proxy(std::vector<tunnel_plan>(1, std::move(first))) {}

tunnel_proxy::~tunnel_proxy() = default;

unsigned tunnel_proxy::port() const { return machine_->port(); }

std::string tunnel_proxy::url(std::string const& before, std::string const& host) const
{
    return "http://" + before + host + ":" + std::to_string(port());
}

std::vector<seen_request> tunnel_proxy::requests() const { return machine_->requests(); }

std::vector<std::string> tunnel_proxy::lines() const
{
    std::vector<std::string> out;
    for (auto const& request : requests())
        out.push_back(request.line);
    return out;
}

std::size_t tunnel_proxy::connections() const { return machine_->connections(); }
std::size_t tunnel_proxy::records(way direction) const { return machine_->records(direction); }
void tunnel_proxy::wait_for_ends(std::size_t count) const { machine_->wait_for_ends(count); }
void tunnel_proxy::wait_for_all_ends() const { wait_for_ends(connections()); }
void tunnel_proxy::close_tunnels() { machine_->close_tunnels(); }

} // namespace test
