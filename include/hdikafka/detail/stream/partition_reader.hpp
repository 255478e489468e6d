// Reads one partition as its partition_plan decides, ahead of whoever wants the records.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_READER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/detail/stream/read_outcome.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/detail/stream/stream_desk.hpp>
#include <hdikafka/detail/stream/turns.hpp>
#include <hdikafka/metadata.hpp>
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

/// Of a next() that reads a topic.
inline diagnostics about_next(std::string const& topic, call_options const& call = call_options())
{
    call_label out("consume", topic);
    out.request_id = call.request_id();
    return out.describe();
}

/// The error of a wait that was ended.
inline error interruption(operation<> const& op, diagnostics about,
                          std::string_view doing = "waiting for records")
{
    about.retriable(op.stopped() == errc::timed_out);
    return error(op.stopped(), std::move(about), doing);
}

/// A batch that a stream holds, and what it takes of the stream's budget until it is handed over.
class held_batch
{
public:
    record_batch records;
    allowance<> kept;
};

template <class Lazy>
class read_ahead;

/// One partition of a stream. All belongs to the one who follows the plan, and to the stream in between; but
/// the reads ahead, which keep the reader, go on by themselves, and stop() is for any thread. Its coroutines
/// need it until they end.
template <class Lazy>
class partition_reader : public std::enable_shared_from_this<partition_reader<Lazy>>
{
public:
    /// From where `saved` says, if there is one.
    partition_reader(client_ptr owner, desk_ptr desk, std::string topic, std::int32_t partition,
                     consume_options wanted, checkpoint const* saved = nullptr)
        : owner_(std::move(owner)),
          desk_(std::move(desk)),
          topic_(std::move(topic)),
          partition_(partition),
          plan_(saved ? wanted.from(saved->next_offset) : wanted),
          ahead_(desk_, partition, wanted),
          unfit_(check_consume(wanted))
    {
        if (saved && saved->last_timestamp && saved->last_timestamp->time_since_epoch().count() >= 0)
            plan_.expect(saved->last_offset, saved->last_timestamp->time_since_epoch().count());
    }

    std::int32_t partition() const noexcept { return partition_; }
    std::optional<std::int64_t> position() const noexcept { return plan_.position(); }
    bool caught_up() const noexcept { return plan_.caught_up(); }
    std::optional<std::int64_t> silent_to() const noexcept { return plan_.silent_to(); }

    /// Once for all.
    bool failed() const noexcept { return unfit_ || plan_.failure(); }

    /// What following the plan has led to, and until when it rests if it does.
    standing stands() const noexcept { return stands_; }
    steady_clock::time_point until() const noexcept { return until_; }

    /// Has somebody follow the plan, until stop() or its end.
    void start(operation_ptr const& op, std::unique_ptr<child<Lazy>> follower)
    {
        work_.start(op, std::move(follower), owner_->http()->background());
    }

    /// Follows the plan as far as it leads without a wait for time, for room, or for somebody who wants
    /// records. A failure is the plan's, or one that it knows nothing of.
    task follow(operation_ptr op, call_options options)
    {
        using kind = plan_action::kind;
        if (unfit_)
            co_return error(unfit_->code(), about_next(topic_, options), unfit_->cause());
        for (;;) {
            stands_ = standing::due;
            until_ = turns::never;
            plan_action const action = plan_.resume(std::exchange(event_, plan_event()));
            if (action.skipped)
                tell(*action.skipped);
            switch (action.what) {
            case kind::finish:
                arrived_ = held_batch(); // what a policy has passed over is not handed over
                stands_ = standing::finished;
                co_return result<void>();
            case kind::deliver: stands_ = standing::holding; co_return result<void>();
            case kind::fail:
                co_return error(plan_.failure()->code(), about_next(topic_, options),
                                plan_.failure()->cause());
            case kind::report: co_return refusal_;
            case kind::pause:
            case kind::idle: co_return rest(action);
            case kind::look:
            case kind::probe:
            case kind::read: break;
            }
            if (!desk_->is_open() || ahead_.stopped())
                co_return result<void>();
            auto const went_well = co_await carry_out(op, options, action);
            if (!went_well || stands_ != standing::due)
                co_return went_well;
        }
    }

