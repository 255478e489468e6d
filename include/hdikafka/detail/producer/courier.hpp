// A producer's operations, and its work in the background.
#ifndef HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/producer/producer.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/registry.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Sends the courier's next batch: one call, with its own time.
template <class = void>
task send_batch(operation_ptr op, courier<>& from, result<receipt>& outcome)
{
    client_ptr const owner = from.owner->owner;
    flight& now = from.flights.back();
    op->deadline(owner->deadline(std::nullopt));
    call_options const none;
    auto spec = rest_calls<>(*owner, "send", none)
                    .produce_body(from.where->topic,
                                  write_records(now.batch, [](pending_ptr const& one) -> record const& {
                                      return one->content;
                                  }));
    if (!spec)
        co_return spec.error();
    spec.value()->retry.at_least_once(from.owner->options.at_least_once());
    call_answer answer;
    from.sending = true;
    auto const sent = co_await call<>(op, owner->http(), *spec.value(), answer);
    now.retries += answer.attempts > 1 ? static_cast<std::size_t>(answer.attempts - 1) : 0;
    if (!sent)
        co_return sent;
    outcome = read_receipt<>(answer, now.batch.size());
    co_return result<void>();
}

/// Whether the batch is to go in halves: the service has said that it is too large, and written nothing.
inline bool goes_in_halves(error const& failure, flight const& batch)
{
    return failure.code() == errc::too_large && failure.info().persisted() == persistence::none &&
           batch.batch.size() > 1;
}

/// What was thrown on the way, by a function that an option holds or for want of memory, as the error of its
/// records.
inline error thrown_error(std::string topic, persistence claim)
{
    try {
        throw;
    } catch (error const& thrown) {
        return producer_error(thrown.code(), "send", std::move(topic), thrown.cause(), claim);
    } catch (std::bad_alloc const&) {
        return producer_error(std::make_error_code(std::errc::not_enough_memory), "send", std::move(topic),
                              "no memory is left", claim);
    } catch (std::exception const& thrown) {
        return producer_error(errc::invalid_option, "send", std::move(topic),
                              std::string("a function of the options threw: ") + thrown.what(), claim);
    } catch (...) {
        return producer_error(errc::invalid_option, "send", std::move(topic),
                              "a function of the options threw what is no std::exception", claim);
    }
}

template <class = void>
task run_courier(operation_ptr op, std::unique_ptr<courier<>> one)
{
    producer_ptr const producer = one->owner;
    registration<> const entry(producer->owner->http()->background(), op);
    auto due = producer->due(*one);
    while (entry.added() && due && steady_clock::now() < *due && !op->interrupted()) {
        co_await op->park(*due);
        due = producer->due(*one);
    }
    one->done = true;
    if (!entry.added() || op->interrupted()) {
        producer->give_up("the client is closed");
        co_return result<void>();
    }
    producer->board(*one);
    while (!one->flights.empty()) {
        result<receipt> outcome = receipt();
        result<void> sent;
        try {
            sent = co_await send_batch<>(op, *one, outcome);
            if (!sent && goes_in_halves(sent.error(), one->flights.back())) {
                producer->halve(*one);
                continue;
            }
        } catch (...) {
            sent = thrown_error(one->where->topic, one->sending ? persistence::possibly : persistence::none);
        }
        if (!sent)
            outcome = sent.error();
        producer->land(*one, outcome);
        if (op->stopped() == errc::timed_out)
            producer->put_back(*one); // the other halves have a time of their own
    }
    co_return result<void>();
}

/// How many partitions the topic has.
template <class = void>
task count_partitions(operation_ptr op, client_ptr owner, std::string topic, result<std::int32_t>& count)
{
    op->deadline(owner->deadline(std::nullopt));
    call_options const none;
    auto spec = rest_calls<>(*owner, "send", none).partitions(std::move(topic));
    if (!spec)
        co_return spec.error();
    call_answer answer;
    auto const asked = co_await call<>(op, owner->http(), *spec.value(), answer);
    if (!asked)
        co_return asked;
    auto const found = read_partitions_answer<>(answer);
    if (!found)
        co_return found.error();
    if (found.value().empty() || found.value().size() > std::numeric_limits<std::int32_t>::max())
        co_return answer.unreadable(error(errc::invalid_response, "the topic has no partitions"));
    count = static_cast<std::int32_t>(found.value().size());
    co_return result<void>();
}

template <class = void>
task run_inquiry(operation_ptr op, std::unique_ptr<partition_query<>> one)
{
    client_ptr const owner = one->owner->owner;
    registration<> const entry(owner->http()->background(), op);
    result<std::int32_t> count = error(errc::closed, "the client is closed");
    if (entry.added()) {
        result<void> asked;
        try {
            asked = co_await count_partitions<>(op, owner, one->topic, count);
        } catch (...) {
            asked = thrown_error(one->topic, persistence::none);
        }
        if (!asked)
            count = asked.error();
    }
    one->owner->learn(*one, count);
    co_return result<void>();
}

