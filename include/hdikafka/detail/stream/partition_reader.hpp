// Reads one partition as its partition_plan decides, ahead of whoever wants the records.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/operations.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/registry.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/detail/stream/rules.hpp>
#include <hdikafka/detail/stream/seek_round.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// One partition of a stream. Shared by the reads ahead; all but `ahead` belongs to the one who follows the
/// plan, and to nobody in between.
template <class>
class partition_reader
{
public:
    /// From where `saved` says, if there is one. `sharers`: how many readers share the client's connections.
    partition_reader(client_ptr client, std::string name, std::int32_t id, consume_options wanted,
                     checkpoint const* saved = nullptr, std::size_t sharers = 1)
        : owner(std::move(client)),
          topic(std::move(name)),
          partition(id),
          options(saved ? wanted.from(saved->next_offset) : wanted),
          ahead(options),
          plan(options, owner->options().max_connections() / sharers)
    {
        if (saved && saved->last_timestamp && saved->last_timestamp->time_since_epoch().count() >= 0)
            plan.expect(saved->last_offset, saved->last_timestamp->time_since_epoch().count());
    }

    diagnostics about(call_options const& call) const
    {
        call_label out("consume", topic);
        out.request_id = call.request_id();
        return out.describe();
    }

    client_ptr const owner;
    std::string const topic;
    std::int32_t const partition;
    consume_options const options;
    reads_ahead<> ahead;

    partition_plan plan;
    record_batch arrived;                   ///< Read, not handed over yet.
    steady_clock::time_point look_again_at; ///< Nothing new is looked for before.
};

/// A read under way; it is forgotten when its coroutine is destroyed half-way.
template <class = void>
class read_under_way
{
public:
    read_under_way(partition_ptr stream, range_read what) : stream_(std::move(stream)), what_(what) {}
    read_under_way(read_under_way const&) = delete;
    read_under_way& operator=(read_under_way const&) = delete;
    ~read_under_way()
    {
        if (!landed_)
            stream_->ahead.forgotten(what_.id);
    }

    void land(result<record_batch> outcome, std::size_t bytes)
    {
        landed_ = true;
        stream_->ahead.arrived(what_, std::move(outcome), bytes);
    }

private:
    partition_ptr stream_;
    range_read what_;
    bool landed_ = false;
};

template <class = void>
void start_reads(partition_ptr const& stream);

/// Has the next read start as soon as an answer's header says from where.
template <class = void>
class next_offset_listener final : public header_listener
{
public:
    next_offset_listener(partition_ptr stream, std::uint64_t id) : stream_(std::move(stream)), id_(id) {}

    void header(response_parser const& answer) override
    {
        auto const next = parse_next_offset(answer.field("nextoffset"));
        if (answer.status() != 200 || !next || !next.value())
            return;
        stream_->ahead.told(id_, *next.value());
        start_reads<>(stream_);
    }

private:
    partition_ptr stream_;
    std::uint64_t id_;
};

template <class = void>
// NOLINTNEXTLINE(misc-no-recursion): a read that has arrived starts the next, as an operation of its own
task read_range(operation_ptr op, partition_ptr stream, range_read what)
{
    read_under_way<> place(stream, what);
    client_ptr const owner = stream->owner;
    registration<> const entry(owner->http()->background(), op);
    if (!entry.added()) {
        stream->ahead.stop(); // the client is closed: nothing is to be read again and again
        co_return result<void>();
    }
    batch_request const asked(stream->partition, what.offset, what.count, stream->ahead.end());
    call_options options;
    options.request_id(stream->ahead.request_id());
    auto spec = rest_calls<>(*owner, "consume", options).fetch(stream->topic, asked);
    if (!spec) {
        place.land(spec.error(), 0);
        co_return result<void>();
    }
    next_offset_listener<> listener(stream, what.id);
    spec.value()->on_header = &listener;
    call_answer answer;
    auto const read = co_await call<>(op, owner->http(), *spec.value(), answer);
    if (op->stopped() == errc::closed)
        co_return result<void>();
    std::size_t const bytes = answer.response.body.size();
    if (read)
        place.land(read_batch<>(answer, asked), bytes);
    else
        place.land(read.error(), 0);
    start_reads<>(stream);
    co_return result<void>();
}

/// Starts the reads that are due.
template <class>
// NOLINTNEXTLINE(misc-no-recursion): see read_range()
void start_reads(partition_ptr const& stream)
{
    while (auto const due = stream->ahead.next()) {
        auto const op = stream->owner->http()->make_operation(stream->owner->deadline(std::nullopt));
        stream->ahead.made_by(due->id, op);
        run_detached(op, read_range<>(op, stream, *due));
    }
}

template <class = void>
task look_at_watermarks(operation_ptr op, partition_ptr stream, call_options options)
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

/// The error of a wait that was ended.
inline error interruption(operation<> const& op, diagnostics about,
                          std::string_view doing = "waiting for records")
{
    about.retriable(op.stopped() == errc::timed_out);
    return error(op.stopped(), std::move(about), doing);
}

/// Reads a single record off the way.
template <class = void>
task probe(operation_ptr op, partition_ptr stream, call_options options, batch_request asked,
           result<record_batch>& outcome)
{
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
inline read_target target_of(partition_plan const& plan)
{
    read_target out;
    out.position = plan.offset();
    out.known_end = plan.known_end();
    out.end = plan.read_end();
    out.count = plan.count();
    out.demanded = true;
    return out;
}

/// Makes the plan see what the seek at `offset` has brought.
template <class = void>
result<void> judge_seek(partition_plan& plan, std::int64_t offset, result<record_batch> const& outcome)
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
    plan.sought(offset, first, time);
    return result<void>();
}

