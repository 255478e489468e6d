#include "support/net/scripted_server.hpp"

#include <hdikafka/detail/run/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace test {

class scripted_server::machine
{
public:
    machine(std::vector<script> scripts, std::optional<certificate> shown,
            net::ip::tcp::endpoint const& where)
        : record_(std::make_shared<record>(std::move(scripts))),
          tls_(make_context(shown)),
          acceptor_(io_, where)
    {
        record_->context = tls_ ? &*tls_ : nullptr;
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
    std::string endpoint(std::string const& host = "127.0.0.1") const
    {
        return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port());
    }

    /// Connections that were taken so far.
    std::size_t connections() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->connections;
    }

    std::vector<seen_request> requests() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->requests;
    }

    /// Blocks until `count` connections have ended, whoever ended them.
    void wait_for_ends(std::size_t count) const
    {
        std::unique_lock lock(record_->mutex);
        record_->changed.wait(lock, [&] { return record_->ended >= count; });
    }

    std::size_t ended() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->ended;
    }

    /// How many of them the peer ended in an orderly way: over TLS with close_notify.
    std::size_t farewells() const
    {
        std::lock_guard const lock(record_->mutex);
        return record_->farewells;
    }

private:
    struct record
    {
        explicit record(std::vector<script> all) : scripts(std::move(all)) {}

        std::vector<script> const scripts;
        net::ssl::context* context = nullptr;
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<seen_request> requests;
        std::size_t connections = 0;
        std::size_t ended = 0;
        std::size_t farewells = 0;
    };
    using record_ptr = std::shared_ptr<record>;

    class peer
    {
    public:
        peer(net::ip::tcp::socket socket, record_ptr all, std::size_t index)
            : record_of(std::move(all)), number(index), plain(std::move(socket))
        {}

        record_ptr record_of;
        std::size_t number;
        net::ip::tcp::socket plain;
        std::optional<net::ssl::stream<net::ip::tcp::socket&>> tls;
        std::string input;
        seen_request last;
    };
    using peer_ptr = std::shared_ptr<peer>;

    static std::optional<net::ssl::context> make_context(std::optional<certificate> shown)
    {
        if (!shown)
            return std::nullopt;
        auto const text = authorities::get().make(*shown);
        std::optional<net::ssl::context> made(std::in_place, net::ssl::context::tls_server);
        made->use_certificate_chain(net::buffer(text.pem));
        made->use_private_key(net::buffer(text.key_pem), net::ssl::context::pem);
        return made;
    }

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
            auto const one = std::make_shared<peer>(std::move(socket), all, index);
            net::co_spawn(executor, serve(one), net::detached);
        }
    }

    static net::awaitable<void> serve(peer_ptr one)
    {
        auto const& all = *one->record_of;
        script const& doing = all.scripts[std::min(one->number, all.scripts.size() - 1)];
        bool farewell = false;
        try {
            if (all.context && doing.shakes_hands()) {
                one->tls.emplace(one->plain, *all.context);
                co_await one->tls->async_handshake(net::ssl::stream_base::server, net::use_awaitable);
            }
            do {
                for (auto const& what : doing.steps())
                    co_await take(one, &what);
            } while (doing.repeats());
            if (one->tls) {
                // Says goodbye without waiting for the peer to do the same.
                SSL_set_shutdown(one->tls->native_handle(), SSL_RECEIVED_SHUTDOWN);
                co_await one->tls->async_shutdown(net::use_awaitable);
            }
        } catch (std::system_error const& gone) {
            farewell = gone.code() == net::error::eof; // of TLS, where there is TLS
        }
        std::error_code ignored;
        one->plain.close(ignored);
        std::lock_guard const lock(one->record_of->mutex);
        ++one->record_of->ended;
        one->record_of->farewells += farewell ? 1 : 0;
        one->record_of->changed.notify_all();
    }

    static net::awaitable<void> take(peer_ptr one, script::step const* what)
    {
        switch (what->kind) {
        case script::act::read: co_await read(one); break;
        case script::act::taste: co_await receive(one); break;
        case script::act::send: co_await send(one, what->bytes, what->piece); break;
        case script::act::answer: {
            std::string bytes = what->made(one->last);
            co_await send(one, std::move(bytes), 0);
            break;
        }
        case script::act::tell: what->which.open(); break;
        case script::act::await: co_await opened(what->which); break;
        case script::act::stall: co_await drain(one); break;
        case script::act::deaf: {
            gate const never;
            co_await opened(never);
            break;
        }
        case script::act::fin:
            one->plain.shutdown(net::ip::tcp::socket::shutdown_send);
            co_await drain(one);
            break;
        case script::act::reset:
            one->plain.set_option(net::socket_base::linger(true, 0));
            one->plain.close();
            throw std::system_error(net::error::make_error_code(net::error::connection_reset));
        case script::act::pour:
            for (;;)
                co_await send(one, what->bytes, 0);
        }
    }

    static net::awaitable<std::size_t> receive(peer_ptr one)
    {
        std::array<char, 16384> part{};
        auto const into = net::buffer(part);
        std::size_t count = 0;
        if (one->tls)
            count = co_await one->tls->async_read_some(into, net::use_awaitable);
        else
            count = co_await one->plain.async_read_some(into, net::use_awaitable);
        one->input.append(part.data(), count);
        co_return count;
    }

    static net::awaitable<void> send(peer_ptr one, std::string bytes, std::size_t piece)
    {
        piece = piece == 0 ? bytes.size() : piece;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            auto const part = net::buffer(bytes.data() + at, std::min(piece, bytes.size() - at));
            if (one->tls)
                co_await net::async_write(*one->tls, part, net::use_awaitable);
            else
                co_await net::async_write(one->plain, part, net::use_awaitable);
        }
    }

    /// Reads until the peer goes, which it throws.
    static net::awaitable<void> drain(peer_ptr one)
    {
        for (;;) {
            one->input.clear();
            co_await receive(one);
        }
    }

    static net::awaitable<void> read(peer_ptr one)
    {
        std::string& input = one->input;
        std::size_t end = input.find("\r\n\r\n");
        while (end == std::string::npos) {
            co_await receive(one);
            end = input.find("\r\n\r\n");
        }
        seen_request& request = one->last;
        request.connection = one->number;
        char const* const name =
            one->tls ? SSL_get_servername(one->tls->native_handle(), TLSEXT_NAMETYPE_host_name) : nullptr;
        request.server_name = name != nullptr ? name : "(none)";
        request.head = input.substr(0, end + 2);
        request.line = input.substr(0, input.find("\r\n"));
        std::string const length = request.field("content-length");
        std::size_t const size = length == "(none)" ? 0 : std::stoul(length);
        while (input.size() < end + 4 + size)
            co_await receive(one);
        request.body = input.substr(end + 4, size);
        input.erase(0, end + 4 + size);
        std::lock_guard const lock(one->record_of->mutex);
        one->record_of->requests.push_back(request);
    }

    record_ptr record_;
    std::optional<net::ssl::context> tls_;
    net::io_context io_;
    net::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

scripted_server::scripted_server(std::vector<script> scripts, std::optional<certificate> shown,
                                 std::string const& address, unsigned port)
    : machine_(std::make_unique<machine>(
          std::move(scripts), shown,
          net::ip::tcp::endpoint(net::ip::make_address(address), static_cast<net::ip::port_type>(port))))
{}

scripted_server::scripted_server(script only, std::optional<certificate> shown)
    : scripted_server(std::vector<script>(1, std::move(only)), shown)
{}

scripted_server::~scripted_server() = default;

unsigned scripted_server::port() const { return machine_->port(); }
std::string scripted_server::endpoint(std::string const& host) const { return machine_->endpoint(host); }
std::size_t scripted_server::connections() const { return machine_->connections(); }
std::vector<seen_request> scripted_server::requests() const { return machine_->requests(); }
void scripted_server::wait_for_ends(std::size_t count) const { machine_->wait_for_ends(count); }
std::size_t scripted_server::ended() const { return machine_->ended(); }
std::size_t scripted_server::farewells() const { return machine_->farewells(); }

} // namespace test