    /// Takes in what a list says of the partition, which may not be in it, for a plan that waits to be told.
    /// Whether that is new.
    bool hear(partition_info const* seen)
    {
        plan_event const now = event_of(seen);
        if (known_ && known_->what == now.what && known_->earliest == now.earliest &&
            known_->latest == now.latest)
            return false;
        known_ = event_ = now;
        return true;
    }

    /// The batch that there is; none when the plan does not hold one.
    held_batch hand_over()
    {
        if (stands_ != standing::holding)
            return held_batch();
        stands_ = standing::due; // what that leads to is said to the one who follows the plan next
        plan_.resume({.what = plan_event::kind::delivery, .next = arrived_.records.next_offset()});
        held_batch out = std::exchange(arrived_, held_batch());
        out.records = out.records.followed_by(plan_.position().value_or(out.records.next_offset()));
        return out;
    }

    /// Gives up what is under way; what has arrived stays.
    void stop()
    {
        ahead_.stop();
        work_.close();
    }

    /// Ends a stop().
    void go_on() { ahead_.go_on(); }

private:
    friend class read_ahead<Lazy>;

    static plan_event event_of(partition_info const* seen)
    {
        if (!seen || !seen->available())
            return {.what = plan_event::kind::unavailable};
        return {.what = plan_event::kind::watermarks,
                .earliest = seen->earliest_offset,
                .latest = seen->latest_offset};
    }

    result<void> rest(plan_action const& action)
    {
        stands_ = action.what == plan_action::kind::idle ? standing::idle : standing::resting;
        until_ = steady_clock::now() + pause_of(action.pause);
        return result<void>();
    }

    /// Does what the plan wants; `event_` is what it is to be told of that. What fails may be a refusal.
    task carry_out(operation_ptr op, call_options const& options, plan_action const& what)
    {
        result<void> went_well;
        if (what.what == plan_action::kind::look) {
            went_well = co_await look(op, options);
            co_return went_well;
        }
        std::optional<fetched> read;
        if (what.what == plan_action::kind::read)
            went_well = co_await await_read(op, options, what, read);
        else
            went_well = co_await probe(op, options, what, read);
        if (!went_well || !read)
            co_return went_well;
        co_return take_in(what, std::move(*read));
    }

    /// What the plan is to be told of an answer, and what is to be handed over of it.
    result<void> take_in(plan_action const& what, fetched read)
    {
        event_ = judge<Lazy>(what, read.batch, arrived_.records);
        if (what.what == plan_action::kind::read)
            arrived_.kept = event_.first ? std::move(read.kept) : allowance<>();
        if (read.batch)
            return result<void>();
        if (event_.what != plan_event::kind::refusal)
            return read.batch.error();
        refusal_ = read.batch.error();
        return result<void>();
    }

    task look(operation_ptr op, call_options const& options)
    {
        op->deadline(owner_->deadline(std::nullopt));
        auto request = rest_calls<Lazy>(*owner_, "consume", options).partition(topic_, partition_);
        partition_info seen;
        auto const asked = co_await ask(op, owner_, std::move(request), &parse_partition<Lazy>, seen);
        if (!asked)
            co_return asked;
        event_ = event_of(&seen);
        known_ = event_;
        co_return asked;
    }

    /// Reads off the way; nothing when there is no room for that now, or when more room is needed.
    task probe(operation_ptr op, call_options const& options, plan_action const& what,
               std::optional<fetched>& out)
    {
        auto kept = ahead_.probe(what.count);
        if (!kept) {
            stands_ = ahead_.stopped() ? standing::due : standing::in_line;
            co_return result<void>();
        }
        op->deadline(owner_->deadline(std::nullopt));
        std::size_t const limit = kept->bytes();
        fetched read;
        read.kept = std::move(*kept);
        batch_request const asked(partition_, what.offset, what.count, what.end);
        auto const went_well = co_await fetch(op, options, asked, nullptr, read);
        if (!went_well)
            co_return went_well;
        bool const exceeded = exceeds(read, limit);
        if (exceeded)
            ahead_.probe_exceeded(what.count, limit);
        if (!exceeded || what.count > 1) // the plan is to ask for fewer; of one there will be more room
            out = std::move(read);
        co_return went_well;
    }

