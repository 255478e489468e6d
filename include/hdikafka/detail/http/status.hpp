// What an answer's status says by itself (RFC 9110 §15).
#ifndef HDIKAFKA_DETAIL_HTTP_STATUS_HPP
#define HDIKAFKA_DETAIL_HTTP_STATUS_HPP

#include <hdikafka/version.hpp>

namespace hdikafka::inline v0_1::detail {

/// Whether the same request may succeed later.
inline bool transient_status(int status) noexcept
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Whether the service certainly did nothing of what it was asked for.
inline bool refusing_status(int status) noexcept { return status >= 300 && status < 500 && status != 408; }

} // namespace hdikafka::inline v0_1::detail

#endif
