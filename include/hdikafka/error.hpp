// Errors: what can go wrong, what is known about it, and what became of the records.
#ifndef HDIKAFKA_ERROR_HPP
#define HDIKAFKA_ERROR_HPP

#include <hdikafka/version.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// What went wrong. Compare with `e.code() == hk::errc::throttled`, or with a portable condition:
/// the three timeouts equal `std::errc::timed_out`, bad arguments `std::errc::invalid_argument`.
enum class errc // NOLINT(performance-enum-size): std::error_code holds an int
{
    // Arguments, refused before anything is sent. Mend the call.
    invalid_topic = 1, ///< The topic is not [a-zA-Z0-9._-]{1,249}, or is "." or "..".
    invalid_partition, ///< The partition is negative, or a partitioner chose one that the topic does not
                       ///< have.
    invalid_offset,    ///< The offset is negative.
    invalid_count,     ///< A count, a size or a limit is below its least value.
    no_records,        ///< A produce was called without records.
    invalid_endpoint,  ///< An endpoint or authority is not an https URL of the form that is documented.
    invalid_option,    ///< An option's value cannot be used, or two of them contradict each other.
    no_credential,     ///< The client was given no credential.
    invalid_utf8,      ///< Text that should become a JSON string, or was read as one, is not UTF-8.
    not_finite,        ///< A double that is infinite or NaN has no JSON form.

    // Values read from JSON.
    invalid_json,   ///< The text is not JSON (RFC 8259).
    too_deep,       ///< The JSON nests deeper than is read: 512 levels, or http_limits::json_depth().
    wrong_kind,     ///< The JSON value is of another kind than was asked for.
    out_of_range,   ///< The JSON number does not fit the type that was asked for.
    invalid_base64, ///< The string is not base64 as base64_codec makes it.

    // Time and state.
    connect_timeout, ///< Resolving, connecting and the TLS handshake took longer than connect_timeout.
    idle_timeout,    ///< The server sent or took nothing for idle_timeout.
    timed_out,       ///< The call's total time is over.
    closed,          ///< The client (or stream) was closed while the call was waiting, or before it.
    already_running, ///< A stream's next() was called while another one was under way, or a delivery's
                     ///< receipt().

    // The network and TLS.
    resolve_failed,      ///< The host name has no address, or the resolver did not answer.
    connect_failed,      ///< No address of the host took the connection.
    proxy_refused,       ///< The HTTP proxy did not open a tunnel: it wants credentials, or forbids it.
    connection_lost,     ///< The connection ended before the answer was complete.
    truncated,           ///< TLS ended without close_notify: what arrived may have been cut by anyone.
    tls_failed,          ///< The TLS handshake or a TLS record failed.
    certificate_refused, ///< The server's certificate is untrusted, expired or otherwise not valid. Never
                         ///< retried.
    host_mismatch,       ///< The certificate is valid for other names than the host asked for. Never retried.

    // HTTP/1.1 framing. The connection is closed; the peer, or something in between, is at fault.
    bad_status_line, ///< The status line is malformed or not HTTP/1.x.
    bad_field, ///< A header or trailer field is malformed (folding, bare CR or LF, NUL, space before colon).
    bad_content_length,    ///< Content-Length is not one decimal number, or differs between fields.
    bad_transfer_encoding, ///< Transfer-Encoding is anything but a final "chunked".
    ambiguous_framing,     ///< Content-Length and Transfer-Encoding came together.
    bad_chunk,             ///< A chunk's size, extension or line ending is malformed.
    unexpected_upgrade,    ///< 101 Switching Protocols, which nobody asked for.
    unexpected_bytes,      ///< Bytes followed the end of the answer.
    status_line_too_long,  ///< The status line exceeds its limit.
    field_too_long,        ///< One field exceeds its limit.
    fields_too_long,       ///< All fields together exceed their limit.
    too_many_fields,       ///< There are more fields than the limit.
    too_many_interim,      ///< There are more 1xx answers than the limit.
    body_too_large,        ///< The body exceeds its limit.
    unsupported_coding,    ///< The answer has a content coding although only identity was accepted.

    // What the service answered.
    redirected,        ///< 3xx: redirects are never followed; the message names the target's host.
    bad_request,       ///< 400 and other 4xx that have no code of their own.
    unauthorized,      ///< 401, also with a new token: the service does not accept the identity.
    forbidden,         ///< 403: the identity is not in the cluster's security group.
    not_found,         ///< 404: no such topic or partition (a new topic takes seconds to show).
    not_supported,     ///< 405: this proxy does not offer the operation.
    already_exists,    ///< 409, or an answer that says the topic exists already.
    too_large,         ///< 413: the request is larger than the service takes; or a record is larger than a
                       ///< producer's requests may be.
    throttled,         ///< 429: too many requests; info().retry_after says how long to wait if it is known.
    service_failed,    ///< 5xx.
    unexpected_status, ///< A status that has no meaning in this API.
    invalid_response,  ///< A success whose body is not what the API describes.