// Not at once: what the executor is about to send travels together then.
template <class>
void start_job(operation_ptr const& op, std::unique_ptr<courier<>> one)
{
    run_detached(op, run_courier<>(op, std::move(one)), true);
}

template <class>
void start_job(operation_ptr const& op, std::unique_ptr<partition_query<>> one)
{
    run_detached(op, run_inquiry<>(op, std::move(one)));
}

/// Holds a sender's place: with its coroutine destroyed, nobody waits for the record.
template <class = void>
class send_place
{
public:
    send_place(producer_ptr producer, awaited_ptr sent)
        : producer_(std::move(producer)), sent_(std::move(sent))
    {}
    send_place(send_place const&) = delete;
    send_place& operator=(send_place const&) = delete;
    ~send_place() { producer_->withdraw(*sent_); }

private:
    producer_ptr producer_;
    awaited_ptr sent_;
};

/// The receipt of one record; throws when there is none.
inline receipt receipt_of(pending_send const& one)
{
    if (one.failure)
        throw *one.failure;
    return receipt(std::vector<record_outcome>(1, one.outcome));
}

/// Waits for the record's outcome.
template <class = void>
task await_outcome(operation_ptr op, producer_ptr producer, awaited_ptr sent)
{
    while (!producer->answered(*sent)) {
        co_await op->park();
        if (!op->interrupted())
            continue;
        auto const claim = producer->withdraw(*sent);
        if (!claim)
            break;
        bool const sure = *claim == persistence::none;
        co_return producer_error(op->stopped(), "send", sent->topic,
                                 sure ? "waiting to be sent" : "waiting for the answer to its batch", *claim);
    }
    co_return result<void>();
}

template <class = void>
net::awaitable<receipt> send_record(producer_ptr producer, std::string topic, record one,
                                    call_options options)
{
    auto const op = producer->owner->http()->make_operation(producer->owner->deadline(options.timeout()));
    if (op->time_left() <= milliseconds(0))
        throw producer_error(errc::timed_out, "send", std::move(topic), "there was no time for the call");
    auto const sent = producer->submit(std::move(topic), std::move(one), op);
    send_place<> const place(producer, sent);
    task work = await_outcome<>(op, producer, sent);
    op->runs(work);
    co_await run_operation<>(op);
    work.outcome().value();
    co_return receipt_of(*sent);
}

/// Waits for the outcome of a record that goes on whoever waits.
template <class = void>
task await_delivery(operation_ptr op, producer_ptr producer, awaited_ptr sent)
{
    while (!producer->answered(*sent)) {
        bool const going_on = co_await op->park();
        if (!going_on)
            co_return producer_error(op->stopped(), "send", sent->topic, "waiting for its receipt",
                                     persistence::possibly);
    }
    co_return result<void>();
}

/// The one who waits for a delivery.
template <class = void>
class delivery_place
{
public:
    delivery_place(producer_ptr producer, awaited_ptr sent, operation_ptr const& op)
        : producer_(std::move(producer)), sent_(std::move(sent))
    {
        if (!producer_->wait_for(*sent_, op))
            throw producer_error(errc::already_running, "send", sent_->topic,
                                 "somebody else waits for this receipt");
    }
    delivery_place(delivery_place const&) = delete;
    delivery_place& operator=(delivery_place const&) = delete;
    ~delivery_place() { producer_->leave_alone(*sent_); }

private:
    producer_ptr producer_;
    awaited_ptr sent_;
};

template <class = void>
net::awaitable<receipt> await_receipt(producer_ptr producer, awaited_ptr sent, call_options options)
{
    if (!sent)
        throw producer_error(errc::invalid_option, "send", std::string(),
                             "there is no receipt of a record that was not taken");
    auto const op = producer->owner->http()->make_operation(producer->owner->deadline(options.timeout()));
    delivery_place<> const place(producer, sent, op);
    task work = await_delivery<>(op, producer, sent);
    op->runs(work);
    co_await run_operation<>(op);
    work.outcome().value();
    co_return receipt_of(*sent);
}

template <class = void>
task await_flush(operation_ptr op, producer_state<>::flush_place const& place, std::string_view operation)
{
    while (!place.done()) {
        bool const going_on = co_await op->park();
        if (!going_on)
            co_return producer_error(op->stopped(), operation, std::string(),
                                     "records are still on their way");
    }
    co_return result<void>();
}

template <class = void>
net::awaitable<void> flush_producer(producer_ptr producer, call_options options, bool closing)
{
    auto const op = producer->owner->http()->make_operation(producer->owner->deadline(options.timeout()));
    producer_state<>::flush_place const place(producer, op, closing);
    task work = await_flush<>(op, place, closing ? "close" : "flush");
    op->runs(work);
    co_await run_operation<>(op);
    auto const flushed = work.outcome();
    if (!flushed && closing)
        producer->give_up("the producer was closed");
    flushed.value();
}

} // namespace hdikafka::inline v0_1::detail

#endif
