// What a stream's next() does: one reader's next batch, or the next of many in turn.
#ifndef HDIKAFKA_DETAIL_STREAM_ALL_PARTITIONS_HPP
#define HDIKAFKA_DETAIL_STREAM_ALL_PARTITIONS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint_store.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/foreign.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/rules.hpp>
#include <hdikafka/detail/stream/stream.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// What a reader found out while its plan was followed. With the stream's lock.
inline void note_progress(stream_part& part, std::optional<error> failure)
{
    partition_reader<> const& reader = *part.reader;
    part.position = reader.plan.position().value_or(part.position);
    part.caught_up = reader.plan.caught_up();
    part.finished = !failure && reader.arrived.empty();
    part.failure = std::move(failure);
}

/// Takes the batch that the reader holds; empty when it holds none. With the stream's lock.
inline record_batch hand_over(stream_part& part)
{
    partition_reader<>& reader = *part.reader;
    if (!reader.arrived.empty()) {
        plan_event handed_over;
        handed_over.what = plan_event::kind::delivery;
        handed_over.next = reader.arrived.next_offset();
        reader.plan.resume(handed_over);
        part.position = reader.plan.position().value_or(-1);
        part.caught_up = reader.plan.caught_up();
    }
    return std::exchange(reader.arrived, record_batch());
}

template <class = void>
task next_of_one(operation_ptr op, stream_ptr stream, call_options options, record_batch& batch)
{
    auto outcome = co_await follow_plan<>(op, stream->readers().front(), options);
    stream->with_parts([&](auto& parts) {
        stream_part& only = parts.begin()->second;
        note_progress(only, outcome ? std::nullopt : std::optional(outcome.error()));
        if (outcome)
            batch = hand_over(only);
    });
    co_return outcome;
}

/// Somebody's following of one of a stream's plans; the stream hears of its end also when its coroutine is
/// destroyed half-way.
template <class = void>
class following
{
public:
    following(stream_ptr stream, std::int32_t id) : stream_(std::move(stream)), id_(id) {}
    following(following const&) = delete;
    following& operator=(following const&) = delete;
    ~following()
    {
        stream_->with_parts([this](auto& parts) { parts.at(id_).followed = false; });
        stream_->wake();
    }

    /// Given up: nothing is known that was not known before.
    void ends(result<void> const& outcome, bool given_up)
    {
        stream_->with_parts([&](auto& parts) {
            stream_part& part = parts.at(id_);
            bool const told = !outcome && !given_up;
            bool const was_finished = part.finished;
            note_progress(part, told ? std::optional(outcome.error()) : std::nullopt);
            if (given_up)
                part.finished = was_finished;
        });
    }

private:
    stream_ptr stream_;
    std::int32_t id_;
};

template <class = void>
task follow_part(operation_ptr op, stream_ptr stream, partition_ptr reader, call_options options)
{
    following<> place(stream, reader->partition);
    registration<> const entry(stream->owner->http()->background(), op);
    auto const due = op->deadline(); // of next(); a single request may have an earlier one
    result<void> outcome = error(errc::closed);
    if (entry.added())
        outcome = co_await follow_plan<>(op, reader, std::move(options));
    bool const in_time = steady_clock::now() < due;
    bool const ended = op->stopped() && !(op->stopped() == errc::timed_out && in_time);
    place.ends(outcome, ended || !in_time || !entry.added());
    co_return outcome;
}

/// Has each plan followed that somebody must follow.
template <class = void>
void start_followers(operation_ptr const& op, stream_ptr const& stream, call_options const& options)
{
    std::vector<std::pair<operation_ptr, partition_ptr>> due;
    stream->with_parts([&](auto& parts) {
        for (auto& [id, part] : parts) {
            if (part.followed || part.finished || part.paused || part.failure ||
                !part.reader->arrived.empty())
                continue;
            auto const follower = stream->owner->http()->make_operation(op->deadline());
            part.followed = true;
            part.follower = follower;
            due.emplace_back(follower, part.reader);
        }
    });
    for (auto const& [follower, reader] : due)
        run_detached(follower, follow_part<>(follower, stream, reader, options));
}

