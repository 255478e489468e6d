// What record_stream.hpp declares: a stream's next(), its commits and its lag.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint_store.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/operations.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/next_batch.hpp>
#include <hdikafka/detail/stream/offset_at.hpp> // of which the client has only the declaration
#include <hdikafka/detail/stream/offset_search.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/stream_state.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/record_stream.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail {

/// The awaitables of a stream, which keep it.
template <class Lazy>
class stream_calls
{
public:
    /// The next batch, with what it takes of the stream's budget; an empty one at the end.
    static net::awaitable<held_batch> next_held(stream_ptr stream, call_options options)
    {
        call_label about("consume", stream->topic);
        about.request_id = stream->owner->identify(options);
        auto const due = stream->owner->deadline(options.timeout().value_or(client_core<>::longest));
        auto const op = stream->owner->http()->make_operation(due);
        typename stream_state<Lazy>::turn const place(stream, op);
        held_batch out;
        if (stream->take_rest(out))
            co_return out;

        call_entry<> const entry(*stream->owner, *op, about);
        task work = next_batch_of(op, stream, std::move(options), out);
        co_await run_operation<Lazy>(op, work);
        work.outcome().value();
        co_return out;
    }

    static net::awaitable<std::optional<record_batch>> next(stream_ptr stream, call_options options)
    {
        held_batch const batch = co_await next_held(std::move(stream), std::move(options));
        if (batch.records.empty())
            co_return std::nullopt;
        co_return batch.records;
    }

    static net::awaitable<std::optional<shared_record>> next_record(stream_ptr stream, call_options options)
    {
        held_batch batch = co_await next_held(stream, std::move(options));
        if (batch.records.empty())
            co_return std::nullopt;
        auto first = batch.records.share(0);
        batch.records = batch.records.without_first(1);
        stream->keep_rest(std::move(batch));
        co_return first;
    }

    /// Keeps how far the stream's user has got: up to there, or nowhere with an empty batch.
    static net::awaitable<void> commit(stream_ptr stream, std::optional<checkpoint> what)
    {
        diagnostics const about = call_label("commit", stream->topic).describe();
        if (!what)
            throw error(errc::no_records, about, "the batch is empty");
        std::shared_ptr<checkpoint_store> const store = stream->options.checkpoint();
        if (!store)
            throw error(errc::invalid_option, about, "the stream was given no checkpoint()");
        if (!stream->knows(what->partition))
            throw error(errc::invalid_partition, about, "the stream does not read this partition");
        what->topic = stream->topic;
        try {
            auto saving = store->save(*std::move(what));
            co_await std::move(saving);
        } catch (error const& told) {
            throw error(told.code(), about, told.cause());
        }
    }

    static checkpoint checkpoint_at(record_view const& last, std::int64_t next)
    {
        checkpoint out;
        out.partition = last.partition();
        out.next_offset = next;
        out.last_offset = last.offset();
        out.last_timestamp = last.timestamp();
        return out;
    }

    /// How many offsets lie between the stream's positions and the high watermarks, by partition.
    static net::awaitable<std::map<std::int32_t, std::int64_t>> lags(stream_ptr stream, call_options options)
    {
        std::vector<partition_info> seen;
        rest_calls<Lazy> calls(*stream->owner, "lag", options);
        if (stream->single) {
            auto request = calls.partition(stream->topic, stream->positions().begin()->first);
            auto one = co_await perform(stream->owner, options.timeout(), std::move(request),
                                        &parse_partition<Lazy>);
            seen.push_back(std::move(one));
        } else {
            auto request = calls.partitions(stream->topic);
            seen = co_await perform(stream->owner, options.timeout(), std::move(request),
                                    &parse_partitions<Lazy>);
        }
        co_return stream->lags(seen);
    }

