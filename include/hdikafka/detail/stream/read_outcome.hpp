// What a plan is told of the answer to a read.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_OUTCOME_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_OUTCOME_HPP

#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>

namespace hdikafka::inline v0_1::detail {

/// Whether a refused read may be explained by the watermarks.
inline bool may_be_out_of_range(error const& failure) noexcept
{
    int const status = failure.info().http_status;
    return status == 400 || status == 404 || status == 416 || status == 422 || status == 500;
}

/// What a plan is told of an answer; `arrived` is what is to be handed over if that was to a read. An error
/// is a refusal, or nothing that the plan knows of.
template <class = void>
plan_event judge(plan_action const& what, result<record_batch> const& outcome, record_batch& arrived)
{
    using kind = plan_event::kind;
    if (!outcome)
        return {.what = may_be_out_of_range(outcome.error()) ? kind::refusal : kind::nothing};
    record_batch batch = outcome.value();
    if (what.what == plan_action::kind::read) {
        // A read that was made ahead may have begun before the position.
        auto const* const first_new = std::ranges::lower_bound(batch, what.offset, {}, &record_view::offset);
        batch = arrived = batch.without_first(static_cast<std::size_t>(first_new - batch.begin()));
    }
    plan_event out{.what = kind::answer, .next = batch.next_offset()};
    if (batch.empty())
        return out;
    out.first = batch[0].offset();
    if (auto const stamp = batch[0].timestamp())
        out.time = stamp->time_since_epoch().count();
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