/// Nobody follows a plan while there is no next().
template <class = void>
void stop_followers(stream_ptr const& stream)
{
    std::vector<operation_ptr> under_way;
    stream->with_parts([&](auto& parts) {
        for (auto const& [id, part] : parts)
            if (auto follower = part.follower.lock(); follower && part.followed)
                under_way.push_back(std::move(follower));
    });
    for (operation_ptr const& one : under_way)
        one->cancel();
}

/// The next partition's batch, if there is one, or its failure: from the one behind the last on, so that none
/// is passed over for long.
template <class = void>
result<record_batch> take_turn(stream_state<>& stream)
{
    return stream.with_parts([&](auto& parts) -> result<record_batch> {
        auto at = parts.upper_bound(stream.turn);
        for (std::size_t i = 0; i != parts.size(); ++i) {
            if (at == parts.end())
                at = parts.begin();
            auto& [id, part] = *at++;
            if (part.followed || part.paused)
                continue;
            stream.turn = id;
            if (part.failure)
                return *std::exchange(part.failure, std::nullopt);
            if (!part.reader->arrived.empty())
                return hand_over(part);
        }
        return record_batch();
    });
}

template <class = void>
task look_for_partitions(operation_ptr op, stream_ptr stream, call_options options)
{
    auto spec = rest_calls<>(*stream->owner, "consume", options).partitions(stream->topic);
    if (!spec)
        co_return spec.error();
    call_answer answer;
    auto const asked = co_await call<>(op, stream->owner->http(), *spec.value(), answer);
    if (!asked)
        co_return asked;
    auto const seen = read_partitions_answer<>(answer);
    if (!seen)
        co_return seen.error();
    stream->add(seen.value());
    stream->refresh_at =
        steady_clock::now() + std::min(stream->options.refresh_partitions(), client_core<>::longest);
    co_return result<void>();
}

template <class = void>
task next_of_all(operation_ptr op, stream_ptr stream, call_options options, record_batch& batch)
{
    if (auto wrong = check_consume(stream->options))
        co_return error(wrong->code(), stream->about(options), wrong->cause());
    auto const due = op->deadline();
    milliseconds const one_request = stream->owner->options().total_timeout();
    for (;;) {
        bool const fixed = stream->options.until() && stream->refresh_at != steady_clock::time_point();
        if (!fixed && steady_clock::now() >= stream->refresh_at) {
            op->deadline(std::min(due, steady_clock::now() + one_request));
            auto const looked = co_await look_for_partitions<>(op, stream, options);
            op->deadline(due);
            if (!looked)
                co_return looked;
        }
        auto next = take_turn<>(*stream);
        if (!next)
            co_return next.error();
        batch = std::move(next).value();
        bool const through = stream->with_parts([](auto& parts) {
            return std::ranges::all_of(parts, [](auto const& part) { return part.second.finished; });
        });
        if (!batch.empty() || through)
            co_return result<void>();
        start_followers<>(op, stream, options);
        auto const until = fixed ? due : std::min(due, stream->refresh_at);
        bool const going_on = co_await op->park(until);
        if (!going_on)
            co_return interruption(*op, stream->about(options));
    }
}

/// Has the program's store say where to go on.
template <class = void>
task load_checkpoints_of(operation_ptr op, stream_ptr stream, call_options options)
{
    std::shared_ptr<checkpoint_store> const store = stream->options.checkpoint();
    std::vector<checkpoint> saved;
    diagnostics const about = stream->about(options);
    result<void> loaded;
    try {
        auto loading = store->load(stream->topic);
        loaded = co_await run_awaitable<std::vector<checkpoint>>(op, store, std::move(loading), saved);
    } catch (error const& told) {
        loaded = error(told.code(), about, told.cause());
    }
    if (op->stopped())
        co_return interruption(*op, about, "loading the checkpoints");
    if (loaded)
        stream->go_on_from(saved);
    co_return loaded;
}

template <class = void>
task next_of(operation_ptr op, stream_ptr stream, call_options options, record_batch& batch)
{
    result<void> outcome;
    if (stream->options.checkpoint() && !stream->resumed) {
        outcome = co_await load_checkpoints_of<>(op, stream, options);
        if (!outcome)
            co_return outcome;
    }
    if (stream->single)
        outcome = co_await next_of_one<>(op, stream, std::move(options), batch);
    else
        outcome = co_await next_of_all<>(op, stream, std::move(options), batch);
    if (!stream->single)
        stop_followers<>(stream);
    co_return outcome;
}

