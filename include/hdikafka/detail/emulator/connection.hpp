// One connection to the emulator, with TLS or without: reads requests, hands them on, writes answers, and
// never waits for its peer beyond a deadline.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CONNECTION_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CONNECTION_HPP

#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/http/request_parser.hpp>
#include <hdikafka/detail/run/asio_ssl.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// What a peer is talked to through, an AsyncReadStream and AsyncWriteStream: TLS, or without a context the
/// bare socket.
class emulator_stream
{
public:
    using executor_type = net::any_io_executor;
    using tls_stream = net::ssl::stream<net::ip::tcp::socket&>;

    emulator_stream(net::ip::tcp::socket socket, net::ssl::context* context) : socket_(std::move(socket))
    {
        if (context != nullptr)
            tls_.emplace(socket_, *context);
    }

    executor_type get_executor() { return socket_.get_executor(); }
    net::ip::tcp::socket& socket() noexcept { return socket_; }

    /// Null without TLS.
    tls_stream* tls() noexcept { return tls_ ? &*tls_ : nullptr; }

    template <class Buffers, class Token>
    auto async_read_some(Buffers const& buffers, Token&& token)
    {
        return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                    : socket_.async_read_some(buffers, std::forward<Token>(token));
    }

    template <class Buffers, class Token>
    // NOLINTNEXTLINE(misc-no-recursion): Asio's, which goes on from handlers
    auto async_write_some(Buffers const& buffers, Token&& token)
    {
        return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                    : socket_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    net::ip::tcp::socket socket_;
    std::optional<tls_stream> tls_;
};

/// Everything of a connection but its constructor and post_close() runs on the socket's strand.
class emulator_connection : public std::enable_shared_from_this<emulator_connection>
{
public:
    using handler = std::function<emulator_answer(emulator_request const&)>;

    /// Speaks TLS if there is a context for it.
    emulator_connection(net::ip::tcp::socket socket, net::ssl::context* context, std::uint64_t number,
                        emulator_options const& options, handler handle)
        : stream_(std::move(socket), context),
          watchdog_(stream_.get_executor()),
          pause_(stream_.get_executor()),
          reader_(http_limits().body(options.max_body())),
          number_(number),
          plain_(context == nullptr),
          idle_timeout_(options.idle_timeout()),
          latency_(options.latency()),
          handle_(std::move(handle))
    {}

    net::any_io_executor get_executor() { return stream_.get_executor(); }
    std::uint64_t number() const noexcept { return number_; }

    /// Closes at once, without a farewell. From any thread.
    void post_close()
    {
        net::post(stream_.get_executor(), [self = shared_from_this()] { self->close(); });
    }

