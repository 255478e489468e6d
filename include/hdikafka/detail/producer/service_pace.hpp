// When a producer tries again a service that it could not reach: a pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_SERVICE_PACE_HPP
#define HDIKAFKA_DETAIL_PRODUCER_SERVICE_PACE_HPP

#include <hdikafka/detail/base/back_off.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/retry_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

inline constexpr milliseconds longest_rest{5'000};

/// How long to rest after so many failures in a row (1 or more): the policy's doubled wait, of which half is
/// drawn as `share` says, in [0, 1). Bounded, because what waits meanwhile has deadlines, and because one try
/// every few seconds is no burden for a service.
inline std::chrono::microseconds rest_after(retry_policy const& policy, unsigned failures, double share)
{
    constexpr milliseconds shortest{1};
    milliseconds const most = std::clamp(policy.max_delay(), shortest, longest_rest);
    milliseconds const first = std::clamp(policy.base_delay(), shortest, most);
    std::chrono::microseconds const whole = doubled(first, most, std::max(failures, 1U) - 1);
    return equal_jitter(whole, std::clamp(share, 0.0, 1.0));
}

/// While a service cannot be reached, one at a time tries, for all, with rests between that grow; the first
/// who reaches it opens the way for everybody.
class service_pace
{
public:
    using time_point = std::chrono::steady_clock::time_point;
    /// Tells tries that began before the last judgement from those after it.
    using ticket = std::uint64_t;

    explicit service_pace(retry_policy policy = retry_policy()) : policy_(std::move(policy)) {}

    /// Whether anything is tried again at all.
    bool retries() const noexcept { return policy_.max_retries() > 0; }
    /// By which rests are drawn.
    retry_policy const& policy() const noexcept { return policy_; }

    /// Whether whoever tried last did not get there.
    bool ailing() const noexcept { return failures_ != 0; }

    /// When the next may try. While somebody does, others wait for what comes of it, but not for ever: the
    /// service may have nothing to say to him.
    time_point opens() const
    {
        constexpr milliseconds longest_try{10'000};
        time_point const rested = std::max(rest_until_, alone_until_);
        return trying_since_ ? std::max(rested, *trying_since_ + longest_try) : rested;
    }

    /// Somebody tries.
    ticket begins(time_point now)
    {
        if (ailing())
            trying_since_ = now;
        return current_;
    }

    /// Somebody got there. Whether that is news.
    bool reached()
    {
        if (!ailing())
            return false;
        failures_ = 0;
        trouble_.clear();
        judged();
        rest_until_ = time_point();
        return true;
    }

    /// Whoever began with that ticket did not get there. Those who began together count as one.
    void failed(ticket mine, time_point now, double share, std::string why)
    {
        if (mine != current_)
            return;
        ++failures_;
        judged();
        trouble_ = std::move(why);
        rest_until_ = now + rest_after(policy_, failures_, share);
    }

    /// Whoever began with that ticket has not found out. Whether others may try now.
    bool abandoned(ticket mine)
    {
        if (mine != current_ || !trying_since_)
            return false;
        trying_since_.reset();
        return true;
    }

    /// A failure says until when the service wants to be left alone, whoever reaches it before. Whether it
    /// does.
    bool heed(error const& why, time_point now)
    {
        constexpr milliseconds longest_pause = std::chrono::hours(1);
        auto const pause = why.info().retry_after;
        if (pause)
            alone_until_ = std::max(alone_until_, now + std::min(*pause, longest_pause));
        return pause.has_value();
    }

    /// The error of a record that could not be sent in its time.
    error out_of_time() const
    {
        diagnostics info;
        info.retriable(true);
        return error(errc::timed_out, std::move(info), "waiting to be sent" + reason());
    }

    /// Why records are not sent, to be added to a text; empty when nothing stands in their way.
    std::string reason() const { return ailing() ? "; the last try: " + trouble_ : std::string(); }

private:
    void judged()
    {
        ++current_;
        trying_since_.reset();
    }

    retry_policy policy_;
    ticket current_ = 0;
    unsigned failures_ = 0; ///< In a row.
    std::string trouble_;
    std::optional<time_point> trying_since_; ///< Only while it is ailing.
    time_point rest_until_;
    time_point alone_until_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
