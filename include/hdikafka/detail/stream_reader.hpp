// Carries out what a stream_plan decides. Layer: what users see, behind record_stream.
#ifndef HDIKAFKA_DETAIL_STREAM_READER_HPP
#define HDIKAFKA_DETAIL_STREAM_READER_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/client_calls.hpp>
#include <hdikafka/detail/handles.hpp>
#include <hdikafka/detail/rest_calls.hpp>
#include <hdikafka/detail/session.hpp>
#include <hdikafka/detail/stream_plan.hpp>
#include <hdikafka/detail/stream_state.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Holds the one place for a next().
template <class = void>
class stream_turn
{
public:
    explicit stream_turn(stream_ptr stream)
        : stream_(std::move(stream)), taken_(!stream_->running.exchange(true))
    {}
    stream_turn(stream_turn const&) = delete;
    stream_turn& operator=(stream_turn const&) = delete;
    ~stream_turn()
    {
        if (taken_)
            stream_->running = false;
    }

    bool taken() const noexcept { return taken_; }

private:
    stream_ptr stream_;
    bool taken_;
};

template <class = void>
task look_at_watermarks(operation_ptr op, stream_ptr stream, call_options options)
{
    auto spec = rest_calls<>(*stream->owner, "consume", options).partition(stream->topic, stream->partition);
    if (!spec)
        co_return spec.error();
    call_answer answer;
    auto const asked = co_await call<>(op, stream->owner->http(), *spec.value(), answer);
    if (!asked)
        co_return asked;
    auto const seen = read_partition_answer<>(answer);
    if (!seen)
        co_return seen.error();
    stream->plan.watermarks(seen.value());
    co_return result<void>();
}

/// Whether a refused read may be explained by the watermarks.
inline bool may_be_out_of_range(error const& failure) noexcept
{
    int const status = failure.info().http_status;
    return status == 400 || status == 404 || status == 416 || status == 422 || status == 500;
}

/// Reads a single record off the way.
template <class = void>
task probe(operation_ptr op, stream_ptr stream, call_options options, result<record_batch>& outcome)
{
    stream_plan const& plan = stream->plan;
    batch_request const asked(stream->partition, plan.offset(), plan.count(), plan.read_end());
    auto spec = rest_calls<>(*stream->owner, "consume", options).fetch(stream->topic, asked);
    if (!spec)
        co_return spec.error();
    call_answer answer;
    auto const read = co_await call<>(op, stream->owner->http(), *spec.value(), answer);
    if (op->stopped())
        co_return read;
    outcome = read ? read_batch<>(answer, asked) : result<record_batch>(read.error());
    co_return result<void>();
}

/// What a plan that wants to read wants.
inline read_target target_of(stream_plan const& plan)
{
    read_target out;
    out.position = plan.offset();
    out.known_end = plan.known_end();
    out.end = plan.read_end();
    out.count = plan.count();
    out.demanded = true;
    return out;
}

/// Looks at one record in the search for a point in time.
template <class = void>
result<void> judge_seek(stream_plan& plan, result<record_batch> const& outcome)
{
    if (!outcome && may_be_out_of_range(outcome.error()) && plan.seek_refused())
        return result<void>();
    if (!outcome)
        return outcome.error();
    record_batch const& batch = outcome.value();
    std::optional<std::int64_t> first;
    std::optional<std::int64_t> time;
    if (!batch.empty()) {
        first = batch[0].offset();
        if (auto const stamp = batch[0].timestamp())
            time = stamp->time_since_epoch().count();
    }
    plan.sought(first, time);
    return result<void>();
}

/// Waits for the read at the stream's position, which may have been made long ago.
template <class = void>
task await_read(operation_ptr op, stream_ptr stream, result<record_batch>& outcome)
{
    read_target const target = target_of(stream->plan);
    for (;;) {
        auto taken = stream->ahead.take(target);
        start_reads<>(stream);
        if (taken) {
            outcome = std::move(*taken);
            co_return result<void>();
        }
        bool const going_on = co_await op->park();
        if (!going_on)
            co_return error(op->stopped(), stream->about(), "waiting for records");
    }
}

/// Makes the plan see what a read has brought; `arrived` is what is to be handed over of it.
template <class = void>
result<void> judge_read(stream_plan& plan, result<record_batch> outcome, record_batch& arrived)
{
    if (!outcome && may_be_out_of_range(outcome.error()) && plan.refused())
        return result<void>();
    if (!outcome)
        return outcome.error();
    record_batch& batch = outcome.value();
    // A read that was made ahead may have begun before the position.
    auto const first_new = std::ranges::lower_bound(batch, plan.offset(), {}, &record_view::offset);
    arrived = batch.without_first(static_cast<std::size_t>(first_new - batch.begin()));
    auto const first = arrived.empty() ? std::nullopt : std::optional(arrived[0].offset());
    plan.answered(first, arrived.next_offset());
    return result<void>();
}

