// One connection to the emulator, with TLS or without: reads requests, hands them on, writes answers, and
// never waits for its peer beyond a deadline.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CONNECTION_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CONNECTION_HPP

#include <hdikafka/detail/emulator/connection_budget.hpp>
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

/// Whom a connection asks what to do. From any thread.
class emulator_desk
{
public:
    std::function<emulator_welcome(emulator_request const&)> look; ///< About a body that is yet to come.
    std::function<emulator_answer(emulator_request const&)> handle;
};

/// Everything of a connection but its constructor and post_close() runs on the socket's strand.
class emulator_connection : public std::enable_shared_from_this<emulator_connection>
{
public:
    /// Speaks TLS if there is a context for it. The desk keeps the budget.
    emulator_connection(net::ip::tcp::socket socket, net::ssl::context* context, std::uint64_t number,
                        emulator_options const& options, connection_budget& budget, emulator_desk desk)
        : stream_(std::move(socket), context),
          watchdog_(stream_.get_executor()),
          pause_(stream_.get_executor()),
          limits_(http_limits().body(std::min(options.max_body(), options.max_buffered_bytes()))),
          reader_(limits_),
          number_(number),
          plain_(context == nullptr),
          idle_timeout_(options.idle_timeout()),
          request_timeout_(options.request_timeout()),
          latency_(options.latency()),
          desk_(std::move(desk)),
          share_(budget)
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
    using time_point = net::steady_timer::time_point;

    static constexpr milliseconds handshake_timeout{10'000};
    static constexpr milliseconds farewell_timeout{2'000};
    static constexpr std::size_t little = 64 * 1024; ///< What a stranger's body may have.

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
        known_ = crowded_ = false;
        request_end_.reset();
        bool read = co_await read_while(&emulator_connection::in_head);
        bool const early = read && in_body() && !welcome();
        if (read && !early)
            read = co_await read_while(&emulator_connection::in_body);
        if (crowded_ || reader_.failed()) {
            co_await part(refusal());
            co_return false;
        }
        if (!read || closed_)
            co_return false;
        bool const in_time = co_await rest(latency_);
        if (!in_time)
            co_return false;
        bool const going_on = co_await answer(early);
        co_return going_on;
    }

    /// Whether the body is to be read before the answer.
    bool welcome()
    {
        emulator_welcome const welcome = desk_.look(request());
        known_ = welcome == emulator_welcome::all;
        if (welcome == emulator_welcome::little)
            reader_.limit_body(little);
        return welcome != emulator_welcome::refused;
    }

    /// `early`: the body is yet to come, and nobody wants it. A short one is taken all the same, so that the
    /// connection can go on; not when the client may keep it to itself, as it may after `Expect`.
    net::awaitable<bool> answer(bool early)
    {
        bool const short_one =
            !reader_.expects_continue() && reader_.body_size() && *reader_.body_size() <= little;
        bool const keep_alive = reader_.keep_alive() && (!early || short_one);
        emulator_answer answer = desk_.handle(request());
        bool going_on = co_await rest(answer.delay);
        if (going_on && early && short_one && answer.action != emulator_action::send)
            going_on =
                co_await read_while(&emulator_connection::in_body); // a reset would say more than nothing
        if (!going_on || answer.action == emulator_action::drop)
            co_return false;
        if (answer.action == emulator_action::stall) {
            co_await outwait();
            co_return false;
        }
        std::string text = render(answer, keep_alive, reader_.method() == "HEAD");
        std::string().swap(answer.body);
        crowded_ = !may_hold(text.size());
        if (crowded_)
            text = refusal();
        if (crowded_ || !keep_alive) {
            co_await part(std::move(text));
            co_return false;
        }
        going_on = co_await write(std::move(text));
        request_end_.reset();
        if (going_on && early)
            going_on = co_await read_while(&emulator_connection::in_body);
        if (going_on)
            reader_.reset();
        co_return going_on;
    }

    /// Of answers only those to reads are large and can be asked for again.
    bool may_hold(std::size_t answer)
    {
        std::size_t const all = reader_.memory() + answer;
        if (reader_.method() == "GET")
            return share_.try_hold(all, true);
        share_.hold(all, known_);
        return true;
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

    bool in_head() const { return !reader_.header_done() && !reader_.failed(); }
    bool in_body() const { return reader_.header_done() && !reader_.done() && !reader_.failed(); }

    /// False when the peer has gone, or there is no room for more; the reader says if it has sent nonsense.
    net::awaitable<bool> read_while(bool (emulator_connection::*in_part)() const)
    {
        bool continued = false;
        while ((this->*in_part)()) {
            if (reader_.expects_continue() && !std::exchange(continued, true)) {
                bool const written = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
                if (!written)
                    co_return false;
            }
            net::error_code failure;
            std::span<char> const room = reader_.prepare();
            crowded_ = !share_.try_hold(reader_.memory(), known_);
            if (crowded_)
                co_return false;
            allow_reading();
            std::size_t const count = co_await stream_.async_read_some(
                net::buffer(room.data(), room.size()), net::redirect_error(net::use_awaitable, failure));
            if (failure)
                co_return false;
            reader_.commit(count);
        }
        co_return true;
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
        if (reader_.done())
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

    /// Why there is no other answer.
    std::string refusal() const
    {
        emulator_answer out = proxy_error(reader_.fault_status(), reader_.cause());
        if (crowded_)
            out = proxy_error(503, "the emulator holds as many bytes of requests and answers as it may")
                      .field("Retry-After", "1");
        return render(out, false);
    }

    /// The last answer and close_notify; then takes what the peer still sends: a reset would overtake the
    /// answer.
    net::awaitable<void> part(std::string last)
    {
        reader_ = request_parser(limits_);
        share_.hold(last.size(), known_);
        bool const written = co_await write(std::move(last));
        if (!written)
            co_return;
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
        deadline_ = time_point::max();
        while (!failure)
            co_await stream_.async_read_some(net::buffer(discarded_),
                                             net::redirect_error(net::use_awaitable, failure));
    }

    /// The next bytes may be awaited as long as the connection may stand still, and the last ones of a
    /// request no longer than it may take in all.
    void allow_reading()
    {
        time_point const now = net::steady_timer::clock_type::now();
        if (!request_end_ && reader_.started())
            request_end_ = now + request_timeout_;
        allow_until(std::min(now + idle_timeout_, request_end_.value_or(time_point::max())));
    }

    /// How long what comes next may take.
    void allow(milliseconds time) { allow_until(net::steady_timer::clock_type::now() + time); }

    void allow_until(time_point end)
    {
        deadline_ = end;
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
    time_point deadline_;
    std::optional<time_point> request_end_; ///< When the last byte of the request has to be there.
    http_limits limits_;
    request_parser reader_;
    bool closed_ = false;
    bool known_ = false;   ///< The request under way has shown a good token.
    bool crowded_ = false; ///< There is no room for what it wants to hold.
    std::uint64_t number_;
    bool plain_;
    milliseconds idle_timeout_;
    milliseconds request_timeout_;
    milliseconds latency_;
    emulator_desk desk_;
    connection_budget::share share_;
    std::array<char, 4096> discarded_{};
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
