// One thread at a time, without locks or queues.
#ifndef HDIKAFKA_DETAIL_RUN_EVENT_GATE_HPP
#define HDIKAFKA_DETAIL_RUN_EVENT_GATE_HPP

#include <hdikafka/version.hpp>

#include <atomic>

namespace hdikafka::inline v0_1::detail {

/// What a strand does for handlers this does for a few kinds of events, each a bit: whoever comes while
/// another thread acts leaves the event to that one and goes away. Nobody waits and nothing is allocated. An
/// event that comes twice before it is acted on counts once.
class event_gate
{
public:
    /// Adds `events`. True: nobody acts, so the caller has to, on what take() gives until that is nothing.
    bool enter(unsigned events) noexcept
    {
        return (state_.fetch_or(events | busy, std::memory_order_acq_rel) & busy) == 0;
    }

    /// The events to act on now; 0 when there are none, and then the caller has left.
    unsigned take() noexcept
    {
        unsigned nothing_else = busy;
        if (state_.compare_exchange_strong(nothing_else, 0, std::memory_order_acq_rel))
            return 0;
        return state_.exchange(busy, std::memory_order_acq_rel) & ~busy;
    }

private:
    static constexpr unsigned busy = 1U << 31;

    std::atomic<unsigned> state_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
