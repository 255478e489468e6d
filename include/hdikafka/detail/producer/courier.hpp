// Who acts on a producer's plan in the background.
#ifndef HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_COURIER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/client/unanswered.hpp>
#include <hdikafka/detail/producer/producer.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
        while (!flights_.empty() && !op->stopped()) {
            result<receipt> outcome = receipt();
            auto const sent = co_await send(op, outcome);
            if (!sent)
                outcome = sent.error();
            if (!sent && goes_in_halves(sent.error()))
                halve();
            else
                land(outcome);
        }
        co_return result<void>(); // halves that have not been sent have a time of their own
    }

    /// What is left was not sent, but for the next flight when its request was under way.
    void ended(result<void> const& outcome) noexcept override
    {
        send_plan& plan = producer_->plan_;
        std::unique_lock lock(producer_->mutex_);
        if (!outcome && (!boarded_ || outcome.error().code() == errc::closed))
            producer_->stop(outcome.error());
        if (!outcome && !flights_.empty()) {
            auto const claim = sending_ ? persistence::possibly : persistence::none;
            error const& why = outcome.error();
            plan.land(flights_.back(), producer_error(why.code(), "send", lane_->topic, why.cause(), claim),
                      steady_clock::now());
            flights_.pop_back();
        }
        for (flight& unsent : flights_)
            plan.put_back(lane_, unsent);
        if (producer_->given_up_)
            plan.give_up(outcome ? error(errc::closed, closed_text) : outcome.error());
        plan.returned(lane_, boarded_);
        producer_->act(lock);
    }

private:
    /// When to board, of which `op` is told when that changes; nullopt when there is nothing to send.
    std::optional<steady_clock::time_point> look(operation_ptr const& op)
    {
        std::lock_guard const lock(producer_->mutex_);
        lane_->waiting.assign(1, op);
        return producer_->plan_.due(*lane_);
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
        request.value()->retry.at_least_once(producer_->options_.at_least_once());
        call_answer answer;
        sending_ = true;
        silence_watch<> silence;
        silence.begin(op, producer_->owner_, *request.value());
        auto const sent = co_await call<>(op, producer_->owner_->http(), *request.value(), answer);
        now.retries += answer.attempts > 1 ? static_cast<std::size_t>(answer.attempts - 1) : 0;
        if (!sent)
            co_return sent;
        outcome = read_receipt<>(answer, now.batch.size());
        co_return result<void>();
    }

    /// Whether the service has said that the batch is too large, and written nothing.
    bool goes_in_halves(error const& why) const
    {
        return why.code() == errc::too_large && why.info().persisted() == persistence::none &&
               flights_.back().batch.size() > 1;
    }

    void halve()
    {
        auto const later = flights_.emplace(std::prev(flights_.end()));
        std::unique_lock lock(producer_->mutex_);
        *later = producer_->plan_.halve(flights_.back());
        producer_->act(lock);
    }

    void land(result<receipt> const& outcome)
    {
        std::unique_lock lock(producer_->mutex_);
        producer_->plan_.land(flights_.back(), outcome, steady_clock::now());
        flights_.pop_back();
        sending_ = false;
        producer_->act(lock);
    }

    self_ptr const producer_;
    lane_ptr const lane_;
    std::vector<flight> flights_; ///< Those that have not landed; the last one is the next.
    bool boarded_ = false;
    bool sending_ = false; ///< The next flight's request is under way, or was.
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
        if (producer_->given_up())
            co_return error(errc::closed, closed_text);
        client_core<>& core = *producer_->owner_;
        op->deadline(core.deadline(std::nullopt));
        call_options const none;
        auto request = rest_calls<>(core, "send", none).partitions(topic_);
        auto const asked = co_await ask(op, producer_->owner_, std::move(request), &shape_of, shape_);
        count_ = asked ? result<std::int32_t>(shape_.count) : asked.error();
        co_return result<void>();
    }

    void ended(result<void> const& outcome) noexcept override
    {
        std::unique_lock lock(producer_->mutex_);
        if (!outcome && outcome.error().code() == errc::closed)
            producer_->stop(outcome.error());
        producer_->plan_.partitions(topic_, outcome ? count_ : outcome.error(), steady_clock::now(),
                                    std::move(shape_.usable));
        producer_->act(lock);
    }

private:
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
};

} // namespace hdikafka::inline v0_1::detail

#endif
