// response_parser: bytes in, one final answer or one fault out (RFC 9112).
#ifndef HDIKAFKA_DETAIL_HTTP_RESPONSE_PARSER_HPP
#define HDIKAFKA_DETAIL_HTTP_RESPONSE_PARSER_HPP

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/detail/http/head.hpp>
#include <hdikafka/detail/http/message_parser.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// An answer that has arrived whole. It owns its texts: views into an answer live as long as it, and moving
/// it keeps them valid.
class http_response
{
public:
    http_response() = default;
    http_response(int code, http_head head, byte_buffer content)
        : status(code), body(std::move(content)), head_(std::move(head))
    {}

    int status = 0;
    byte_buffer body;

    /// Wipes the body, and whatever of it was read together with the header.
    void cleanse() noexcept
    {
        body.cleanse();
        head_.cleanse();
    }

    std::string_view body_text() const noexcept { return body.view(); }

    /// The value of the first field of that name, in any case, without blanks around it.
    std::optional<std::string_view> field(std::string_view name) const noexcept { return head_.find(name); }

    /// All fields in their order: `field_name(i)` and `field_value(i)` for i < field_count().
    std::size_t field_count() const noexcept { return head_.size(); }
    std::string_view field_name(std::size_t i) const noexcept { return head_.name(i); }
    std::string_view field_value(std::size_t i) const noexcept { return head_.value(i); }

private:
    http_head head_;
};

/// Reads the answer to one request: `prepare()` says where the next bytes go, `commit(n)` takes them.
/// The outcome depends on the bytes alone, not on the pieces they come in (but for is_tunnel()). Interim
/// answers (1xx) are dropped. After a fault, and unless keep_alive() or is_tunnel(), the connection has to be
/// closed.
class response_parser : public message_parser<response_parser>
{
public:
    /// `head_request`: the answer belongs to a HEAD and has no body.
    explicit response_parser(http_limits const& limits, bool head_request = false)
        : message_parser(limits),
          interim_left_(limits.interim()),
          status_line_limit_(limits.status_line()),
          head_request_(head_request)
    {}

    /// The answer belongs to a CONNECT. To be said before the first byte comes.
    void expect_tunnel() noexcept { connect_request_ = true; }

    /// The peer has closed the connection in the proper way; over TLS that is after close_notify.
    void finish_eof()
    {
        if (stage_ == stage::head) {
            fail(http_fault(errc::connection_lost, started_
                                                       ? "the connection ended within the answer's header"
                                                       : "the connection ended before an answer came"));
        } else if (stage_ == stage::body) {
            body_.finish_eof();
            look_at_body();
        }
    }

    errc fault() const noexcept { return fault_.code(); }

    /// Whether any byte has come.
    bool started() const noexcept { return started_; }

    /// That of the final answer, once header_done(); so is field().
    int status() const noexcept { return status_; }

    /// Whether another request may be sent on the connection.
    bool keep_alive() const noexcept { return done() && keep_alive_ && body_.surplus().empty(); }

    /// Whether the connection is a tunnel from here on: the CONNECT was answered with 2xx. Nothing that
    /// follows was read; bytes that came together with the answer are a fault, because the far end of the
    /// tunnel has nothing to say before it is spoken to.
    bool is_tunnel() const noexcept { return done() && opens_tunnel(); }

    /// How long the server keeps the connection when it is idle, if it said so (`Keep-Alive: timeout=5`).
    std::optional<std::chrono::seconds> keep_alive_timeout() const noexcept
    {
        auto const value = field("keep-alive");
        if (!value)
            return std::nullopt;
        list_elements parameters(*value);
        for (std::string_view parameter; parameters.next(parameter);) {
            constexpr std::string_view name = "timeout=";
            if (!equals_ignoring_case(parameter.substr(0, name.size()), name))
                continue;
            constexpr std::uint64_t day = 86400;
            if (auto const seconds = parse_decimal(parameter.substr(name.size())))
                return std::chrono::seconds(std::min(*seconds, day));
        }
        return std::nullopt;
    }

    /// The answer, once done(). Ask for keep_alive() and keep_alive_timeout() before it.
    http_response take() { return http_response(status_, head_.take(), body_.take()); }

private:
    friend class message_parser<response_parser>;

