// What a plan is told of the answer to a read.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_OUTCOME_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_OUTCOME_HPP

#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// Whether a refused read may be explained by the watermarks.
inline bool may_be_out_of_range(error const& failure) noexcept
{
    int const status = failure.info().http_status;
    return status == 400 || status == 404 || status == 416 || status == 422 || status == 500;
}

/// What a failure says about the records that were asked for; nothing when it is not about them.
inline std::optional<plan_event::refusal_cause> refusal_of(error const& failure) noexcept
{
    using cause = plan_event::refusal_cause;
    if (failure.code() == errc::body_too_large)
        return cause::too_large;
    if (failure.code() == errc::invalid_response || failure.code() == errc::too_deep)
        return cause::unreadable;
    return may_be_out_of_range(failure) ? std::optional(cause::service) : std::nullopt;
}

/// What a search is told of the records before `horizon`. A timestamp that is not positive is none: services
/// put 0 or -1 where they know none.
inline void look_for_time(record_batch const& batch, std::int64_t since, std::int64_t horizon,
                          plan_event& out)
{
    for (record_view const& record : batch) {
        auto const stamp = record.timestamp();
        std::int64_t const time = stamp ? stamp->time_since_epoch().count() : 0;
        if (record.offset() >= horizon)
            return;
        if (time <= 0)
            continue;
        ++out.dated;
        if (time < since)
            continue;
        out.hit = record.offset();
        return;
    }
}

/// What a plan is told of an answer; `arrived` is what is to be handed over if that was to a read. An error
/// is a refusal, or nothing that the plan knows of.
template <class = void>
plan_event judge(plan_action const& what, result<record_batch> const& outcome, record_batch& arrived)
{
    using kind = plan_event::kind;
    plan_event out;
    if (!outcome) {
        auto const cause = refusal_of(outcome.error());
        if (!cause)
            return out;
        out.what = kind::refusal;
        out.why = *cause;
        out.words = outcome.error().cause();
        return out;
    }
    record_batch batch = outcome.value();
    if (what.what == plan_action::kind::read) {
        // A read that was made ahead may have begun before the position.
        auto const* const first_new = std::ranges::lower_bound(batch, what.offset, {}, &record_view::offset);
        batch = arrived = batch.without_first(static_cast<std::size_t>(first_new - batch.begin()));
    }
    out.what = kind::answer;
    out.next = batch.next_offset();
    if (batch.empty())
        return out;
    out.first = batch[0].offset();
    out.last = batch[batch.size() - 1].offset();
    if (auto const stamp = batch[0].timestamp())
        out.time = stamp->time_since_epoch().count();
    if (what.since)
        look_for_time(batch, *what.since, what.horizon, out);
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
