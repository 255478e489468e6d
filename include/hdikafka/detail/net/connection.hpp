// A connection: one HTTP exchange after the other on its stream, and whether it may be used again.
#ifndef HDIKAFKA_DETAIL_NET_CONNECTION_HPP
#define HDIKAFKA_DETAIL_NET_CONNECTION_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// What all connections of a client have in common.
class transport_settings
{
public:
    transport_settings() = default;

    tls_options tls;
    milliseconds connect_timeout{10'000};
    milliseconds idle_timeout{30'000};
    milliseconds max_idle_time{60'000};
    milliseconds max_connection_age{600'000};
    std::size_t max_connections = 16;
    std::string user_agent;
    retry_policy retry; ///< of token requests; a call to the service brings its own
    std::optional<std::string> proxy;
    proxy_variables environment;
    url pinned;                    ///< The one origin that `pins` are for.
    std::vector<std::string> pins; ///< Of the server's key, in base64; any will do when there are none.
    hdikafka::observer observer;
};

/// Sends a request (a whole message) and reads its answer, as far as the socket goes along. The stream and
/// the request outlive it.
///
/// A write that fails is not yet the end: a server may have answered and closed without reading
/// everything, and its answer says more than "broken pipe".
template <class = void>
class exchange
{
public:
    exchange(tls_stream<>& stream, std::string_view request, http_limits const& limits)
        : stream_(stream), rest_(request), parser_(limits)
    {}

    /// Goes on until the socket has to be waited for (want_read, want_write, want_either), until there is an
    /// answer (done), or until none will come (failed).
    io_step advance()
    {
        if (!rest_.empty()) {
            io_step const written = send();
            if (written == io_step::want_read)
                return written;
            // A server that takes no more may have refused the request already (413).
            if (written == io_step::want_write)
                return receive_early();
            // An answer takes a round trip: looking for it at once would be in vain.
            if (written == io_step::done && !stream_.has_buffered())
                return io_step::want_read;
        }
        return conclude(receive());
    }

    bool sending() const noexcept { return !rest_.empty(); }

    /// Whether the whole request was written. Only then may the connection carry another one.
    bool sent() const noexcept { return lost_ && rest_.empty(); }

    /// Why there is no answer.
    result<void> const& failure() const noexcept { return failure_; }

    /// The answer, once there is one.
    response_parser& answer() noexcept { return parser_; }

private:
    io_step receive_early()
    {
        io_step const reading = receive();
        return reading == io_step::want_read ? io_step::want_either : conclude(reading);
    }

    io_step conclude(io_step reading)
    {
        if (parser_.done())
            return io_step::done;
        // What the peer said before it went says more than that it went.
        bool const told = reading == io_step::failed && stream_.failure().code() == errc::tls_failed;
        if (!lost_ && !told)
            failure_ = lost_;
        else if (parser_.failed())
            failure_ = error(parser_.fault(), parser_.cause());
        else if (reading == io_step::failed)
            failure_ = stream_.failure();
        else
            return reading;
        return io_step::failed;
    }

    io_step send()
    {
        while (!rest_.empty()) {
            std::size_t count = 0;
            io_step const now = stream_.write(rest_, count);
            if (now == io_step::want_read || now == io_step::want_write)
                return now;
            if (now == io_step::done) {
                rest_ = rest_.subspan(count);
            } else {
                lost_ = stream_.failure();
                rest_ = std::span<char const>();
                return io_step::failed;
            }
        }
        return io_step::done;
    }

    io_step receive()
    {
        for (;;) {
            std::size_t count = 0;
            io_step const now = stream_.read(parser_.prepare(), count);
            if (now == io_step::closed)
                parser_.finish_eof();
            else if (now != io_step::done)
                return now;
            else
                parser_.commit(count);
            if (parser_.done() || parser_.failed())
                return io_step::done;
        }
    }

    tls_stream<>& stream_;
    std::span<char const> rest_; ///< Of the request, not written yet.
    response_parser parser_;
    result<void> lost_; ///< Why the rest of the request could not be written.
    result<void> failure_;
};

/// A failure, and with whom it was met.
inline error met_with(std::string const& peer, error const& why)
{
    return error(why.code(), why.info(), peer + ": " + why.cause());
}

/// When a connection that now becomes idle must not be used any more: after `idle`, a second before what the
/// server grants (Keep-Alive: timeout), and `age` after it was made, whichever comes first.
inline steady_clock::time_point retirement(steady_clock::time_point now, steady_clock::time_point made,
                                           milliseconds idle, milliseconds age,
                                           std::optional<std::chrono::seconds> granted)
{
    if (granted)
        idle = std::clamp(milliseconds(*granted) - std::chrono::seconds(1), milliseconds(0), idle);
    return std::min(now + idle, made + age);
}

template <class = void>
class connection : public list_link
{
public:
    connection(net::any_io_executor const& executor, url target, observer watcher)
        : stream(executor), watcher_(std::move(watcher)), target_(std::move(target))
    {}
    ~connection()
    {
        cleanse(request_);
        if (end == connection_end::finished)
            stream.close_politely(); // which keeps its TLS session good
        // The TLS session is good all the same; OpenSSL would spoil it without a goodbye.
        if (end == connection_end::failed && stream.tls())
            SSL_set_shutdown(stream.tls(), SSL_SENT_SHUTDOWN);
        if (!watcher_ || made_at == never)
            return;
        connection_closed event;
        event.host = target_.host;
        event.port = target_.port;
        event.cause = end;
        event.exchanges = exchanges_;
        event.age = std::chrono::duration_cast<milliseconds>(steady_clock::now() - made_at);
        watcher_(event);
    }

    /// Sends a request and reads its answer; reusable() says afterwards whether the connection may serve the
    /// next one. Whatever comes of it, what the outcome says of bytes is right. It leaves the operation in a
    /// phase. The settings outlive it.
    task perform(operation<>& op, attempt& now, transport_settings const& settings)
    {
        request_.clear();
        now.request.append_to(request_);
        end = connection_end::failed;
        ++exchanges_;
        std::uint64_t const sent = stream.bytes_out();
        std::uint64_t const received = stream.bytes_in();
        exchange<>& talk = talk_.emplace(stream, request_, now.limits);
        // The phase's time runs from each byte that moves, in either direction.
        op.begin_phase(errc::idle_timeout, settings.idle_timeout);
        io_step step = talk.advance();
        bool in_time = true;
        while (in_time && wants_socket(step)) {
            in_time = co_await stream.ready(op, step);
            if (in_time) {
                op.extend_phase(settings.idle_timeout);
                step = talk.advance();
                if (now.listener && talk.answer().header_done())
                    std::exchange(now.listener, nullptr)->header(talk.answer());
            }
        }
        now.outcome.bytes_sent = stream.bytes_out() - sent;
        now.outcome.bytes_received = stream.bytes_in() - received;
        now.outcome.bytes_written = now.outcome.bytes_sent != 0;
        now.outcome.answered = talk.answer().started();
        now.outcome.refused = stream.refused() && exchanges_ == 1 && !now.outcome.answered;
        if (!in_time)
            co_return op.interruption(
                (talk.sending() ? "sending the request to " : "waiting for the answer of ") +
                target_.authority());
        if (step != io_step::done)
            co_return met_with(target_.authority(), talk.failure().error());
        rest(talk, settings);
        now.outcome.closes = !reusable();
        now.answer = talk.answer().take();
        talk_.reset();
        co_return result<void>();
    }

    /// Whether the last exchange, if there was any, left it fit for another one.
    bool reusable() const noexcept { return end == connection_end::closed; }

    /// Whether it has been idle since it was made: the server may have closed it meanwhile.
    bool has_lain_idle() const noexcept { return last_used != never; }

    /// It becomes idle although it has served nobody yet.
    void rest_unused(transport_settings const& settings) noexcept
    {
        last_used = steady_clock::now();
        retire_at =
            retirement(last_used, made_at, settings.max_idle_time, settings.max_connection_age, std::nullopt);
    }

    /// Whether that is still so after it lay idle.
    bool usable()
    {
        if (steady_clock::now() >= retire_at)
            end = connection_end::retired;
        else if (!stream.quiet())
            end = connection_end::dropped;
        return reusable();
    }

    /// Closes it at rest.
    void close(connection_end why) noexcept
    {
        end = why;
        stream.close_politely();
    }

    static constexpr auto never = steady_clock::time_point::max();

    tls_stream<> stream;
    steady_clock::time_point made_at = never;
    steady_clock::time_point last_used = never;
    steady_clock::time_point retire_at = never;  ///< Never used from then on.
    connection_end end = connection_end::closed; ///< Why it is closed, should it be now.

private:
    /// The exchange has ended well.
    void rest(exchange<>& talk, transport_settings const& settings)
    {
        response_parser const& answer = talk.answer();
        end = answer.keep_alive() && talk.sent() ? connection_end::closed : connection_end::finished;
        last_used = steady_clock::now();
        retire_at = retirement(last_used, made_at, settings.max_idle_time, settings.max_connection_age,
                               answer.keep_alive_timeout());
        // An idle connection holds no token. Memory that stays in use is wiped by any write.
        std::ranges::fill(request_, '\0');
        constexpr std::size_t worth_keeping = 16 * 1024;
        if (request_.capacity() > worth_keeping) {
            cleanse(request_);
            request_.shrink_to_fit();
        }
    }

    observer watcher_;
    url const target_;
    std::string request_;            ///< The message on its way; its memory serves the next one.
    std::optional<exchange<>> talk_; ///< The exchange under way.
    std::size_t exchanges_ = 0;
};

using connection_ptr = std::unique_ptr<connection<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