template <class = void>
net::awaitable<std::optional<record_batch>> next_batch(stream_ptr stream, call_options options)
{
    call_label about = stream->info();
    about.request_id = stream->owner->identify(options);
    auto const due = options.timeout() ? stream->owner->deadline(options.timeout())
                                       : steady_clock::now() + client_core<>::longest;
    auto const op = stream->owner->http()->make_operation(due);
    stream_turn<> const turn(stream, op);
    if (auto rest = stream->take_rest())
        co_return rest;

    call_entry<> const entry(stream->owner, op, about);
    record_batch batch;
    task work = next_of<>(op, stream, std::move(options), batch);
    op->runs(work);
    co_await run_operation<>(op);
    if (op->stopped())
        stream->stop(); // what has arrived stays; what has not is left alone until it is wanted again
    work.outcome().value();
    if (batch.empty())
        co_return std::nullopt;
    co_return batch;
}

template <class = void>
net::awaitable<std::optional<shared_record>> next_record(stream_ptr stream, call_options options)
{
    auto batch = co_await next_batch<>(stream, std::move(options));
    if (!batch)
        co_return std::nullopt;
    stream->keep_rest(batch->without_first(1));
    co_return batch->share(0);
}

/// Keeps how far the stream's user has got: up to `last`, going on at `next`.
template <class = void>
net::awaitable<void> commit_record(stream_ptr stream, record_view last, std::int64_t next)
{
    diagnostics const about = call_label("commit", stream->topic).describe();
    std::shared_ptr<checkpoint_store> const store = stream->options.checkpoint();
    if (!store)
        throw error(errc::invalid_option, about, "the stream was given no checkpoint()");
    bool const known =
        stream->with_parts([&](auto const& parts) { return parts.contains(last.partition()); });
    if (!known)
        throw error(errc::invalid_partition, about, "the stream does not read this partition");
    checkpoint what;
    what.topic = stream->topic;
    what.partition = last.partition();
    what.next_offset = next;
    what.last_offset = last.offset();
    what.last_timestamp = last.timestamp();
    try {
        auto saving = store->save(std::move(what));
        co_await std::move(saving);
    } catch (error const& told) {
        throw error(told.code(), about, told.cause());
    }
}

template <class = void>
net::awaitable<void> commit_batch(stream_ptr stream, record_batch batch)
{
    if (batch.empty())
        throw error(errc::no_records, call_label("commit", stream->topic).describe(), "the batch is empty");
    co_await commit_record<>(std::move(stream), batch[batch.size() - 1], batch.next_offset());
}

template <class = void>
net::awaitable<void> commit_one(stream_ptr stream, shared_record record)
{
    auto const& last = static_cast<record_view const&>(record);
    co_await commit_record<>(std::move(stream), last, last.offset() + 1);
}

/// How many offsets lie between the stream's positions and the high watermarks, by partition.
template <class = void>
net::awaitable<std::map<std::int32_t, std::int64_t>> stream_lags(stream_ptr stream, call_options options)
{
    std::vector<partition_info> seen;
    auto positions = stream->positions();
    if (stream->single) {
        auto spec =
            rest_calls<>(*stream->owner, "lag", options).partition(stream->topic, positions.begin()->first);
        auto one =
            co_await perform(stream->owner, options.timeout(), std::move(spec), &read_partition_answer<>);
        seen.push_back(std::move(one));
    } else {
        auto spec = rest_calls<>(*stream->owner, "lag", options).partitions(stream->topic);
        seen = co_await perform(stream->owner, options.timeout(), std::move(spec), &read_partitions_answer<>);
    }
    std::map<std::int32_t, std::int64_t> out;
    for (partition_info const& one : seen) {
        auto const at = positions.find(one.id);
        std::int64_t position = at == positions.end() ? -1 : at->second;
        if (position < 0)
            position = start_position(stream->options.from(), one.earliest_offset, one.latest_offset);
        out[one.id] = std::max<std::int64_t>(one.latest_offset - position, 0);
    }
    co_return out;
}

/// The same in all.
template <class = void>
net::awaitable<std::int64_t> stream_lag(stream_ptr stream, call_options options)
{
    auto const each = co_await stream_lags<>(std::move(stream), std::move(options));
    std::int64_t out = 0;
    for (auto const& [id, one] : each)
        out += one;
    co_return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
