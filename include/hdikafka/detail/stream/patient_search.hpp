// The search for a point in time, through a service that may be silent or refuse for a while. A pure
// decision.
#ifndef HDIKAFKA_DETAIL_STREAM_PATIENT_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_PATIENT_SEARCH_HPP

#include <hdikafka/detail/stream/offset_search.hpp>
#include <hdikafka/detail/stream/plan_pauses.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>

#include <cstdint>

namespace hdikafka::inline v0_1::detail {

class patient_search
{
public:
    enum class step : unsigned char
    {
        go_on, ///< Make the next read, or take what was found.
        look,  ///< The watermarks may say why the read was refused.
        wait,  ///< Make the same read again after a pause.
    };

    /// Waits for `patience` at most, all in all.
    patient_search(offset_spec at, plan_event const& marks, milliseconds patience)
        : time_(at.time().time_since_epoch().count()),
          search_(time_, marks.earliest, marks.latest),
          patience_(patience)
    {}

    bool done() const noexcept { return search_.done(); }
    std::int64_t found() const noexcept { return search_.start(); }
    void ask(plan_action& out) const noexcept { search_.ask(out); }

    step answered(plan_event const& event)
    {
        if (!event.first)
            return give_up_or(step::wait);
        search_.answered(event);
        tries_ = 0;
        return step::go_on;
    }

    step refused(plan_event const& event)
    {
        using cause = plan_event::refusal_cause;
        if (event.why == cause::service)
            return step::look;
        if (event.why == cause::unreadable || !search_.fewer())
            search_.unanswered();
        return step::go_on;
    }

    /// After a refusal. Where the watermarks have moved beyond the place the search begins anew.
    step looked(plan_event const& marks)
    {
        if (search_.offset() >= marks.earliest && search_.offset() <= marks.latest)
            return give_up_or(step::wait);
        search_ = time_search(time_, marks.earliest, marks.latest);
        return step::go_on;
    }

    void waited(milliseconds time) noexcept { waited_ = sum(waited_, time); }

private:
    /// Somewhere patience is at an end: then that place says nothing.
    step give_up_or(step other)
    {
        constexpr int most_tries = 3;
        if (++tries_ < most_tries && waited_ < patience_)
            return other;
        tries_ = 0;
        search_.unanswered();
        return step::go_on;
    }

    std::int64_t time_;
    time_search search_;
    milliseconds patience_;
    milliseconds waited_{0};
    int tries_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
