// One attempt at a request: what is sent, and what it came to.
#ifndef HDIKAFKA_DETAIL_NET_ATTEMPT_HPP
#define HDIKAFKA_DETAIL_NET_ATTEMPT_HPP

#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/milliseconds.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>

namespace hdikafka::inline v0_1::detail {

/// How an attempt ended.
class attempt_outcome
{
public:
    attempt_outcome() = default;

    std::error_code code;       ///< Why there is no answer; empty when there is one.
    int status = 0;             ///< The answer's status.
    bool bytes_written = false; ///< Whether any byte of the request went out.
    bool reused = false;        ///< The connection had lain idle before.
    bool answered = false;      ///< A byte of an answer came.
    bool refused = false;  ///< The server had not accepted the client yet, and did not: it saw no request.
    bool closes = false;   ///< An answer came, and the connection is not used after it.
    bool is_final = false; ///< The answer says that asking again changes nothing, whatever its status.
    std::chrono::steady_clock::time_point idle_since; ///< When a connection that was reused had served last.
    std::optional<milliseconds> retry_after;
    std::uint64_t bytes_sent = 0;     ///< On the wire.
    std::uint64_t bytes_received = 0; ///< On the wire.
};

/// Is told of an answer's header before the body has come.
class header_listener
{
public:
    virtual ~header_listener() = default;

    /// In the operation's turn; once for each attempt that gets as far.
    virtual void header(response_parser const& answer) = 0;
};

/// Failures that the next attempt may not meet. A refused certificate, a framing error and the
/// caller's own cancellation or deadline are not among them.
inline bool transient_failure(std::error_code code) noexcept
{
    return code == errc::connect_timeout || code == errc::idle_timeout || code == errc::resolve_failed ||
           code == errc::connect_failed || code == errc::connection_lost || code == errc::truncated;
}

/// What an attempt needs and where it leaves what comes of it; all of that outlives it.
class attempt
{
public:
    http_request::checked const& request;
    http_limits const& limits;
    header_listener* listener; ///< May be null.
    attempt_outcome& outcome;
    http_response& answer;
};

} // namespace hdikafka::inline v0_1::detail

#endif