    /// The same in all.
    static net::awaitable<std::int64_t> lag(stream_ptr stream, call_options options)
    {
        auto const each = co_await lags(std::move(stream), std::move(options));
        std::int64_t out = 0;
        for (auto const& [id, one] : each)
            out += one;
        co_return out;
    }

private:
    static task next_batch_of(operation_ptr op, stream_ptr stream, call_options options, held_batch& out)
    {
        result<void> outcome;
        if (stream->options.checkpoint() && !stream->resumed)
            outcome = co_await load_checkpoints(op, stream, options);
        if (!outcome)
            co_return outcome;
        auto const wrong = check_consume(stream->options);
        if (wrong && !stream->single)
            co_return error(wrong->code(), about_next(stream->topic, options), wrong->cause());
        next_batch<Lazy> next(op, stream, std::move(options));
        outcome = co_await next.run(out);
        co_return outcome;
    }

    /// Has the program's store say where to go on.
    static task load_checkpoints(operation_ptr op, stream_ptr stream, call_options options)
    {
        std::shared_ptr<checkpoint_store> const store = stream->options.checkpoint();
        std::vector<checkpoint> saved;
        diagnostics const about = about_next(stream->topic, options);
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
};

/// What the user holds: with the last handle, and the last next(), all that is under way ends.
template <class Lazy>
stream_ptr stream_handle(std::shared_ptr<stream_state<Lazy>> state)
{
    auto* const bare = state.get();
    return stream_ptr(bare, [kept = std::move(state)](stream_state<Lazy>*) { kept->stop(); });
}

} // namespace detail

template <class Lazy>
basic_record_stream<Lazy>::basic_record_stream(detail::client_ptr owner, std::string topic,
                                               std::optional<std::int32_t> partition, consume_options options)
    : state_(detail::stream_handle(std::make_shared<detail::stream_state<Lazy>>(
          std::move(owner), std::move(topic), partition, options)))
{}

template <class Lazy>
net::awaitable<std::optional<record_batch>> basic_record_stream<Lazy>::next(call_options options)
{
    return detail::stream_calls<Lazy>::next(state_, std::move(options));
}

template <class Lazy>
net::awaitable<std::optional<shared_record>> basic_record_stream<Lazy>::next_record(call_options options)
{
    return detail::stream_calls<Lazy>::next_record(state_, std::move(options));
}

template <class Lazy>
std::int64_t basic_record_stream<Lazy>::position() const
{
    return state_->single ? state_->positions().begin()->second : -1;
}

template <class Lazy>
std::map<std::int32_t, std::int64_t> basic_record_stream<Lazy>::positions() const
{
    return state_->positions();
}

template <class Lazy>
bool basic_record_stream<Lazy>::caught_up() const
{
    return state_->caught_up();
}

template <class Lazy>
net::awaitable<std::int64_t> basic_record_stream<Lazy>::lag(call_options options) const
{
    return detail::stream_calls<Lazy>::lag(state_, std::move(options));
}

template <class Lazy>
net::awaitable<std::map<std::int32_t, std::int64_t>>
basic_record_stream<Lazy>::lags(call_options options) const
{
    return detail::stream_calls<Lazy>::lags(state_, std::move(options));
}

template <class Lazy>
void basic_record_stream<Lazy>::pause(std::int32_t partition)
{
    state_->pause(partition, true);
}

template <class Lazy>
void basic_record_stream<Lazy>::resume(std::int32_t partition)
{
    state_->pause(partition, false);
}

template <class Lazy>
net::awaitable<void> basic_record_stream<Lazy>::commit(record_batch batch)
{
    using calls = detail::stream_calls<Lazy>;
    std::optional<checkpoint> what;
    if (!batch.empty())
        what = calls::checkpoint_at(batch[batch.size() - 1], batch.next_offset());
    return calls::commit(state_, std::move(what));
}

template <class Lazy>
net::awaitable<void> basic_record_stream<Lazy>::commit(shared_record record)
{
    using calls = detail::stream_calls<Lazy>;
    return calls::commit(state_, calls::checkpoint_at(record, record.offset() + 1));
}

template <class Lazy>
void basic_record_stream<Lazy>::close()
{
    state_->close();
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, std::int32_t partition,
                                          consume_options options) const
{
    return record_stream(core_, std::move(topic), partition, std::move(options));
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, consume_options options) const
{
    return record_stream(core_, std::move(topic), std::nullopt, std::move(options));
}

} // namespace hdikafka::inline v0_1

#endif