/// Tells the observer what a policy has passed over.
template <class = void>
void tell_skipped(stream_state<>& stream)
{
    for (skipped_range const& range : stream.plan.take_skipped()) {
        observer const& watcher = stream.owner->options().observer();
        if (!watcher)
            continue;
        records_skipped event;
        event.topic = stream.topic;
        event.partition = stream.partition;
        event.from = range.from;
        event.to = range.to;
        event.cause = range.cause;
        watcher(event);
    }
}

/// Follows the plan until there is a batch to hand over, or an end.
template <class = void>
task follow_plan(operation_ptr op, stream_ptr stream, call_options options)
{
    if (auto wrong = stream_plan::check(stream->options))
        co_return error(wrong->code(), stream->about(), wrong->cause());
    stream_plan& plan = stream->plan;
    auto const due = op->deadline();
    milliseconds const one_request = stream->owner->options().total_timeout();
    for (;;) {
        stream_action const action = plan.next();
        tell_skipped<>(*stream);
        if (action == stream_action::finish)
            stream->arrived = record_batch(); // what a policy has passed over is not handed over
        if (action == stream_action::deliver || action == stream_action::finish)
            co_return result<void>();
        if (action == stream_action::fail)
            co_return error(plan.failure()->code(), stream->about(), plan.failure()->cause());
        if (action == stream_action::pause) {
            op->deadline(due);
            auto const until = steady_clock::now() + std::min(plan.pause(), session<>::longest);
            bool const in_time = co_await op->rest(until);
            if (!in_time)
                co_return error(op->stopped(), stream->about(), "nothing new has arrived");
            continue;
        }
        bool const looks = action == stream_action::look;
        bool const ahead = action == stream_action::read && !plan.probing();
        op->deadline(ahead ? due : std::min(due, steady_clock::now() + one_request));
        result<record_batch> read;
        result<void> went_well;
        if (looks)
            went_well = co_await look_at_watermarks<>(op, stream, options);
        else if (ahead)
            went_well = co_await await_read<>(op, stream, read);
        else
            went_well = co_await probe<>(op, stream, options, read);
        if (went_well && action == stream_action::seek)
            went_well = judge_seek<>(plan, read);
        else if (went_well && !looks)
            went_well = judge_read<>(plan, std::move(read), stream->arrived);
        if (!went_well)
            co_return went_well;
    }
}

template <class = void>
net::awaitable<std::optional<record_batch>> next_batch(stream_ptr stream, call_options options)
{
    stream_turn<> const turn(stream);
    if (!turn.taken())
        throw error(errc::already_running, stream->about());
    if (!stream->rest.empty() && !stream->closed())
        co_return std::exchange(stream->rest, record_batch());

    auto const due = options.timeout() ? stream->owner->deadline(options.timeout())
                                       : steady_clock::now() + session<>::longest;
    auto const op = stream->owner->http()->make_operation(due);
    if (!stream->begin(op))
        throw error(errc::closed, stream->about(), "the stream is closed");
    call_entry<> const entry(stream->owner, op, stream->info());
    task work = follow_plan<>(op, stream, std::move(options));
    op->runs(work);
    co_await run_operation<>(op);
    if (op->stopped() == net::error::operation_aborted)
        stream->ahead.stop(); // what has arrived stays; what has not is left alone until it is wanted again
    work.outcome().value();
    if (stream->arrived.empty())
        co_return std::nullopt;
    stream->plan.delivered(stream->arrived.next_offset());
    co_return std::exchange(stream->arrived, record_batch());
}

template <class = void>
net::awaitable<std::optional<shared_record>> next_record(stream_ptr stream, call_options options)
{
    auto batch = co_await next_batch<>(stream, std::move(options));
    if (!batch)
        co_return std::nullopt;
    stream->rest = batch->without_first(1);
    co_return batch->share(0);
}

template <class = void>
net::awaitable<std::int64_t> stream_lag(stream_ptr stream, call_options options)
{
    auto spec = rest_calls<>(*stream->owner, "lag", options).partition(stream->topic, stream->partition);
    auto const seen = co_await perform<partition_info>(stream->owner, options.timeout(), std::move(spec),
                                                       &read_partition_answer<>);
    std::int64_t position = stream->position();
    if (position < 0)
        position = stream->options.from().which() == offset_spec::anchor::end ? seen.latest_offset
                                                                              : seen.earliest_offset;
    co_return std::max<std::int64_t>(seen.latest_offset - position, 0);
}

} // namespace hdikafka::inline v0_1::detail

#endif
