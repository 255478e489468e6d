// What those are told who needed a token: of a request that has not ended, or that is not made yet.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_FAILURE_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_FAILURE_HPP

#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// An attempt at a token request, in words of its own: those of a call speak of the service.
template <class = void>
error token_attempt_failed(error const& failure)
{
    diagnostics const& info = failure.info();
    if (info.http_status == 0)
        return error(failure.code(), info, "the token request: " + failure.cause());
    constexpr std::size_t shown = 300;
    std::string cause = "the answer to the token request: HTTP " + std::to_string(info.http_status);
    if (!info.server_code.empty())
        cause += ", " + info.server_code;
    if (info.retry_after)
        cause += ", Retry-After " +
                 std::to_string(std::chrono::ceil<std::chrono::seconds>(*info.retry_after).count()) + " s";
    if (!info.server_message.empty())
        cause += ": " + bounded_message(info.server_message, shown);
    return error(failure.code(), info, cause);
}

/// For one whose time was over before there was a token: what had come of the request until then.
template <class = void>
error token_not_in_time(error const& late, error const& last)
{
    return error(late.code(), last.info(), late.cause() + "; " + last.cause());
}

/// For one who comes while the authority is not to be asked: the `last` failure, and when it may be.
template <class = void>
error token_not_asked_for(error const& last, milliseconds hold, bool throttled)
{
    diagnostics info = last.info();
    if (throttled)
        info.retry_after = hold;
    return error(last.code(), std::move(info), "not asked again yet: " + last.cause());
}

} // namespace hdikafka::inline v0_1::detail

#endif
