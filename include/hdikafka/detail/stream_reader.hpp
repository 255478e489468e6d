// Carries out what a stream_plan decides. Layer: what users see, behind record_stream.
#ifndef HDIKAFKA_DETAIL_STREAM_READER_HPP
#define HDIKAFKA_DETAIL_STREAM_READER_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/client_calls.hpp>
#include <hdikafka/detail/handles.hpp>
#include <hdikafka/detail/rest_calls.hpp>
#include <hdikafka/detail/session.hpp>
#include <hdikafka/detail/stream_plan.hpp>
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

/// A stream's state, shared with a next() that is under way while the stream is moved or closed.
template <class>
class stream_state
{
public:
    stream_state(session_ptr client, std::string name, std::int32_t id, consume_options wanted)
        : owner(std::move(client)), topic(std::move(name)), partition(id), options(wanted), plan(wanted)
    {}

    call_info info() const { return call_info("consume", topic); }
    diagnostics about() const { return info().describe(); }

    std::int64_t position() const { return rest.empty() ? plan.position().value_or(-1) : rest[0].offset(); }

    void close()
    {
        operation_ptr ended;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            ended = current_.lock();
        }
        if (ended)
            ended->close();
    }

    /// False once closed; otherwise close() ends `op`.
    bool begin(operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        current_ = op;
        return !closed_;
    }

    bool closed()
    {
        std::lock_guard const lock(mutex_);
        return closed_;
    }

    session_ptr const owner;
    std::string const topic;
    std::int32_t const partition;
    consume_options const options;
    std::atomic<bool> running = false;

    // These belong to the next() under way, and to the user in between.
    stream_plan plan;
    record_batch arrived; ///< read, not handed over yet
    record_batch rest;    ///< handed over in part, by next_record()

private:
    std::mutex mutex_;
    std::weak_ptr<operation<>> current_;
    bool closed_ = false;
};

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

template <class = void>
task read_on(operation_ptr op, stream_ptr stream, call_options options)
{
    stream_plan& plan = stream->plan;
    batch_request const asked(stream->partition, plan.offset(), plan.count(), plan.read_end());
    auto spec = rest_calls<>(*stream->owner, "consume", options).fetch(stream->topic, asked);
    if (!spec)
        co_return spec.error();
    call_answer answer;
    auto const read = co_await call<>(op, stream->owner->http(), *spec.value(), answer);
    if (!read && may_be_out_of_range(read.error()) && plan.refused())
        co_return result<void>();
    if (!read)
        co_return read;
    auto batch = read_batch<>(answer, asked);
    if (!batch)
        co_return batch.error();
    stream->arrived = std::move(batch).value();
    auto const first = stream->arrived.empty() ? std::nullopt : std::optional(stream->arrived[0].offset());
    plan.answered(first, stream->arrived.next_offset());
    co_return result<void>();
}

/// Follows the plan until there is a batch to hand over, or an end. `about` has the id that `options` give to
/// every request.
template <class = void>
task follow_plan(operation_ptr op, stream_ptr stream, call_info about, call_options options)
{
    if (auto wrong = stream_plan::check(stream->options))
        co_return error(wrong->code(), about.describe(), wrong->cause());
    stream_plan& plan = stream->plan;
    auto const due = op->deadline();
    milliseconds const one_request = stream->owner->options().total_timeout();
    for (;;) {
        stream_action const action = plan.next();
        if (action == stream_action::deliver || action == stream_action::finish)
            co_return result<void>();
        if (action == stream_action::fail)
            co_return error(plan.failure()->code(), about.describe(), plan.failure()->cause());
        if (action == stream_action::pause) {
            op->deadline(due);
            auto const until = steady_clock::now() + std::min(plan.pause(), session<>::longest);
            bool const in_time = co_await op->rest(until);
            if (!in_time)
                co_return error(op->stopped(), about.describe(), "nothing new has arrived");
            continue;
        }
        op->deadline(std::min(due, steady_clock::now() + one_request));
        result<void> went_well;
        if (action == stream_action::look)
            went_well = co_await look_at_watermarks<>(op, stream, options);
        else
            went_well = co_await read_on<>(op, stream, options);
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

    call_info about = stream->info();
    about.request_id = stream->owner->identify(options);
    auto const due = options.timeout() ? stream->owner->deadline(options.timeout())
                                       : steady_clock::now() + session<>::longest;
    auto const op = stream->owner->http()->make_operation(due);
    if (!stream->begin(op))
        throw error(errc::closed, about.describe(), "the stream is closed");
    call_entry<> const entry(stream->owner, op, about);
    task work = follow_plan<>(op, stream, std::move(about), std::move(options));
    op->runs(work);
    co_await run_operation<>(op);
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
