// request_parser: the server's side of HTTP/1.1, for the emulator: bytes in, one request after the other or
// one fault out (RFC 9112).
#ifndef HDIKAFKA_DETAIL_HTTP_REQUEST_PARSER_HPP
#define HDIKAFKA_DETAIL_HTTP_REQUEST_PARSER_HPP

#include <hdikafka/detail/http/head.hpp>
#include <hdikafka/detail/http/message_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Reads requests: `prepare()` says where the next bytes go, `commit(n)` takes them. It is as strict as
/// response_parser: a client's mistake should show in a test against the emulator. Bytes behind a
/// request are kept for the next one, which reset() begins.
class request_parser : public message_parser<request_parser>
{
public:
    /// `status_line` of the limits bounds the request line.
    explicit request_parser(http_limits const& limits = http_limits())
        : message_parser(limits), limits_(limits)
    {}

    /// Goes on to the next request, once done(). It may be done() at once: clients may pipeline.
    void reset()
    {
        head_.restart();
        head_.append(body_.surplus());
        body_ = body_reader(limits_);
        body_size_.reset();
        skipped_empty_line_ = header_done_ = expects_continue_ = keep_alive_ = false;
        stage_ = stage::head;
        read_head();
    }

    /// After a fault: the status to answer with before the connection is closed; cause() is for its body.
    int fault_status() const noexcept
    {
        switch (fault_.code()) {
        case errc::status_line_too_long: return 414;
        case errc::field_too_long:
        case errc::fields_too_long:
        case errc::too_many_fields: return 431;
        case errc::body_too_large: return 413;
        default: return other_status_;
        }
    }

    /// Whether a byte of this request has come: a connection that ends before that ends properly.
    bool started() const noexcept { return stage_ != stage::head || head_.started(); }

    /// The texts, and those of field(), are valid until reset().
    std::string_view method() const noexcept { return head_.head().start_line().substr(0, method_size_); }
    std::string_view target() const noexcept
    {
        return head_.head().start_line().substr(method_size_ + 1, target_size_);
    }
    std::string_view body() const noexcept { return body_.view(); }

    /// Whether the client waits for `100 Continue` before it sends the body.
    bool expects_continue() const noexcept { return stage_ == stage::body && expects_continue_; }

    /// How long the body is said to be; nothing when it comes in chunks. Once the head is done.
    std::optional<std::uint64_t> body_size() const noexcept { return body_size_; }

    /// Bounds the body of this request, of which less has come: more is a fault, as with the limits.
    void limit_body(std::size_t most)
    {
        body_.limit(most);
        look_at_body();
    }

    /// Whether the client lets the connection go on after the answer. Once the head is done.
    bool keep_alive() const noexcept { return header_done_ && keep_alive_; }

private:
    friend class message_parser<request_parser>;

    void read_head()
    {
        for (;;) {
            switch (head_.next()) {
            case head_reader::event::need_more: return;
            case head_reader::event::fault: return fail(head_.fault());
            case head_reader::event::end: return begin_body();
            case head_reader::event::start_line: break;
            }
            auto const line = head_.head().start_line();
            if (line.empty() && !skipped_empty_line_) { // RFC 9112 §2.2 asks for this leniency
                skipped_empty_line_ = true;
                head_.restart();
            } else if (!read_request_line(line)) {
                return;
            }
        }
    }

    /// method SP origin-form SP HTTP-version
    bool read_request_line(std::string_view line)
    {
        constexpr std::string_view version = "HTTP/1.1";
        auto const first = line.find(' ');
        auto const second = first == std::string_view::npos ? first : line.find(' ', first + 1);
        if (second == std::string_view::npos || !is_token(line.substr(0, first)))
            return refuse(400, "the request line is malformed");
        auto const target = line.substr(first + 1, second - first - 1);
        if (!target.starts_with('/') || !target_characters.spells(target))
            return refuse(400, "the request's target is not in origin form");
        auto const asked = line.substr(second + 1);
        if (asked.size() != version.size() || !asked.starts_with("HTTP/") || asked[6] != '.' ||
            !parse_decimal(asked.substr(5, 1)) || !parse_decimal(asked.substr(7)))
            return refuse(400, "the request line does not end in an HTTP version");
        if (asked != version)
            return refuse(505, "the request is not HTTP/1.1");
        method_size_ = first;
        target_size_ = target.size();
        return true;
    }

    bool refuse(int status, char const* cause)
    {
        other_status_ = status;
        fail(http_fault(errc::bad_request, cause));
        return false;
    }

    void begin_body()
    {
        header_done_ = true;
        message_framing const framing(head_.head(), false);
        if (framing.fault()) {
            other_status_ = framing.other_codings() ? 501 : 400;
            return fail(framing.fault());
        }
        if (!has_one_host()) {
            refuse(400, "the request does not have exactly one Host");
            return;
        }
        keep_alive_ = !framing.close();
        expects_continue_ = equals_ignoring_case(field("expect").value_or(""), "100-continue");
        if (!framing.chunked())
            body_size_ = framing.length().value_or(0);
        if (framing.chunked())
            body_.start_chunked();
        else if (framing.length())
            body_.start_length(*framing.length());
        else
            body_.start_none();
        head_.consume(enter_body());
    }

    bool has_one_host() const noexcept
    {
        auto const& head = head_.head();
        std::size_t count = 0;
        for (std::size_t i = 0; i != head.size(); ++i) {
            if (!equals_ignoring_case(head.name(i), "host"))
                continue;
            ++count;
            if (!host_characters.spells(head.value(i)))
                return false;
        }
        return count == 1;
    }

    http_limits limits_;
    std::size_t method_size_ = 0;
    std::size_t target_size_ = 0;
    std::optional<std::uint64_t> body_size_;
    int other_status_ = 400; ///< Of a fault that has no status of its own.
    bool skipped_empty_line_ = false;
    bool expects_continue_ = false;
    bool keep_alive_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