    // Identity.
    token_refused,          ///< The authority answered with an error; server_code and server_message hold it.
    invalid_token_response, ///< The authority answered with something that is not a token.

    // Consuming.
    offset_below_earliest, ///< The position was deleted by retention; the message names the lost offsets.
    offset_above_latest,   ///< The position is past the end: the topic was truncated or recreated.
    unreadable_record,     ///< At the position is a record that cannot be had while those behind it can: the
                           ///< service is silent about it or refuses it, or it is too large, or no JSON.
    topic_recreated, ///< At the checkpoint's last offset there is another record than the one it was made
                     ///< for.
};

/// Whether records of a failed or doubtful produce are in the topic.
enum class persistence : unsigned char
{
    none,     ///< Certainly not written.
    possibly, ///< Unknown: bytes were sent and no trustworthy answer came.
    done,     ///< Acknowledged by the proxy, whose acks setting is not known here.
};

/// What is known about a failure besides its code.
class diagnostics
{
public:
    diagnostics() = default;

    std::string operation;      ///< "produce", "fetch", "token", …: the operation that failed.
    std::string topic;          ///< The topic, or empty.
    int http_status = 0;        ///< The answer's status, or 0 without an answer.
    std::string server_code;    ///< `error_code`, `error.code` or the authority's `error`, as text.
    std::string server_message; ///< The server's own words, at most 4 KiB.
    std::string request_id;     ///< x-ms-client-request-id of the operation.
    std::optional<std::chrono::milliseconds> retry_after; ///< How long the server asks to wait.

    /// Of the record that cannot be read, when that is what failed and the offset is known.
    std::optional<std::int64_t> offset;

    // What else an authority says (Entra's words): for its support, and for programs that can react.
    std::vector<std::int64_t> error_codes; ///< `error_codes`: the numbers behind AADSTS.
    std::string suberror;                  ///< `suberror`.
    std::string trace_id;                  ///< `trace_id`.
    std::string correlation_id;            ///< `correlation_id`.
    std::string claims;                    ///< `claims`: JSON that the next request must bring along.

    /// Whether the same call may succeed later without anything being changed. It says nothing
    /// about duplicates: see persisted().
    bool retriable() const noexcept { return retriable_; }

    /// What became of the records of a produce; `none` for every other operation.
    persistence persisted() const noexcept { return persisted_; }

    diagnostics& retriable(bool value) noexcept
    {
        retriable_ = value;
        return *this;
    }
    diagnostics& persisted(persistence value) noexcept
    {
        persisted_ = value;
        return *this;
    }

private:
    bool retriable_ = false;
    persistence persisted_ = persistence::none;
};

namespace detail {

class error_category final : public std::error_category
{
public:
    char const* name() const noexcept override { return "hdikafka"; }
    std::string message(int value) const override { return text(static_cast<errc>(value)); }

    std::error_condition default_error_condition(int value) const noexcept override
    {
        switch (static_cast<errc>(value)) {
        case errc::connect_timeout:
        case errc::idle_timeout:
        case errc::timed_out: return std::errc::timed_out;
        case errc::invalid_topic:
        case errc::invalid_partition:
        case errc::invalid_offset:
        case errc::invalid_count:
        case errc::no_records:
        case errc::invalid_endpoint:
        case errc::invalid_option:
        case errc::no_credential:
        case errc::invalid_utf8:
        case errc::not_finite: return std::errc::invalid_argument;
        case errc::out_of_range: return std::errc::result_out_of_range;
        case errc::already_running: return std::errc::operation_in_progress;
        case errc::connection_lost:
        case errc::truncated: return std::errc::connection_reset;
        case errc::connect_failed: return std::errc::host_unreachable;
        case errc::unauthorized:
        case errc::forbidden: return std::errc::permission_denied;
        case errc::not_supported: return std::errc::operation_not_supported;
        default: return std::error_condition(value, *this);
        }
    }

