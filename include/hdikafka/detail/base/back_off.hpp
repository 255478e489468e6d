// Waits that grow, with chance in them.
#ifndef HDIKAFKA_DETAIL_BASE_BACK_OFF_HPP
#define HDIKAFKA_DETAIL_BASE_BACK_OFF_HPP

#include <hdikafka/version.hpp>

namespace hdikafka::inline v0_1::detail {

/// `first` doubled so many times, up to `most`. Neither is negative.
template <class Duration>
Duration doubled(Duration first, Duration most, unsigned times) noexcept
{
    for (; times != 0 && first < most; --times)
        first = first <= most / 2 ? first * 2 : most;
    return first;
}

/// Half of a wait, which is certain so that no try is used up at once, and of the rest the share that was
/// drawn, in [0, 1], so that many who wait do not come in step ("equal jitter" in Brooker, "Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015).
template <class Duration>
Duration equal_jitter(Duration whole, double share) noexcept
{
    Duration const half = whole / 2;
    auto const drawn = static_cast<double>((whole - half).count()) * share;
    return half + Duration(static_cast<typename Duration::rep>(drawn));
}

} // namespace hdikafka::inline v0_1::detail

#endif
