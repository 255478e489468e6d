// When a failed call is repeated.
#ifndef HDIKAFKA_RETRY_POLICY_HPP
#define HDIKAFKA_RETRY_POLICY_HPP

#include <hdikafka/milliseconds.hpp>
#include <hdikafka/version.hpp>

#include <functional>
#include <limits>
#include <utility>

namespace hdikafka::inline v0_1 {

/// How often and how patiently a call is repeated. Reads, create and delete are repeated after
/// connection failures, timeouts of a single attempt, 408, 429 and 5xx; a produce only when none of
/// it was written or the service said 429, unless at_least_once() allows duplicates. Never repeated: a
/// refused certificate, bad arguments, any other answer.
class retry_policy
{
public:
    /// Repeats after the first attempt: by default 3 after answers, and after failures when something was
    /// written; where nothing was, as many as the call's deadline allows, so that an outage which is shorter
    /// is no failure. A count that is set here holds for both; 0 switches retries off. Not counted: one
    /// repeat at once after a 401, and one when the server closed an idle connection just as the request
    /// came, if it can do no harm.
    retry_policy& max_retries(int count) &
    {
        max_unsent_retries_ = count;
        return set(max_retries_, count);
    }
    retry_policy&& max_retries(int count) && { return std::move(max_retries(count)); }

    /// Another count for attempts of which nothing was written, most often because no connection could be
    /// made; say it after max_retries(). The longest wait between them is 5 s, or max_delay if that is less.
    retry_policy& max_unsent_retries(int count) & { return set(max_unsent_retries_, count); }
    retry_policy&& max_unsent_retries(int count) && { return std::move(max_unsent_retries(count)); }

    /// The wait before the first retry (800 ms by default), doubled for each further one up to
    /// max_delay. Half of it is certain, the rest is drawn evenly.
    retry_policy& base_delay(milliseconds delay) & { return set(base_delay_, delay); }
    retry_policy&& base_delay(milliseconds delay) && { return std::move(base_delay(delay)); }

    /// The most that the doubled wait grows to; 60 s by default. A longer Retry-After of the service
    /// is honoured all the same.
    retry_policy& max_delay(milliseconds delay) & { return set(max_delay_, delay); }
    retry_policy&& max_delay(milliseconds delay) && { return std::move(max_delay(delay)); }

    /// Where the share of each wait's second half comes from, a number in [0, 1): random by default. For
    /// tests and for programs that spread their load themselves; called by any thread of the executor.
    retry_policy& jitter(std::function<double()> source) & { return set(jitter_, std::move(source)); }
    retry_policy&& jitter(std::function<double()> source) && { return std::move(jitter(std::move(source))); }

    /// Lets a produce be sent again when it may have been written already: records can then be
    /// there twice. Off by default.
    retry_policy& at_least_once(bool allowed) & { return set(at_least_once_, allowed); }
    retry_policy&& at_least_once(bool allowed) && { return std::move(at_least_once(allowed)); }

    int max_retries() const noexcept { return max_retries_; }
    int max_unsent_retries() const noexcept { return max_unsent_retries_; }
    milliseconds base_delay() const noexcept { return base_delay_; }
    milliseconds max_delay() const noexcept { return max_delay_; }
    std::function<double()> const& jitter() const noexcept { return jitter_; }
    bool at_least_once() const noexcept { return at_least_once_; }

private:
    template <class Member, class Value>
    retry_policy& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }

    int max_retries_ = 3;
    int max_unsent_retries_ = std::numeric_limits<int>::max();
    milliseconds base_delay_{800};
    milliseconds max_delay_{60'000};
    std::function<double()> jitter_;
    bool at_least_once_ = false;
};

} // namespace hdikafka::inline v0_1

#endif