template <class = void>
task seek_one(operation_ptr op, partition_ptr stream, call_options options, seek_round_ptr round,
              std::size_t which)
{
    seek_under_way<> place(round, which);
    registration<> const entry(stream->owner->http()->background(), op);
    if (!entry.added())
        co_return result<void>();
    constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
    batch_request const asked(stream->partition, round->offset(which), 1, no_end);
    auto const went_well = co_await probe<>(op, stream, std::move(options), asked, place.outcome);
    if (!went_well)
        place.outcome = went_well.error();
    co_return result<void>();
}

/// Looks at the records that the plan wants to see. One that fails takes the others along.
template <class = void>
task seek(operation_ptr op, partition_ptr stream, call_options options)
{
    auto const round = std::make_shared<seek_round<>>(op, stream->plan.seeks());
    seek_wait<> const end(round);
    for (std::size_t i = 0; i != round->size(); ++i) {
        auto const reader = stream->owner->http()->make_operation(op->deadline());
        round->made_by(i, reader);
        run_detached(reader, seek_one<>(reader, stream, options, round, i));
    }
    auto landed = round->take();
    while (landed.empty()) {
        bool const going_on = co_await op->park();
        if (!going_on)
            co_return interruption(*op, stream->about(options));
        landed = round->take();
    }
    result<void> went_well;
    for (auto const& one : landed)
        if (went_well)
            went_well = judge_seek<>(stream->plan, one.offset, *one.outcome);
    co_return went_well;
}

/// Waits for the read at the stream's position, which may have been made long ago.
template <class = void>
task await_read(operation_ptr op, partition_ptr stream, call_options const& options,
                result<record_batch>& outcome)
{
    read_target const target = target_of(stream->plan);
    for (;;) {
        auto taken = stream->ahead.take(target, options.request_id());
        start_reads<>(stream);
        if (taken) {
            outcome = std::move(*taken);
            co_return result<void>();
        }
        bool const going_on = co_await op->park();
        if (!going_on)
            co_return interruption(*op, stream->about(options));
    }
}

/// Makes the plan see what a read has brought; `arrived` is what is to be handed over of it.
template <class = void>
result<void> judge_read(partition_plan& plan, result<record_batch> outcome, record_batch& arrived)
{
    if (!outcome && may_be_out_of_range(outcome.error()) && plan.refused())
        return result<void>();
    if (!outcome)
        return outcome.error();
    record_batch const& batch = outcome.value();
    // A read that was made ahead may have begun before the position.
    auto const* const first_new = std::ranges::lower_bound(batch, plan.offset(), {}, &record_view::offset);
    arrived = batch.without_first(static_cast<std::size_t>(first_new - batch.begin()));
    auto const first = arrived.empty() ? std::nullopt : std::optional(arrived[0].offset());
    plan.answered(first, arrived.next_offset());
    return result<void>();
}

/// Tells the observer what a policy has passed over.
template <class = void>
void tell_skipped(partition_reader<>& stream)
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
task follow_plan(operation_ptr op, partition_ptr stream, call_options options)
{
    if (auto wrong = check_consume(stream->options))
        co_return error(wrong->code(), stream->about(options), wrong->cause());
    partition_plan& plan = stream->plan;
    auto const due = op->deadline();
    milliseconds const one_request = stream->owner->options().total_timeout();
    stream->ahead.tells(op);
    for (;;) {
        // A pause goes on where whoever began it was interrupted.
        if (steady_clock::now() < stream->look_again_at) {
            op->deadline(due);
            bool const in_time = co_await op->rest(stream->look_again_at);
            if (!in_time)
                co_return error(op->stopped(), stream->about(options), "nothing new has arrived");
        }
        stream_action const action = plan.next();
        tell_skipped<>(*stream);
        if (action == stream_action::finish)
            stream->arrived = record_batch(); // what a policy has passed over is not handed over
        if (action == stream_action::deliver || action == stream_action::finish)
            co_return result<void>();
        if (action == stream_action::fail)
            co_return error(plan.failure()->code(), stream->about(options), plan.failure()->cause());
        if (action == stream_action::pause) {
            milliseconds const pause = jittered(plan.pause(), stream->owner->http()->random().unit());
            stream->look_again_at = steady_clock::now() + std::min(pause, client_core<>::longest);
            continue;
        }
        bool const reads = action == stream_action::read;
        bool const ahead = reads && !plan.probing();
        op->deadline(ahead ? due : std::min(due, steady_clock::now() + one_request));
        result<record_batch> read;
        result<void> went_well;
        if (action == stream_action::look) {
            went_well = co_await look_at_watermarks<>(op, stream, options);
        } else if (action == stream_action::seek) {
            went_well = co_await seek<>(op, stream, options);
        } else if (ahead) {
            went_well = co_await await_read<>(op, stream, options, read);
        } else {
            batch_request const asked(stream->partition, plan.offset(), plan.count(), plan.read_end());
            went_well = co_await probe<>(op, stream, options, asked, read);
        }
        if (went_well && reads)
            went_well = judge_read<>(plan, std::move(read), stream->arrived);
        if (!went_well)
            co_return went_well;
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
