// A producer: its plan under a lock, those who wait for it, and who acts on it.
#ifndef HDIKAFKA_DETAIL_PRODUCER_PRODUCER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_PRODUCER_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/producer/rules.hpp>
#include <hdikafka/detail/producer/send_plan.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Thread-safe.
template <class Lazy>
class producer_state : public std::enable_shared_from_this<producer_state<Lazy>>
{
public:
    using self_ptr = std::shared_ptr<producer_state>;

    /// Throws hk::error when the options cannot be used.
    producer_state(client_ptr client, producer_options const& wanted)
        : owner_(std::move(client)),
          options_(checked(wanted)),
          plan_(options_, owner_->http()->random().next(), owner_->options().retry())
    {}

    static net::awaitable<receipt> send(self_ptr self, std::string topic, record one, call_options options)
    {
        auto const op = self->make_operation(options);
        if (op->time_left() <= milliseconds(0))
            throw producer_error(errc::timed_out, "send", std::move(topic), "there was no time for the call");
        auto const sent = self->submit(std::move(topic), std::move(one), op);
        recipient place(self, sent, true);
        task work = place.wait(op);
        co_await run_operation<>(op, work);
        work.outcome().value();
        co_return place.told();
    }

    static net::awaitable<receipt> await_receipt(self_ptr self, pending_ptr sent, call_options options)
    {
        if (!sent)
            throw producer_error(errc::invalid_option, "send", std::string(),
                                 "there is no receipt of a record that was not taken");
        auto const op = self->make_operation(options);
        self->wait_for(*sent, op);
        recipient place(self, sent, false);
        task work = place.wait(op);
        co_await run_operation<>(op, work);
        work.outcome().value();
        co_return place.told();
    }

    /// `closing`: nothing more is taken.
    static net::awaitable<void> flush(self_ptr self, call_options options, bool closing)
    {
        auto const op = self->make_operation(options);
        waiters<>::place place(self, self->flushes_, *op);
        std::uint64_t const generation = self->begin_flush(closing);
        task work = self->await_flush(op, place, generation, closing ? "close" : "flush");
        co_await run_operation<>(op, work);
        auto const flushed = work.outcome();
        if (!flushed && closing)
            self->give_up("the producer was closed");
        flushed.value();
    }

    /// Sends a record, of whose outcome `waiter` is told. Without one, null when there is no room at once.
    /// Throws hk::error for what cannot be sent.
    pending_ptr submit(std::string topic, record one, operation_ptr waiter)
    {
        std::size_t const bytes = size_in_body(one, options_);
        auto sound = check_topic(topic);
        if (sound && one.partition())
            sound = check_partition(*one.partition());
        if (sound)
            sound = check_size(bytes, options_);
        if (!sound)
            throw producer_error(sound.error().code(), "send", std::move(topic), sound.error().cause());
        auto sent = std::make_shared<pending_send>(std::move(topic), std::move(one), bytes);
        auto const now = steady_clock::now();
        sent->due = waiter ? waiter->deadline() : now + std::min(owner_->options().total_timeout(), longest);
        sent->waiter = std::move(waiter);
        std::unique_lock lock(mutex_);
        if (closed_)
            throw producer_error(errc::closed, "send", sent->topic, closed_text);
        if (sent->waiter || plan_.has_room(bytes)) {
            plan_.submit(sent, now);
        } else {
            plan_.turn_away();
            sent.reset();
        }
        act(lock);
        return sent;
    }

    /// Fails what is not on its way, and has what is end: that says itself what became of its records. Takes
    /// nothing any more.
    void give_up(std::string const& cause)
    {
        std::unique_lock lock(mutex_);
        stop(error(errc::closed, cause));
        act(lock);
        jobs_.close();
    }

    producer_statistics statistics() const
    {
        std::lock_guard const lock(mutex_);
        return plan_.statistics();
    }

private:
    class courier;
    class partition_query;

    static constexpr char const* closed_text = "the producer is closed";
    static constexpr milliseconds longest = client_core<>::longest;

    /// Somebody who waits for a record's outcome, on the frame of his coroutine.
    class recipient
    {
    public:
        /// `takes_back`: the record does not go when he waits no longer, unless it is on its way.
        recipient(self_ptr producer, pending_ptr sent, bool takes_back)
            : producer_(std::move(producer)), sent_(std::move(sent)), takes_back_(takes_back)
        {}
        recipient(recipient const&) = delete;
        recipient& operator=(recipient const&) = delete;
        ~recipient() { leave(); }

        task wait(operation_ptr op)
        {
            while (!answered()) {
                bool const going_on = co_await op->park();
                auto const claim = going_on ? std::nullopt : leave();
                if (claim)
                    co_return producer_error(op->stopped(), "send", sent_->topic, doing(*claim), *claim);
            }
            co_return result<void>();
        }

        /// Once the outcome is there. Throws when there is no receipt.
        receipt told() const
        {
            if (sent_->failure)
                throw *sent_->failure;
            return receipt(std::vector<record_outcome>(1, sent_->outcome));
        }

