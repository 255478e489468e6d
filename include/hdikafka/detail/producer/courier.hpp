// Who acts on a producer's plan in the background.
#ifndef HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/client/unanswered.hpp>
#include <hdikafka/detail/producer/producer.hpp>
#include <hdikafka/detail/producer/service_pace.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Takes one batch of a lane, and sends it.
template <class Lazy>
class producer_state<Lazy>::courier final : public child<>
{
public:
    courier(self_ptr producer, lane_ptr from) noexcept
        : producer_(std::move(producer)), lane_(std::move(from))
    {}

    task run(operation_ptr op) override
    {
        auto due = look(op);
        while (due && steady_clock::now() < *due && !op->interrupted()) {
            co_await op->park(*due);
            due = look(op);
        }
        if (op->interrupted())
            co_return error(errc::closed, "the client is closed");
        board();
        bool landed = true;
        while (landed && !op->stopped() && departs()) {
            result<receipt> outcome = receipt();
            auto const sent = co_await send(op, outcome);
            if (!sent)
                outcome = sent.error();
            if (!sent && goes_in_halves(sent.error()))
                halve();
            else
                landed = land(outcome);
        }
        co_return result<void>(); // halves that have not been sent have a time of their own
    }

    /// What is left was not sent, but for the next flight when something of its request was written.
    void ended(result<void> const& outcome) noexcept override
    {
        send_plan& plan = producer_->plan_;
        std::unique_lock lock(producer_->mutex_);
        if (!outcome && (!boarded_ || outcome.error().code() == errc::closed))
            producer_->stop(outcome.error());
        if (!outcome && !flights_.empty()) {
            auto const claim = flights_.back().written ? persistence::possibly : persistence::none;
            error const& why = outcome.error();
            diagnostics info = producer_error(why.code(), "send", lane_->topic, why.cause(), claim).info();
            info.retriable(false); // or it would be put back
            plan.land(flights_.back(), error(why.code(), std::move(info), why.cause()), steady_clock::now());
            flights_.pop_back();
        }
        for (flight& unsent : flights_)
            plan.put_back(*lane_, unsent, steady_clock::now());
        if (producer_->given_up_)
            plan.give_up(outcome ? error(errc::closed, closed_text) : outcome.error());
        plan.returned(lane_, boarded_);
        producer_->act(lock);
    }

private:
    /// When to board, of which `op` is told when that changes; nullopt when there is nothing to send.
    std::optional<steady_clock::time_point> look(operation_ptr const& op)
    {
        std::unique_lock lock(producer_->mutex_);
        lane_->waiting.assign(1, op);
        auto const due = producer_->plan_.look(*lane_, steady_clock::now());
        producer_->act(lock);
        return due;
    }

    void board()
    {
        std::unique_lock lock(producer_->mutex_);
        if (lane_->queue.empty())
            return;
        flights_.emplace_back();
        boarded_ = true;
        producer_->plan_.board(lane_, flights_.back(), steady_clock::now());
        producer_->act(lock);
    }

    /// Whether there is another batch to send, which is now thought of as written: a call does not tell when
    /// it begins to write.
    bool departs()
    {
        std::unique_lock lock(producer_->mutex_);
        auto const now = steady_clock::now();
        while (!flights_.empty() && !producer_->plan_.departs(flights_.back(), now)) {
            producer_->plan_.put_back(*lane_, flights_.back(), now); // of which nothing is left
            flights_.pop_back();
        }
        producer_->act(lock);
        return !flights_.empty();
    }

    /// Sends the next batch: one call, with its own time.
    task send(operation_ptr op, result<receipt>& outcome)
    {
        client_core<>& core = *producer_->owner_;
        flight& now = flights_.back();
        op->deadline(core.deadline(std::nullopt));
        call_options const none;
        auto const content = [](pending_ptr const& one) -> record const& { return one->content; };
        auto request =
            rest_calls<>(core, "send", none).produce_body(lane_->topic, write_records(now.batch, content));
        if (!request)
            co_return request.error();
        retry_policy& retry = request.value()->retry;
        retry.at_least_once(producer_->options_.at_least_once());
        if (!retry.at_least_once() && !request.value()->topic_exists)
            retry.max_retries(0); // what can be sent again goes back to the lane, and rests there
        call_answer answer;
        silence_watch<> silence;
        silence.begin(op, producer_->owner_, *request.value());
        auto const sent = co_await call<>(op, producer_->owner_->http(), *request.value(), answer);
        now.retries += answer.attempts > 1 ? static_cast<std::size_t>(answer.attempts - 1) : 0;
        if (!sent)
            co_return sent;
        outcome = read_receipt<>(answer, now.batch.size());
        co_return result<void>();
    }

