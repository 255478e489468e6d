// How long a stream's plan waits, and for what. A pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_PLAN_PAUSES_HPP
#define HDIKAFKA_DETAIL_STREAM_PLAN_PAUSES_HPP

#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// How old a watermark may be: the service caches its metadata for seconds.
inline constexpr milliseconds staleness{10'000};

/// The least that a pause of this length takes: see jittered().
inline milliseconds shortest(milliseconds pause) noexcept { return pause - pause / 5; }

/// Both together; time without end stays so.
inline milliseconds sum(milliseconds one, milliseconds other) noexcept
{
    return std::min(one, milliseconds::max() - other) + other;
}

/// Pauses that grow until something good happens.
class plan_pauses
{
public:
    plan_pauses(milliseconds least, milliseconds most) : least_(least), most_(most), next_(least) {}

    /// The next pause is due; gives its length.
    milliseconds begin() { return begin(most_); }
    milliseconds begin(milliseconds most)
    {
        due_ = std::min(next_, most);
        next_ = next_ <= most / 2 ? next_ * 2 : most;
        rests_ = false;
        return due_;
    }

    /// One of another length.
    void begin_once(milliseconds length) noexcept
    {
        due_ = length;
        rests_ = false;
    }

    /// The next pause is due, for what may be written; that ends it early. It may be longer where there is
    /// little hope.
    void rest() { rest(most_); }
    void rest(milliseconds most)
    {
        rest_ = begin(std::max(most_, most));
        rests_ = true;
    }

    /// Nothing was written during a rest.
    void rest_on() noexcept
    {
        due_ = rest_;
        rests_ = true;
    }

    /// What is due; then it is not any more.
    milliseconds take() noexcept { return std::exchange(due_, milliseconds(0)); }

    /// Whether the pause taken last is a rest.
    bool rests() const noexcept { return rests_; }

    /// The next ones are short again.
    void shorten() noexcept { next_ = least_; }

private:
    milliseconds least_;
    milliseconds most_;
    milliseconds next_;
    milliseconds due_{0};
    milliseconds rest_{0};
    bool rests_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
