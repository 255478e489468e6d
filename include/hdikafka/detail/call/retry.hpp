// Whether and when an attempt is repeated: a pure decision.
#ifndef HDIKAFKA_DETAIL_CALL_RETRY_HPP
#define HDIKAFKA_DETAIL_CALL_RETRY_HPP

#include <hdikafka/detail/base/back_off.hpp>
#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/retry_policy.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// Whether doing a request twice differs from doing it once.
enum class repeatable : unsigned char
{
    freely, ///< GET, create and delete of a topic, a token request.
    unsent, ///< A produce: only when no byte of it was written.
};

/// Whether the failure says that the same request may succeed later.
inline bool transient(attempt_outcome const& outcome) noexcept
{
    if (outcome.code)
        return transient_failure(outcome.code);
    return !outcome.is_final && transient_status(outcome.status);
}

/// Whether the server waited in vain for a request on a connection that lay idle, and says so as one comes
/// (RFC 9110 §15.5.9): it never had the whole of that.
inline bool waited_in_vain(attempt_outcome const& outcome) noexcept
{
    constexpr int request_timeout = 408;
    return !outcome.code && outcome.status == request_timeout && outcome.reused;
}

/// Whether the server may have done in this attempt what it was asked for.
inline bool perhaps_done(attempt_outcome const& outcome) noexcept
{
    bool const untouched = !outcome.bytes_written || outcome.refused || waited_in_vain(outcome);
    return !untouched && (outcome.code || !refusing_status(outcome.status));
}

/// Whether sending the request again can do no harm that the policy does not allow.
inline bool harmless(retry_policy const& policy, repeatable kind, attempt_outcome const& outcome) noexcept
{
    return kind == repeatable::freely || policy.at_least_once() || !perhaps_done(outcome);
}

/// Whether the server seems to have given up the connection while it lay idle, just before the request came
/// (RFC 9112 §9.3.1), or to have had something else to say on it than an answer: neither says anything about
/// the server's health, so that the request may be sent again at once.
inline bool reuse_race(attempt_outcome const& outcome) noexcept
{
    bool const lost = outcome.code == errc::connection_lost || outcome.code == errc::truncated ||
                      outcome.code == errc::tls_failed;
    return (lost && outcome.reused && !outcome.answered) || (waited_in_vain(outcome) && outcome.closes);
}

/// Whether there is no answer and nothing was written: the service has not even met the request, most often
/// because no connection could be made. Such retries have a count of their own.
inline bool unsent(attempt_outcome const& outcome) noexcept { return outcome.code && !outcome.bytes_written; }

/// A wait that doubles with each retry, of which half is drawn.
inline milliseconds back_off(milliseconds first, milliseconds most, int retries, double random)
{
    most = std::max(most, milliseconds(0));
    auto const times = static_cast<unsigned>(std::max(retries, 0));
    return equal_jitter(doubled(std::clamp(first, milliseconds(0), most), most, times), random);
}

/// Decides after an attempt: nullopt to give up, else how long to wait before the next one.
/// `retries` counts those of this kind made already; `random` is in [0, 1); `left` is the time to the call's
/// deadline.
inline std::optional<milliseconds> decide_retry(retry_policy const& policy, repeatable kind,
                                                attempt_outcome const& outcome, int retries, double random,
                                                milliseconds left)
{
    constexpr milliseconds longest_unsent{5'000}; // the pool paces connections, whoever waits for them
    constexpr milliseconds last_moment{100};
    bool const nothing_met = unsent(outcome);
    int const most_retries = nothing_met ? policy.max_unsent_retries() : policy.max_retries();
    if (!transient(outcome) || retries >= most_retries || !harmless(policy, kind, outcome))
        return std::nullopt;
    milliseconds const most = nothing_met ? std::min(policy.max_delay(), longest_unsent) : policy.max_delay();
    milliseconds delay = back_off(policy.base_delay(), most, retries, random);
    if (outcome.retry_after)
        delay = std::max(delay, *outcome.retry_after);
    // Time that is left is used: sooner is better than never.
    if (nothing_met && delay >= left && left / 2 >= std::min(policy.base_delay() / 2, last_moment))
        delay = left / 2;
    return delay < left ? std::optional(delay) : std::nullopt;
}

/// The same after "not found" for a topic that was seen a moment ago: a node whose cache is behind did
/// nothing of what it was asked for, and knows the topic soon. `looks` counts such retries; switched off with
/// all others.
inline std::optional<milliseconds> decide_second_look(retry_policy const& policy, int looks, double random,
                                                      milliseconds left)
{
    constexpr int most = 5;
    constexpr milliseconds first{200};
    if (policy.max_retries() <= 0 || looks >= most)
        return std::nullopt;
    milliseconds const delay =
        back_off(std::min(policy.base_delay(), first), first * (1 << most), looks, random);
    return delay < left ? std::optional(delay) : std::nullopt;
}

} // namespace hdikafka::inline v0_1::detail

#endif