    /// Whether the service has said that the batch, or one of its records, is too large, and has written
    /// nothing, or may write it twice.
    bool goes_in_halves(error const& why) const
    {
        bool const harmless =
            why.info().persisted() == persistence::none || producer_->options_.at_least_once();
        return why.code() == errc::too_large && harmless && flights_.back().batch.size() > 1;
    }

    void halve()
    {
        auto const later = flights_.emplace(std::prev(flights_.end()));
        std::unique_lock lock(producer_->mutex_);
        producer_->plan_.halve(flights_.back(), *later);
        producer_->act(lock);
    }

    /// False when the batch was put back; those behind it are to follow.
    bool land(result<receipt> const& outcome)
    {
        double const share = outcome ? 0 : producer_->draw_share();
        std::unique_lock lock(producer_->mutex_);
        bool const landed = producer_->plan_.land(flights_.back(), outcome, steady_clock::now(), share);
        flights_.pop_back();
        if (producer_->given_up_)
            producer_->plan_.give_up(error(errc::closed, closed_text));
        producer_->act(lock);
        return landed;
    }

    self_ptr const producer_;
    lane_ptr const lane_;
    std::list<flight> flights_; ///< Those that have not landed; the last one is the next.
    bool boarded_ = false;
};

/// Asks how many partitions a topic has, and which of them can be used.
template <class Lazy>
class producer_state<Lazy>::partition_query final : public child<>
{
public:
    partition_query(self_ptr producer, std::string topic) noexcept
        : producer_(std::move(producer)), topic_(std::move(topic))
    {}

    task run(operation_ptr op) override
    {
        auto due = look(op);
        while (due && steady_clock::now() < *due && !op->interrupted()) {
            co_await op->park(*due);
            due = look(op);
        }
        needed_ = due.has_value(); // otherwise the topic is forgotten
        if (!needed_)
            co_return result<void>();
        if (op->interrupted() || producer_->given_up())
            co_return error(errc::closed, closed_text);
        begin();
        client_core<>& core = *producer_->owner_;
        op->deadline(core.deadline(std::nullopt));
        call_options const none;
        auto request = rest_calls<>(core, "send", none).partitions(topic_);
        if (request) // after that it is asked again in the end
            request.value()->retry.max_delay(std::min(request.value()->retry.max_delay(), longest_rest));
        auto const asked = co_await ask(op, producer_->owner_, std::move(request), &shape_of, shape_);
        count_ = asked ? result<std::int32_t>(shape_.count) : asked.error();
        if (!asked)
            share_ = producer_->draw_share();
        co_return result<void>();
    }

    void ended(result<void> const& outcome) noexcept override
    {
        std::unique_lock lock(producer_->mutex_);
        if (!outcome && outcome.error().code() == errc::closed)
            producer_->stop(outcome.error());
        if (needed_)
            producer_->plan_.partitions(topic_, outcome ? count_ : outcome.error(), steady_clock::now(),
                                        std::move(shape_.usable), share_);
        producer_->act(lock);
    }

private:
    /// When to ask, of which `op` is told when that changes; nullopt when nobody needs to know any more.
    std::optional<steady_clock::time_point> look(operation_ptr const& op)
    {
        std::unique_lock lock(producer_->mutex_);
        auto const due = producer_->plan_.ask_at(topic_, op, steady_clock::now());
        producer_->act(lock);
        return due;
    }

    void begin()
    {
        std::lock_guard const lock(producer_->mutex_);
        producer_->plan_.asks(topic_, steady_clock::now());
    }

    static result<topic_shape> shape_of(std::string_view body)
    {
        auto const found = parse_partitions(body);
        if (!found)
            return found.error();
        return topic_shape::of(found.value());
    }

    self_ptr const producer_;
    std::string const topic_;
    topic_shape shape_;
    result<std::int32_t> count_ = 0;
    double share_ = 0; ///< Of the rest before the question is asked again.
    bool needed_ = true;
};

} // namespace hdikafka::inline v0_1::detail

#endif
