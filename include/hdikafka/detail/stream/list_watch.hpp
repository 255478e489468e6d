// When a stream over all partitions asks for their list: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_LIST_WATCH_HPP
#define HDIKAFKA_DETAIL_STREAM_LIST_WATCH_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>

namespace hdikafka::inline v0_1::detail {

/// At first, then for partitions that are new, and as a poll for all that have nothing to read: one request
/// in the place of one for each. Not synchronised.
class list_watch
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit list_watch(consume_options const& options)
        : refresh_(std::min(options.refresh_partitions(), longest)),
          least_(std::min(options.poll_least(), longest)),
          most_(std::min(options.poll_most(), longest)),
          ends_(options.until().has_value()),
          pause_(least_)
    {}

    /// When to ask next; `polls`: somebody waits for what is written.
    time_point next(bool polls) const noexcept
    {
        if (!seen_)
            return time_point::min();
        // A stream that ends has the partitions that it began with.
        time_point const refresh = ends_ ? time_point::max() : refresh_at_;
        return polls ? std::min(refresh, poll_at_) : refresh;
    }

    /// There is a list. `news`: somebody's waiting is over; `random` is in [0, 1).
    void seen(time_point now, bool news, double random)
    {
        if (news || !seen_)
            pause_ = least_;
        else
            pause_ = pause_ <= most_ / 2 ? pause_ * 2 : most_;
        seen_ = true;
        refresh_at_ = now + refresh_;
        poll_at_ = now + jittered(pause_, random);
    }

    /// Somebody who had something until now waits from now on: more may come soon.
    void ran_dry(time_point now, double random)
    {
        pause_ = least_;
        poll_at_ = std::min(poll_at_, now + jittered(pause_, random));
    }

    bool has_seen() const noexcept { return seen_; }

private:
    /// Far beyond use, far from overflow.
    static constexpr milliseconds longest = std::chrono::hours(24 * 365);

    milliseconds refresh_;
    milliseconds least_;
    milliseconds most_;
    bool ends_;
    bool seen_ = false;
    milliseconds pause_; ///< Between two polls.
    time_point refresh_at_;
    time_point poll_at_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