    static char const* text(errc value) noexcept
    {
        switch (value) {
        case errc::invalid_topic: return "the topic name is not valid";
        case errc::invalid_partition: return "there is no such partition";
        case errc::invalid_offset: return "the offset is negative";
        case errc::invalid_count: return "the count is too small";
        case errc::no_records: return "there are no records to send";
        case errc::invalid_endpoint: return "the endpoint is not a valid https URL";
        case errc::invalid_option: return "an option is not valid";
        case errc::no_credential: return "the client has no credential";
        case errc::invalid_utf8: return "the text is not UTF-8";
        case errc::not_finite: return "the number is not finite";
        case errc::invalid_json: return "the text is not valid JSON";
        case errc::too_deep: return "the JSON nests too deep";
        case errc::wrong_kind: return "the JSON value is of another kind";
        case errc::out_of_range: return "the number is out of range";
        case errc::invalid_base64: return "the text is not base64";
        case errc::connect_timeout: return "connecting took too long";
        case errc::idle_timeout: return "the server was silent for too long";
        case errc::timed_out: return "the call took too long";
        case errc::closed: return "closed";
        case errc::already_running: return "another next() is under way";
        case errc::resolve_failed: return "the host name could not be resolved";
        case errc::connect_failed: return "the connection could not be made";
        case errc::proxy_refused: return "the HTTP proxy opened no tunnel";
        case errc::connection_lost: return "the connection was lost";
        case errc::truncated: return "the connection was cut without a TLS close";
        case errc::tls_failed: return "TLS failed";
        case errc::certificate_refused: return "the server's certificate was refused";
        case errc::host_mismatch: return "the server's certificate is for another host";
        case errc::bad_status_line: return "the status line is malformed";
        case errc::bad_field: return "a header field is malformed";
        case errc::bad_content_length: return "Content-Length is malformed";
        case errc::bad_transfer_encoding: return "Transfer-Encoding is not chunked";
        case errc::ambiguous_framing: return "Content-Length and Transfer-Encoding contradict each other";
        case errc::bad_chunk: return "a chunk is malformed";
        case errc::unexpected_upgrade: return "the server switched protocols unasked";
        case errc::unexpected_bytes: return "bytes follow the end of the answer";
        case errc::status_line_too_long: return "the status line is too long";
        case errc::field_too_long: return "a header field is too long";
        case errc::fields_too_long: return "the header is too long";
        case errc::too_many_fields: return "there are too many header fields";
        case errc::too_many_interim: return "there are too many interim answers";
        case errc::body_too_large: return "the body is too large";
        case errc::unsupported_coding: return "the answer has a content coding";
        case errc::redirected: return "the server redirects elsewhere";
        case errc::bad_request: return "the service refused the request";
        case errc::unauthorized: return "the service did not accept the token";
        case errc::forbidden: return "the identity has no access";
        case errc::not_found: return "no such topic or partition";
        case errc::not_supported: return "the service does not offer this operation";
        case errc::already_exists: return "the topic exists already";
        case errc::too_large: return "the request is too large for the service";
        case errc::throttled: return "too many requests";
        case errc::service_failed: return "the service failed";
        case errc::unexpected_status: return "the service answered with an unexpected status";
        case errc::invalid_response: return "the answer is not what the API describes";
        case errc::token_refused: return "the authority refused to issue a token";
        case errc::invalid_token_response: return "the authority's answer is not a token";
        case errc::offset_below_earliest: return "the offset was deleted by retention";
        case errc::offset_above_latest: return "the offset is past the end of the partition";
        case errc::topic_recreated: return "the topic is another one than the checkpoint is of";
        case errc::unreadable_record: return "the record at the position cannot be read";
        }
        return "unknown error";
    }
};

} // namespace detail

/// The category of hk::errc.
inline std::error_category const& error_category() noexcept
{
    static detail::error_category const category;
    return category;
}

/// Lets std::error_code be made from, and compared with, an errc.
inline std::error_code make_error_code(errc value) noexcept
{
    return {static_cast<int>(value), error_category()};
}

/// The one exception that the library's operations throw: a std::system_error whose code() is an
/// hk::errc or a code of Asio or OpenSSL (`asio::error::operation_aborted` after a cancellation),
/// with the diagnostics of the call. what() is one line: operation, topic, cause. No secret and no
/// token is ever part of it. Copying does not throw.
class error : public std::system_error
{
public:
    /// A cause without a call around it (values, arguments).
    explicit error(std::error_code code, std::string_view cause = {}) : error(code, diagnostics(), cause) {}

    /// A failed call: what() begins with the operation and the topic of `info`. Without a `cause` the
    /// code's own message stands for it.
    error(std::error_code code, diagnostics info, std::string_view cause = {})
        : std::system_error(code), detail_(std::make_shared<content const>(code, std::move(info), cause))
    {}

    // Moving copies, so that an error that was moved from can still be asked.
    error(error const&) = default;
    error& operator=(error const&) = default;
    ~error() override = default;

    /// What is known about the call that failed.
    diagnostics const& info() const noexcept { return detail_->info; }
    /// Operation, topic and cause in one line without control characters.
    char const* what() const noexcept override { return detail_->what.c_str(); }

    /// The cause alone: what() without the operation and the topic.
    std::string const& cause() const noexcept { return detail_->cause; }

private:
    struct content
    {
        content(std::error_code code, diagnostics&& i, std::string_view c)
            : info(std::move(i)), cause(c.empty() ? code.message() : std::string(c))
        {
            what = info.operation.empty() ? std::string("hdikafka") : info.operation;
            if (!info.topic.empty())
                what += " '" + info.topic + "'";
            what += ": " + cause;
            for (char& character : what)
                if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f)
                    character = ' ';
        }

        diagnostics info;
        std::string cause;
        std::string what;
    };

    std::shared_ptr<content const> detail_;
};

} // namespace hdikafka::inline v0_1

template <>
struct std::is_error_code_enum<hdikafka::errc> : std::true_type
{};

#endif
