// What tests of a token's plan say: when they begin, how a request fails, what is to be done.
#ifndef HDIKAFKA_TESTS_SUPPORT_TOKEN_STEPS_HPP
#define HDIKAFKA_TESTS_SUPPORT_TOKEN_STEPS_HPP

#include <hdikafka/detail/call/token_plan.hpp>

#include <chrono>

namespace test {

namespace hk = hdikafka;

inline hk::detail::steady_time const start{std::chrono::hours(1000)};
inline constexpr double almost_one = 0.999999999;

inline bool uses(hk::detail::token_step const& step) { return step.action == hk::detail::token_action::use; }
inline bool awaits(hk::detail::token_step const& step)
{
    return step.action == hk::detail::token_action::wait;
}
inline bool refuses(hk::detail::token_step const& step)
{
    return step.action == hk::detail::token_action::refuse;
}

inline hk::error leave_me_alone(std::chrono::milliseconds retry_after)
{
    hk::diagnostics info;
    info.http_status = 429;
    info.retry_after = retry_after;
    return hk::error(hk::errc::throttled, info);
}

inline hk::error const lost(hk::errc::connection_lost);

} // namespace test

#endif
