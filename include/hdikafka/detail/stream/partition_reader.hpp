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

/// What a read has brought, a failure perhaps, and how many bytes came.
class fetched
{
public:
    result<record_batch> batch;
    std::size_t bytes = 0;
};

template <class Lazy>
class read_ahead;

/// One partition of a stream. All belongs to the one who follows the plan, and to nobody in between; but the
/// reads ahead, which keep the reader, go on by themselves, and stop() is for any thread. Its coroutines need
/// it until they end.
template <class Lazy>
class partition_reader : public std::enable_shared_from_this<partition_reader<Lazy>>
{
public:
    /// From where `saved` says, if there is one.
    partition_reader(client_ptr owner, std::string topic, std::int32_t partition, consume_options wanted,
                     checkpoint const* saved = nullptr)
        : owner_(std::move(owner)),
          topic_(std::move(topic)),
          partition_(partition),
          plan_(saved ? wanted.from(saved->next_offset) : wanted),
          ahead_(wanted),
          unfit_(check_consume(wanted))
    {
        if (saved && saved->last_timestamp && saved->last_timestamp->time_since_epoch().count() >= 0)
            plan_.expect(saved->last_offset, saved->last_timestamp->time_since_epoch().count());
    }

    std::int32_t partition() const noexcept { return partition_; }
    std::optional<std::int64_t> position() const noexcept { return plan_.position(); }
    bool caught_up() const noexcept { return plan_.caught_up(); }

    /// Whether there is a batch to hand over.
    bool holds() const noexcept { return !arrived_.empty(); }

    /// Follows the plan until there is a batch to hand over, or an end.
    task follow(operation_ptr op, call_options options)
    {
        using kind = plan_action::kind;
        if (unfit_)
            co_return error(unfit_->code(), about_next(topic_, options), unfit_->cause());
        auto const due = op->deadline();
        plan_event event;
        result<void> went_well;
        for (;;) {
            // A pause goes on where whoever began it was interrupted.
            if (steady_clock::now() < look_again_at_) {
                op->deadline(due);
                bool const in_time = co_await op->rest(look_again_at_);
                if (!in_time)
                    co_return error(op->stopped(), about_next(topic_, options), "nothing new has arrived");
            }
            plan_action const action = plan_.resume(event);
            if (action.skipped)
                tell(*action.skipped);
            switch (action.what) {
            case kind::finish:
                arrived_ = record_batch(); // what a policy has passed over is not handed over
                co_return result<void>();
            case kind::deliver: co_return result<void>();
            case kind::fail:
                co_return error(plan_.failure()->code(), about_next(topic_, options),
                                plan_.failure()->cause());
            case kind::report: co_return went_well;
            case kind::pause:
            case kind::idle:
                look_again_at_ = steady_clock::now() + pause_of(action.pause);
                event = plan_event();
                continue;
            case kind::read: op->deadline(due); break;
            case kind::look:
            case kind::probe: op->deadline(std::min(due, steady_clock::now() + total_timeout())); break;
            }
            went_well = co_await carry_out(op, options, action, event);
            if (!went_well && event.what != plan_event::kind::refusal)
                co_return went_well;
        }
    }

    /// The batch that there is; empty when there is none.
    record_batch hand_over()
    {
        if (holds()) // what is due then is said to the one who follows the plan next
            plan_.resume({.what = plan_event::kind::delivery, .next = arrived_.next_offset()});
        return std::exchange(arrived_, record_batch());
    }

    /// Gives up the reads ahead; what has arrived stays.
    void stop()
    {
        ahead_.stop();
        reads_.close();
    }

private:
    friend class read_ahead<Lazy>;

    /// Does what the plan wants; `event` is what it is to be told of that. What fails may be a refusal.
    task carry_out(operation_ptr op, call_options const& options, plan_action const& what, plan_event& event)
    {
        event = plan_event();
        result<void> went_well;
        if (what.what == plan_action::kind::look) {
            went_well = co_await look(op, options, event);
            co_return went_well;
        }
        fetched read;
        batch_request const asked(partition_, what.offset, what.count, what.end);
        if (what.what == plan_action::kind::read)
            went_well = co_await await_read(op, options, what, read.batch);
        else
            went_well = co_await fetch(op, options, asked, nullptr, read);
        if (!went_well)
            co_return went_well;
        event = judge<Lazy>(what, read.batch, arrived_);
        if (!read.batch)
            co_return read.batch.error();
        co_return result<void>();
    }

    task look(operation_ptr op, call_options const& options, plan_event& event)
    {
        auto request = rest_calls<Lazy>(*owner_, "consume", options).partition(topic_, partition_);
        partition_info seen;
        auto const asked = co_await ask(op, owner_, std::move(request), &parse_partition<Lazy>, seen);
        if (!asked)
            co_return asked;
        event = {.what = plan_event::kind::watermarks,
                 .earliest = seen.earliest_offset,
                 .latest = seen.latest_offset};
        co_return asked;
    }