    /// Serves until the peer, a fault, a deadline or post_close() ends it. What can be thrown here
    /// (memory) concerns this connection only.
    static net::awaitable<void> run(std::shared_ptr<emulator_connection> self)
    {
        try {
            co_await self->converse();
        } catch (std::exception const&) { // NOLINT(bugprone-empty-catch): see below
            // The connection ends below, which is all that a peer can be told.
        }
        self->close();
    }

private:
    static constexpr milliseconds handshake_timeout{10'000};
    static constexpr milliseconds farewell_timeout{2'000};

    net::awaitable<void> converse()
    {
        net::error_code ignored;
        stream_.socket().set_option(net::ip::tcp::no_delay(true), ignored);
        allow(std::min(handshake_timeout, idle_timeout_));
        watch();
        net::error_code failure;
        if (auto* const tls = stream_.tls())
            co_await tls->async_handshake(net::ssl::stream_base::server,
                                          net::redirect_error(net::use_awaitable, failure));
        bool going_on = !failure;
        while (going_on)
            going_on = co_await serve_one();
    }

    /// One request and its answer. Whether another may follow.
    net::awaitable<bool> serve_one()
    {
        bool const complete = co_await read_request();
        if (reader_.failed()) {
            emulator_answer const refusal = proxy_error(reader_.fault_status(), reader_.cause());
            co_await write(render(refusal, false));
            co_await part();
            co_return false;
        }
        if (!complete || closed_)
            co_return false;
        bool in_time = co_await rest(latency_);
        if (!in_time)
            co_return false;
        emulator_answer const answer = handle_(request());
        in_time = co_await rest(answer.delay);
        if (!in_time)
            co_return false;
        if (answer.action == emulator_action::drop)
            co_return false;
        if (answer.action == emulator_action::stall) {
            co_await outwait();
            co_return false;
        }
        bool const keep_alive = reader_.keep_alive();
        bool const head = reader_.method() == "HEAD";
        bool const written = co_await write(render(answer, keep_alive, head));
        if (!written)
            co_return false;
        if (!keep_alive)
            co_await part();
        else
            reader_.reset();
        co_return keep_alive;
    }

    /// False when the connection was closed meanwhile.
    net::awaitable<bool> rest(milliseconds time)
    {
        net::error_code cancelled;
        if (time.count() > 0) {
            allow(idle_timeout_ + time);
            pause_.expires_after(time);
            co_await pause_.async_wait(net::redirect_error(net::use_awaitable, cancelled));
        }
        co_return !cancelled && !closed_;
    }

    /// Whether a whole request came; if not, the peer has gone or sent what is none.
    net::awaitable<bool> read_request()
    {
        bool continued = false;
        while (!reader_.done() && !reader_.failed()) {
            if (reader_.expects_continue() && !std::exchange(continued, true)) {
                bool const written = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
                if (!written)
                    co_return false;
            }
            net::error_code failure;
            std::span<char> const room = reader_.prepare();
            allow(idle_timeout_);
            std::size_t const count = co_await stream_.async_read_some(
                net::buffer(room.data(), room.size()), net::redirect_error(net::use_awaitable, failure));
            if (failure)
                co_return false;
            reader_.commit(count);
        }
        co_return reader_.done();
    }

    emulator_request request() const
    {
        emulator_request out;
        out.method = reader_.method();
        out.target = reader_.target();
        out.host = reader_.field("host").value_or("");
        out.authorization = reader_.field("authorization");
        out.content_type = reader_.field("content-type");
        out.metadata = reader_.field("metadata");
        out.forwarded_for = reader_.field("x-forwarded-for");
        out.identity_header = reader_.field("x-identity-header");
        out.request_id =
            reader_.field("x-ms-client-request-id").value_or(reader_.field("client-request-id").value_or(""));
        out.body = reader_.body();
        out.connection = number_;
        out.plain = plain_;
        return out;
    }

    net::awaitable<bool> write(std::string text)
    {
        net::error_code failure;
        allow(idle_timeout_);
        co_await net::async_write(stream_, net::buffer(text),
                                  net::redirect_error(net::use_awaitable, failure));
        co_return !failure;
    }

    /// Says close_notify, then takes what the peer still sends: a reset would overtake the answer.
    net::awaitable<void> part()
    {
        net::error_code failure;
        allow(std::min(farewell_timeout, idle_timeout_));
        if (auto* const tls = stream_.tls())
            co_await tls->async_shutdown(net::redirect_error(net::use_awaitable, failure));
        net::ip::tcp::socket& socket = stream_.socket();
        socket.shutdown(net::ip::tcp::socket::shutdown_send, failure);
        while (!failure)
            co_await socket.async_read_some(net::buffer(discarded_),
                                            net::redirect_error(net::use_awaitable, failure));
    }

    /// Keeps silent until the peer goes or the emulator stops.
    net::awaitable<void> outwait()
    {
        net::error_code failure;
        deadline_ = net::steady_timer::time_point::max();
        while (!failure)
            co_await stream_.async_read_some(net::buffer(discarded_),
                                             net::redirect_error(net::use_awaitable, failure));
    }

    /// How long what comes next may take.
    void allow(milliseconds time)
    {
        deadline_ = net::steady_timer::clock_type::now() + time;
        if (deadline_ < watchdog_.expiry())
            watch();
    }

    /// One timer a connection, not one an operation: it looks whether the deadline has been moved on.
    void watch()
    {
        if (closed_)
            return;
        watchdog_.expires_at(deadline_);
        watchdog_.async_wait([self = shared_from_this()](net::error_code cancelled) {
            if (cancelled)
                return;
            if (net::steady_timer::clock_type::now() >= self->deadline_)
                self->close();
            else
                self->watch();
        });
    }

    void close()
    {
        net::error_code ignored;
        closed_ = true;
        stream_.socket().close(ignored);
        watchdog_.cancel();
        pause_.cancel();
    }

    emulator_stream stream_;
    net::steady_timer watchdog_;
    net::steady_timer pause_;
    net::steady_timer::time_point deadline_;
    request_parser reader_;
    bool closed_ = false;
    std::uint64_t number_;
    bool plain_;
    milliseconds idle_timeout_;
    milliseconds latency_;
    handler handle_;
    std::array<char, 4096> discarded_{};
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
