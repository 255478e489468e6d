// How fast connections to a host are tried while none can be made: a pure decision.
#ifndef HDIKAFKA_DETAIL_NET_DIAL_PACE_PLAN_HPP
#define HDIKAFKA_DETAIL_NET_DIAL_PACE_PLAN_HPP

#include <hdikafka/detail/base/back_off.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace hdikafka::inline v0_1::detail {

/// While dials fail, one begins at a time, after pauses that double from 50 ms to a second; of each pause a
/// half is certain and the rest is drawn, so that many clients of a service that returns do not come in step.
/// One success opens the way for all.
class dial_pace_plan
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr milliseconds first_pause{50};
    static constexpr milliseconds longest_pause{1'000};

    /// Whether a dial may begin.
    bool open(time_point now) const noexcept { return now >= next_; }

    /// When one may.
    time_point next() const noexcept { return next_; }

    /// One begins; gives what failed() wants to know of it. `share` is in [0, 1), here and below.
    std::uint32_t began(time_point now, double share) noexcept
    {
        if (pause_ > milliseconds(0)) {
            pause_ = std::min(pause_ * 2, longest_pause);
            next_ = now + drawn(share);
        }
        return wave_;
    }

    /// One failed. Those that began before a success say nothing new, and further ones no more than the
    /// first.
    void failed(std::uint32_t wave, time_point now, double share) noexcept
    {
        if (wave != wave_ || pause_ > milliseconds(0))
            return;
        pause_ = first_pause;
        next_ = now + drawn(share);
    }

    void succeeded() noexcept
    {
        ++wave_;
        pause_ = milliseconds(0);
        next_ = time_point::min();
    }

private:
    std::chrono::microseconds drawn(double share) const noexcept
    {
        return equal_jitter(std::chrono::microseconds(pause_), share);
    }

    time_point next_ = time_point::min();
    milliseconds pause_{0}; // none: the way is open
    std::uint32_t wave_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