    void read_head()
    {
        for (;;) {
            // Another protocol is told at once: its bytes may never have a line end to wait for.
            constexpr std::string_view version = "HTTP/1.";
            if (status_ == 0 &&
                !version.starts_with(head_.unread().substr(0, std::min(version.size(), status_line_limit_))))
                return fail(http_fault(errc::bad_status_line, describe_stranger()));
            switch (head_.next()) {
            case head_reader::event::need_more: return;
            case head_reader::event::fault: return fail(head_.fault());
            case head_reader::event::start_line:
                if (!read_status_line(head_.head().start_line()))
                    return;
                break;
            case head_reader::event::end:
                if (status_ >= 200)
                    return begin_body();
                status_ = 0;
                head_.restart();
                break;
            }
        }
    }

    /// What the peer speaks instead of HTTP/1.x.
    char const* describe_stranger() const noexcept
    {
        // The first byte of an alert, or of a server's part in a handshake; more may not be here yet.
        constexpr std::string_view records = "\x15\x16";
        if (records.find(head_.unread().front()) != std::string_view::npos)
            return "the peer seems to speak TLS: its port is one for https, and it was called by http";
        return "the peer's answer is not HTTP/1.x";
    }

    /// HTTP-version SP 3DIGIT [ SP [ reason ] ]: many servers leave out the second SP when there is no
    /// reason.
    bool read_status_line(std::string_view line)
    {
        constexpr std::size_t shortest = std::string_view("HTTP/1.1 200").size();
        auto const digit = [line](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
        bool const sound = line.size() >= shortest && digit(7) && line[8] == ' ' && line[9] != '0' &&
                           digit(9) && digit(10) && digit(11) &&
                           (line.size() == shortest || line[shortest] == ' ');
        if (!sound) {
            fail(http_fault(errc::bad_status_line, "the status line is malformed"));
            return false;
        }
        http_1_0_ = line[7] == '0';
        status_ = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
        if (status_ == 101)
            fail(http_fault(errc::unexpected_upgrade, "the server switched protocols unasked"));
        else if (status_ < 200 && interim_left_-- == 0)
            fail(http_fault(errc::too_many_interim, "there are too many interim answers"));
        return stage_ == stage::head;
    }

    void begin_body()
    {
        header_done_ = true;
        if (opens_tunnel())
            return begin_tunnel();
        message_framing const framing(head_.head(), http_1_0_);
        keep_alive_ = !http_1_0_ && !framing.close();
        if (head_request_ || status_ == 204 || status_ == 304) {
            // No body, whatever the fields say; but a 204 that announces one may be followed by one.
            bool const announced = status_ == 204 && (framing.chunked() || framing.length().value_or(0) != 0);
            keep_alive_ = keep_alive_ && !framing.fault() && !announced;
            body_.start_none();
        } else if (framing.fault()) {
            return fail(framing.fault());
        } else if (framing.content_coded() && status_ >= 400) {
            // What cannot be read is only the reason; the status says what happened.
            keep_alive_ = false;
            body_.start_none();
        } else if (framing.content_coded()) {
            return fail(http_fault(errc::unsupported_coding, "the answer has the content coding " +
                                                                 std::string(framing.content_coding()) +
                                                                 ", although none was accepted"));
        } else if (framing.chunked()) {
            body_.start_chunked();
        } else if (framing.length()) {
            body_.start_length(*framing.length());
        } else {
            keep_alive_ = false;
            body_.start_until_close();
        }
        auto const unread = head_.unread().size();
        if (enter_body() != unread)
            keep_alive_ = false; // bytes behind the answer: nobody knows what they belong to
    }

    bool opens_tunnel() const noexcept { return connect_request_ && status_ < 300; }

    /// No body, whatever the fields say (RFC 9110 §9.3.6, RFC 9112 §6.3 rule 2).
    void begin_tunnel()
    {
        if (!head_.unread().empty())
            return fail(
                http_fault(errc::unexpected_bytes, "bytes came behind the HTTP proxy's answer to CONNECT"));
        stage_ = stage::done;
    }

    std::size_t interim_left_;
    std::size_t status_line_limit_;
    int status_ = 0;
    bool head_request_;
    bool connect_request_ = false;
    bool http_1_0_ = false;
    bool keep_alive_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
