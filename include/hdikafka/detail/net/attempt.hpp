// What one attempt at a request came to.
#ifndef HDIKAFKA_DETAIL_NET_ATTEMPT_HPP
#define HDIKAFKA_DETAIL_NET_ATTEMPT_HPP

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
    bool is_final = false;      ///< The answer says that asking again changes nothing, whatever its status.
    std::chrono::steady_clock::time_point idle_since; ///< When a connection that was reused had served last.
    std::optional<milliseconds> retry_after;
    std::uint64_t bytes_sent = 0;     ///< On the wire.
    std::uint64_t bytes_received = 0; ///< On the wire.
};

} // namespace hdikafka::inline v0_1::detail

#endif
