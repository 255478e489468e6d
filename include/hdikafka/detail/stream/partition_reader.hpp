// Reads one partition as its partition_plan decides, ahead of whoever wants the records.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/registry.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/detail/stream/rules.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
    /// From where `saved` says, if there is one.
    partition_reader(client_ptr client, std::string name, std::int32_t id, consume_options wanted,
                     checkpoint const* saved = nullptr)
        : owner(std::move(client)),
          topic(std::move(name)),
          partition(id),
          options(saved ? wanted.from(saved->next_offset) : wanted),
          ahead(options),
          plan(options)
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

/// Looks at the watermarks.
template <class = void>
task look(operation_ptr op, partition_ptr stream, call_options options, plan_event& event)
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
    event.what = plan_event::kind::watermarks;
    event.earliest = seen.value().earliest_offset;
    event.latest = seen.value().latest_offset;
    co_return result<void>();
}

/// Reads a single record off the way.
template <class = void>
task probe(operation_ptr op, partition_ptr stream, call_options options, plan_action const& what,
           result<record_batch>& outcome)
{
    batch_request const asked(stream->partition, what.offset, 1, what.end);
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

/// Waits for the read at the stream's position, which may have been made long ago.
template <class = void>
task await_read(operation_ptr op, partition_ptr stream, call_options const& options, plan_action const& what,
                result<record_batch>& outcome)
{
    for (;;) {
        auto taken = stream->ahead.take(what, options.request_id());
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

/// What a plan is told of an answer; `arrived` is what is to be handed over if it was to a read. An error is
/// a refusal, or nothing that the plan knows of.
template <class = void>
plan_event judge(plan_action const& what, result<record_batch> const& outcome, record_batch& arrived)
{
    plan_event out;
    if (!outcome) {
        if (may_be_out_of_range(outcome.error()))
            out.what = plan_event::kind::refusal;
        return out;
    }
    record_batch batch = outcome.value();
    if (what.what == plan_action::kind::read) {
        // A read that was made ahead may have begun before the position.
        auto const* const first_new = std::ranges::lower_bound(batch, what.offset, {}, &record_view::offset);
        batch = arrived = batch.without_first(static_cast<std::size_t>(first_new - batch.begin()));
    }
    out.what = plan_event::kind::answer;
    out.next = batch.next_offset();
    if (batch.empty())
        return out;
    out.first = batch[0].offset();
    if (auto const stamp = batch[0].timestamp())
        out.time = stamp->time_since_epoch().count();
    return out;
}

/// Does what the plan wants; `event` is what it is to be told of that. What fails may be a refusal.
template <class = void>
task carry_out(operation_ptr op, partition_ptr stream, call_options options, plan_action const& what,
               plan_event& event)
{
    event = plan_event();
    result<void> went_well;
    if (what.what == plan_action::kind::look) {
        went_well = co_await look<>(op, stream, options, event);
        co_return went_well;
    }
    result<record_batch> outcome;
    if (what.what == plan_action::kind::read)
        went_well = co_await await_read<>(op, stream, options, what, outcome);
    else
        went_well = co_await probe<>(op, stream, options, what, outcome);
    if (!went_well)
        co_return went_well;
    event = judge<>(what, outcome, stream->arrived);
    if (!outcome)
        co_return outcome.error();
    co_return result<void>();
}

/// Tells the observer what a policy has passed over.
template <class = void>
void tell_skipped(partition_reader<>& stream, skipped_range const& range)
{
    observer const& watcher = stream.owner->options().observer();
    if (!watcher)
        return;
    records_skipped event;
    event.topic = stream.topic;
    event.partition = stream.partition;
    event.from = range.from;
    event.to = range.to;
    event.cause = range.cause;
    watcher(event);
}

/// Follows the plan until there is a batch to hand over, or an end.
template <class = void>
task follow_plan(operation_ptr op, partition_ptr stream, call_options options)
{
    using kind = plan_action::kind;
    if (auto wrong = check_consume(stream->options))
        co_return error(wrong->code(), stream->about(options), wrong->cause());
    partition_plan& plan = stream->plan;
    auto const due = op->deadline();
    milliseconds const one_request = stream->owner->options().total_timeout();
    stream->ahead.tells(op);
    plan_event event;
    result<void> went_well;
    for (;;) {
        // A pause goes on where whoever began it was interrupted.
        if (steady_clock::now() < stream->look_again_at) {
            op->deadline(due);
            bool const in_time = co_await op->rest(stream->look_again_at);
            if (!in_time)
                co_return error(op->stopped(), stream->about(options), "nothing new has arrived");
        }
        plan_action const action = plan.resume(event);
        if (action.skipped)
            tell_skipped<>(*stream, *action.skipped);
        if (action.what == kind::finish)
            stream->arrived = record_batch(); // what a policy has passed over is not handed over
        if (action.what == kind::deliver || action.what == kind::finish)
            co_return result<void>();
        if (action.what == kind::fail)
            co_return error(plan.failure()->code(), stream->about(options), plan.failure()->cause());
        if (action.what == kind::report)
            co_return went_well;
        if (action.what == kind::pause) {
            milliseconds const pause = jittered(action.pause, stream->owner->http()->random().unit());
            stream->look_again_at = steady_clock::now() + std::min(pause, client_core<>::longest);
            event = plan_event();
            continue;
        }
        bool const ahead = action.what == kind::read;
        op->deadline(ahead ? due : std::min(due, steady_clock::now() + one_request));
        went_well = co_await carry_out<>(op, stream, options, action, event);
        if (!went_well && event.what != plan_event::kind::refusal)
            co_return went_well;
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