    private:
        /// Whether the outcome is there, which then changes no more.
        bool answered() const
        {
            std::lock_guard const lock(producer_->mutex_);
            return sent_->where == pending_send::stage::answered;
        }

        /// He waits no longer. What is to be said of the record; nothing when the outcome is there.
        std::optional<persistence> leave()
        {
            std::unique_lock lock(producer_->mutex_);
            if (sent_->where == pending_send::stage::answered || !std::exchange(waits_, false))
                return std::nullopt;
            sent_->waiter.reset();
            if (!takes_back_)
                return persistence::possibly;
            auto const claim = producer_->plan_.leave(*sent_, steady_clock::now());
            producer_->act(lock);
            return claim;
        }

        std::string doing(persistence claim) const
        {
            if (!takes_back_)
                return "waiting for its receipt";
            if (claim != persistence::none)
                return "waiting for the answer to its batch";
            std::lock_guard const lock(producer_->mutex_);
            return "waiting to be sent" + producer_->plan_.pace().reason();
        }

        self_ptr const producer_;
        pending_ptr const sent_;
        bool const takes_back_;
        bool waits_ = true;
    };

    static producer_options checked(producer_options const& wanted)
    {
        if (auto const sound = check_producer(wanted); !sound)
            throw producer_error(sound.error().code(), "producer", std::string(), sound.error().cause());
        return wanted;
    }

    operation_ptr make_operation(call_options const& options) const
    {
        return owner_->http()->make_operation(owner_->deadline(options.timeout()));
    }

    /// Who is told of the outcome from now on.
    void wait_for(pending_send& one, operation_ptr waiter)
    {
        std::lock_guard const lock(mutex_);
        if (one.where == pending_send::stage::answered)
            return;
        if (one.waiter)
            throw producer_error(errc::already_running, "send", one.topic,
                                 "somebody else waits for this receipt");
        one.waiter = std::move(waiter);
    }

    std::uint64_t begin_flush(bool closing)
    {
        std::unique_lock lock(mutex_);
        closed_ = closed_ || closing;
        std::uint64_t const generation = plan_.flush();
        act(lock);
        return generation;
    }

    task await_flush(operation_ptr op, waiters<>::place& place, std::uint64_t generation,
                     std::string_view operation)
    {
        while (!flushed(generation, place)) {
            auto const waited = co_await place.wait(std::string());
            if (!waited)
                co_return producer_error(op->stopped(), operation, std::string(),
                                         "records are still on their way");
        }
        co_return result<void>();
    }

    /// Otherwise whoever waits in that place is told when to look again.
    bool flushed(std::uint64_t generation, waiters<>::place& place)
    {
        std::lock_guard const lock(mutex_);
        bool const done = plan_.flushed(generation);
        if (!done)
            flushes_.join(place);
        return done;
    }

    bool given_up() const
    {
        std::lock_guard const lock(mutex_);
        return given_up_;
    }

    /// How much of a rest is to be taken, in [0, 1). Throws what a function of the program's does, which is
    /// not called under the lock.
    double draw_share() const
    {
        auto const& own = owner_->options().retry().jitter();
        return own ? own() : owner_->http()->random().unit();
    }

    /// With the lock held.
    void stop(error const& why)
    {
        closed_ = given_up_ = true;
        plan_.give_up(why);
    }

    /// Ends a turn of the plan: releases the lock, and does what is to be done. What there is no memory for
    /// is done with the next turn.
    void act(std::unique_lock<std::mutex>& lock) noexcept
    {
        if (plan_.idle())
            return lock.unlock();
        send_effects due = plan_.effects();
        bool const flushed = due.flushed && !flushes_.empty();
        lock.unlock();
        for (; !due.answered.empty(); due.answered.pop_front())
            wake(due.answered.front()->waiter);
        for (; !due.hurried.empty(); due.hurried.pop_front())
            wake(due.hurried.front());
        if (flushed) { // the last, so that flush() ends when everybody has been told
            lock.lock();
            flushes_.answer_all();
            lock.unlock();
        }
        try {
            while (!due.couriers.empty()) // later: what the executor is about to send travels together then
                start_first<courier>(due.couriers, true);
            while (!due.queries.empty())
                start_first<partition_query>(due.queries, false);
        } catch (...) {
            lock.lock();
            plan_.put_off(due);
        }
    }

    static void wake(waiter_ptr& who) noexcept
    {
        if (waiter_ptr const woken = std::move(who))
            static_cast<operation<>*>(woken.get())->wake();
    }

    template <class Job, class About>
    void start_first(std::list<About>& of, bool later)
    {
        auto const op = owner_->http()->make_operation(steady_clock::time_point::max());
        auto one = std::make_unique<Job>(this->shared_from_this(), std::move(of.front()));
        of.pop_front();
        jobs_.start(op, std::move(one), owner_->http()->background(), later);
    }

    client_ptr const owner_;
    producer_options const options_;
    mutable std::mutex mutex_;
    send_plan plan_;
    waiters<> flushes_{mutex_};
    children<> jobs_;
    bool closed_ = false;   ///< Takes nothing more.
    bool given_up_ = false; ///< Sends nothing more.
};

} // namespace hdikafka::inline v0_1::detail

#endif