    /// Fails only when it is interrupted, or was never made; `listener`, if any, hears of the answer's
    /// header. `out` has what the answer may take.
    task fetch(operation_ptr op, call_options const& options, batch_request const& asked,
               header_listener* listener, fetched& out)
    {
        auto const request = rest_calls<Lazy>(*owner_, "consume", options).fetch(topic_, asked);
        if (!request)
            co_return request.error();
        request.value()->on_header = listener;
        request.value()->limits.body(out.kept.bytes());
        call_answer answer;
        auto const read = co_await call<Lazy>(op, owner_->http(), *request.value(), answer);
        if (!read && op->stopped())
            co_return read;
        answer.response.body.shrink(); // what is kept alive is what is accounted for
        std::size_t const bytes = answer.response.body.size();
        out.batch = read ? read_batch<Lazy>(answer, asked) : result<record_batch>(read.error());
        std::size_t const records = out.batch ? out.batch.value().size() : 0;
        out.kept.settle(records != 0 ? bytes + records * sizeof(record_view) : 0);
        co_return result<void>();
    }

    /// Whether the answer was larger than `limit`, and may be read with a larger one.
    bool exceeds(fetched const& read, std::size_t limit) const
    {
        return !read.batch && read.batch.error().code() == errc::body_too_large &&
               limit < desk_->bounds().body;
    }

    /// Waits for the read at the stream's position, which may have been made long ago; nothing when there is
    /// no room for it now.
    task await_read(operation_ptr op, call_options const& options, plan_action const& what,
                    std::optional<fetched>& out)
    {
        op->deadline(steady_clock::time_point::max()); // the reads have their own
        for (;;) {
            waiters<>::place place(this->shared_from_this(), ahead_.arrivals(), *op);
            out = ahead_.take(what, options.request_id(), &place);
            start_reads(true);
            if (out || ahead_.stopped())
                co_return result<void>();
            if (ahead_.refused()) {
                stands_ = standing::in_line;
                co_return result<void>();
            }
            auto const arrived = co_await place.wait("waiting for records");
            if (!arrived)
                co_return interruption(*op, about_next(topic_, options));
        }
    }

    /// Starts the reads that are due.
    // NOLINTNEXTLINE(misc-no-recursion): a read that has arrived starts the next, as an operation of its own
    void start_reads(bool waits)
    {
        while (auto due = ahead_.next(waits)) {
            auto const op = owner_->http()->make_operation(owner_->deadline(std::nullopt));
            start(op, std::make_unique<read_ahead<Lazy>>(this->shared_from_this(), std::move(*due)));
        }
    }

    milliseconds pause_of(milliseconds wanted) const
    {
        return std::min(jittered(wanted, owner_->http()->random().unit()), client_core<>::longest);
    }

    void tell(records_skipped skipped) const
    {
        skipped.topic = topic_;
        skipped.partition = partition_;
        if (observer const& watcher = owner_->options().observer())
            watcher(skipped);
    }

    client_ptr const owner_;
    desk_ptr const desk_;
    std::string const topic_;
    std::int32_t const partition_;
    partition_plan plan_;
    plan_event event_;                ///< Of which the plan has not been told yet.
    std::optional<plan_event> known_; ///< What the last look or list said.
    result<void> refusal_;            ///< The last one, in the service's words.
    held_batch arrived_;              ///< Read, not handed over yet.
    standing stands_ = standing::due;
    steady_clock::time_point until_;
    reads_ahead<Lazy> ahead_;
    std::optional<error> const unfit_; ///< Why nothing can be read as it is wanted, a checkpoint included.
    children<Lazy> work_;              ///< The one who follows the plan, and the reads.
};

} // namespace hdikafka::inline v0_1::detail

#endif