    /// Fails only when it is interrupted, or was never made; `listener`, if any, hears of the answer's
    /// header.
    task fetch(operation_ptr op, call_options const& options, batch_request const& asked,
               header_listener* listener, fetched& out)
    {
        auto const request = rest_calls<Lazy>(*owner_, "consume", options).fetch(topic_, asked);
        if (!request)
            co_return request.error();
        request.value()->on_header = listener;
        call_answer answer;
        auto const read = co_await call<Lazy>(op, owner_->http(), *request.value(), answer);
        if (!read && op->stopped())
            co_return read;
        out.bytes = answer.response.body.size();
        out.batch = read ? read_batch<Lazy>(answer, asked) : result<record_batch>(read.error());
        co_return result<void>();
    }

    /// Waits for the read at the stream's position, which may have been made long ago.
    task await_read(operation_ptr op, call_options const& options, plan_action const& what,
                    result<record_batch>& outcome)
    {
        for (;;) {
            waiters<>::place place(this->shared_from_this(), ahead_.arrivals(), *op);
            auto taken = ahead_.take(what, options.request_id(), &place);
            start_reads();
            if (taken) {
                outcome = std::move(*taken);
                co_return result<void>();
            }
            auto const arrived = co_await place.wait("waiting for records");
            if (!arrived)
                co_return interruption(*op, about_next(topic_, options));
        }
    }

    /// Starts the reads that are due.
    // NOLINTNEXTLINE(misc-no-recursion): a read that has arrived starts the next, as an operation of its own
    void start_reads()
    {
        while (auto const due = ahead_.next()) {
            auto const op = owner_->http()->make_operation(owner_->deadline(std::nullopt));
            reads_.start(op, std::make_unique<read_ahead<Lazy>>(this->shared_from_this(), *due),
                         owner_->http()->background());
        }
    }

    milliseconds pause_of(milliseconds wanted) const
    {
        return std::min(jittered(wanted, owner_->http()->random().unit()), client_core<>::longest);
    }

    milliseconds total_timeout() const { return owner_->options().total_timeout(); }

    void tell(records_skipped skipped) const
    {
        skipped.topic = topic_;
        skipped.partition = partition_;
        if (observer const& watcher = owner_->options().observer())
            watcher(skipped);
    }

    client_ptr const owner_;
    std::string const topic_;
    std::int32_t const partition_;
    partition_plan plan_;
    record_batch arrived_;                   ///< Read, not handed over yet.
    steady_clock::time_point look_again_at_; ///< Nothing new is looked for before.
    reads_ahead<Lazy> ahead_;
    std::optional<error> const unfit_; ///< Why nothing can be read as it is wanted, a checkpoint included.
    children<Lazy> reads_;
};

/// A read that is made before somebody waits for it.
template <class Lazy>
class read_ahead final : public child<Lazy>, private header_listener
{
public:
    read_ahead(std::shared_ptr<partition_reader<Lazy>> reader, range_read what)
        : reader_(std::move(reader)),
          what_(what),
          asked_(reader_->partition_, what.offset, what.count, what.end)
    {}

    task run(operation_ptr op) override
    {
        begun_ = true;
        call_options options;
        options.request_id(reader_->ahead_.request_id());
        auto const went_well = co_await reader_->fetch(op, options, asked_, this, read_);
        if (!went_well)
            co_return went_well;
        land(std::move(read_.batch));
        reader_->start_reads();
        co_return went_well;
    }

    void ended(result<void> const& outcome) noexcept override
    {
        if (!begun_)
            return reader_->ahead_.stop(); // the client is closed: whoever waits is told so, and asks no more
        if (landed_)
            return;
        if (outcome || outcome.error().code() == errc::closed)
            return reader_->ahead_.forgotten(what_.id);
        land(outcome.error());
    }

private:
    /// The next read starts as soon as the answer's header says from where.
    void header(response_parser const& answer) override
    {
        auto const next = parse_next_offset(answer.field("nextoffset"));
        if (answer.status() != 200 || !next || !next.value())
            return;
        reader_->ahead_.told(what_.id, *next.value());
        reader_->start_reads();
    }

    void land(result<record_batch> batch)
    {
        landed_ = true;
        reader_->ahead_.arrived(what_, std::move(batch), read_.bytes);
    }

    std::shared_ptr<partition_reader<Lazy>> const reader_;
    range_read const what_;
    batch_request const asked_;
    fetched read_;
    bool begun_ = false;
    bool landed_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
