// A producer's plan under a lock, and who acts on it.
#ifndef HDIKAFKA_DETAIL_PRODUCER_PRODUCER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_PRODUCER_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/producer/rules.hpp>
#include <hdikafka/detail/producer/send_plan.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The error of a producer's own making.
inline error producer_error(std::error_code code, std::string_view operation, std::string topic,
                            std::string cause, persistence claim = persistence::none)
{
    diagnostics info;
    info.operation = operation;
    info.topic = std::move(topic);
    info.persisted(claim).retriable(code == errc::timed_out);
    return error(code, std::move(info), std::move(cause));
}

/// A record whose outcome somebody may wait for.
template <class>
class awaited_send final : public pending_send
{
public:
    using pending_send::pending_send;

    void answered() override
    {
        if (waiter)
            waiter->wake();
    }

    operation_ptr waiter;
};

/// One who acts on the plan in the background.
template <class = void>
class job : public list_link
{
public:
    explicit job(operation_ptr by) : op(std::move(by)) {}

    operation_ptr const op;

protected:
    ~job() = default;
};

/// Takes one batch of a lane, and sends it. Made with the producer's lock held, and on the frame of a task:
/// when that is destroyed half-way, with its executor's context, nothing more can be sent.
template <class Lazy = void>
class courier final : public job<>, public lingering
{
public:
    courier(producer_ptr producer, lane_ptr from, operation_ptr by)
        : job<>(std::move(by)), owner(std::move(producer)), where(std::move(from))
    {
        flights.reserve(1); // a batch that has left its lane must not be lost
        owner->add(*this);
    }
    courier(courier const&) = delete;
    courier& operator=(courier const&) = delete;
    ~courier() { owner->came_back(*this); }

    void hurry() override { this->op->wake(); }

    std::shared_ptr<producer_state<Lazy>> const owner;
    lane_ptr const where;
    std::vector<flight> flights; ///< Those that have not landed; the last one is the next.
    bool boarded = false;
    bool sending = false; ///< The next flight's request is under way, or was.
    bool done = false;
};

/// Asks how many partitions a topic has. Otherwise like a courier.
template <class Lazy = void>
class partition_query final : public job<>
{
public:
    partition_query(producer_ptr producer, std::string about, operation_ptr by)
        : job<>(std::move(by)), owner(std::move(producer)), topic(std::move(about))
    {
        owner->add(*this);
    }
    partition_query(partition_query const&) = delete;
    partition_query& operator=(partition_query const&) = delete;
    ~partition_query() { owner->came_back(*this); }

    std::shared_ptr<producer_state<Lazy>> const owner;
    std::string const topic;
    bool done = false;
};

/// Starts a task that has the courier or the partition_query.
template <class = void>
void start_job(operation_ptr const& op, std::unique_ptr<courier<>> one);
template <class = void>
void start_job(operation_ptr const& op, std::unique_ptr<partition_query<>> one);

/// Thread-safe. Nothing is started with the lock held.
template <class>
class producer_state : public std::enable_shared_from_this<producer_state<>>
{
public:
    /// Throws hk::error when the options cannot be used.
    producer_state(client_ptr client, producer_options const& wanted)
        : owner(std::move(client)), options(checked(wanted)), plan_(options, owner->http()->random().next())
    {}

    /// Sends a record, of whose outcome `waiter` is told. Without one, null when there is no room at once.
    /// Throws hk::error for what cannot be sent.
    awaited_ptr submit(std::string topic, record one, operation_ptr waiter)
    {
        std::size_t const bytes = size_in_body(one, options);
        auto sound = check_topic(topic);
        if (sound && one.partition())
            sound = check_partition(*one.partition());
        if (sound)
            sound = check_size(bytes, options);
        if (!sound)
            throw producer_error(sound.error().code(), "send", std::move(topic), sound.error().cause());
        auto sent = std::make_shared<awaited_send<>>(std::move(topic), std::move(one), bytes);
        sent->waiter = std::move(waiter);
        std::unique_lock lock(mutex_);
        if (closed_)
            throw producer_error(errc::closed, "send", sent->topic, closed_text);
        if (!sent->waiter && !plan_.has_room(bytes))
            return nullptr;
        plan_.submit(sent, steady_clock::now());
        act(lock);
        return sent;
    }

    /// Whether the outcome is there, which then changes no more.
    bool answered(pending_send const& one) const
    {
        std::lock_guard const lock(mutex_);
        return one.where == pending_send::stage::answered;
    }

    /// Who is told of the outcome from now on. False when somebody is already.
    bool wait_for(awaited_send<>& one, operation_ptr waiter)
    {
        std::lock_guard const lock(mutex_);
        if (one.waiter)
            return false;
        one.waiter = std::move(waiter);
        return true;
    }

    /// Nobody waits any longer, and the record goes on.
    void leave_alone(awaited_send<>& one)
    {
        std::lock_guard const lock(mutex_);
        one.waiter.reset();
    }

    /// Nobody waits any longer, and the record does not go unless it is on its way. What is to be said of it;
    /// nothing when the outcome is there.
    std::optional<persistence> withdraw(awaited_send<>& one)
    {
        std::unique_lock lock(mutex_);
        one.waiter.reset();
        if (one.where == pending_send::stage::answered)
            return std::nullopt;
        persistence const claim = plan_.leave(one, steady_clock::now());
        act(lock);
        return claim;
    }

    /// Fails what is not on its way, and has what is end: that says itself what became of its records. Takes
    /// nothing any more.
    void give_up(std::string const& cause)
    {
        std::unique_lock lock(mutex_);
        closed_ = given_up_ = true;
        plan_.give_up(error(errc::closed, cause));
        if (!jobs_.empty())
            for (job<>* one = &jobs_.front(); one != nullptr; one = jobs_.after(*one))
                one->op->close();
        act(lock);
    }

    producer_statistics statistics() const
    {
        std::lock_guard const lock(mutex_);
        return plan_.statistics();
    }

    /// Somebody who waits until all that was sent before has its answer, on the frame of his coroutine.
    class flush_place : public list_link
    {
    public:
        /// `closing`: nothing is taken any more.
        flush_place(producer_ptr producer, operation_ptr waiter, bool closing)
            : producer_(std::move(producer)),
              waiter_(std::move(waiter)),
              generation_(producer_->begin_flush(closing))
        {
            std::lock_guard const lock(producer_->mutex_);
            producer_->flushes_.push_back(*this);
        }
        flush_place(flush_place const&) = delete;
        flush_place& operator=(flush_place const&) = delete;
        ~flush_place()
        {
            std::lock_guard const lock(producer_->mutex_);
            producer_->flushes_.remove(*this);
        }

        bool done() const
        {
            std::lock_guard const lock(producer_->mutex_);
            return producer_->plan_.flushed(generation_);
        }

        /// With the lock held.
        void look()
        {
            if (producer_->plan_.flushed(generation_))
                waiter_->wake();
        }

    private:
        producer_ptr producer_;
        operation_ptr waiter_;
        std::uint64_t const generation_;
    };

    // For couriers and inquiries.

    /// With the lock held.
    void add(job<>& one) { jobs_.push_back(one); }

    /// When the courier is to board, who is told when that changes; nullopt when there is nothing to send.
    std::optional<steady_clock::time_point> due(courier<>& one)
    {
        std::lock_guard const lock(mutex_);
        one.where->waiting = &one;
        return plan_.due(*one.where);
    }

    void board(courier<>& one)
    {
        std::unique_lock lock(mutex_);
        one.where->waiting = nullptr;
        if (!plan_.due(*one.where))
            return;
        one.boarded = true;
        one.flights.push_back(plan_.board(one.where, steady_clock::now()));
        act(lock);
    }

    /// The batch goes in two.
    void halve(courier<>& one)
    {
        one.flights.reserve(one.flights.size() + 1);
        std::lock_guard const lock(mutex_);
        flight later = plan_.halve(one.flights.back());
        one.flights.insert(std::prev(one.flights.end()), std::move(later));
    }

    void land(courier<>& one, result<receipt> const& outcome)
    {
        std::unique_lock lock(mutex_);
        plan_.land(one.flights.back(), outcome, steady_clock::now());
        one.flights.pop_back();
        one.sending = false;
        act(lock);
    }

    /// Batches that have not been sent go with the next courier.
    void put_back(courier<>& one)
    {
        std::lock_guard const lock(mutex_);
        for (flight& unsent : one.flights) {
            if (given_up_)
                plan_.land(unsent, producer_error(errc::closed, "send", one.where->topic, closed_text),
                           steady_clock::now());
            else
                plan_.put_back(one.where, unsent);
        }
        one.flights.clear();
    }

    void came_back(courier<>& one)
    {
        std::unique_lock lock(mutex_);
        jobs_.remove(one);
        for (; !one.flights.empty(); one.flights.pop_back()) {
            auto const claim = one.sending ? persistence::possibly : persistence::none;
            plan_.land(one.flights.back(),
                       producer_error(errc::closed, "send", one.where->topic, context_gone, claim),
                       steady_clock::now());
            one.sending = false; // the others have not been sent
        }
        if (!one.done)
            end_with_context();
        plan_.returned(one.where, one.boarded);
        act(lock);
    }

    void learn(partition_query<>& one, result<std::int32_t> const& count)
    {
        std::unique_lock lock(mutex_);
        one.done = true;
        plan_.partitions(one.topic, count, steady_clock::now());
        act(lock);
    }

    void came_back(partition_query<>& one)
    {
        std::unique_lock lock(mutex_);
        jobs_.remove(one);
        if (!one.done)
            end_with_context();
        act(lock);
    }

    client_ptr const owner;
    producer_options const options;

private:
    static constexpr char const* closed_text = "the producer is closed";
    static constexpr char const* context_gone = "the executor's context was destroyed";

    static producer_options checked(producer_options const& wanted)
    {
        if (auto const sound = check_producer(wanted); !sound)
            throw producer_error(sound.error().code(), "producer", std::string(), sound.error().cause());
        return wanted;
    }

    std::uint64_t begin_flush(bool closing)
    {
        std::lock_guard const lock(mutex_);
        closed_ = closed_ || closing;
        return plan_.flush();
    }

    void end_with_context()
    {
        closed_ = given_up_ = true;
        plan_.give_up(error(errc::closed, context_gone));
    }

    /// Tells those who wait for a flush, and starts what the plan wants. The lock is released for that.
    void act(std::unique_lock<std::mutex>& lock)
    {
        if (!flushes_.empty())
            for (flush_place* one = &flushes_.front(); one != nullptr; one = flushes_.after(*one))
                one->look();
        while (send_action const* const due = plan_.next()) {
            auto const op = owner->http()->make_operation(steady_clock::time_point::max());
            if (due->courier)
                start(op, std::make_unique<courier<>>(this->shared_from_this(), due->courier, op), lock);
            else
                start(op, std::make_unique<partition_query<>>(this->shared_from_this(), due->topic, op),
                      lock);
        }
    }

    template <class Errand>
    void start(operation_ptr const& op, std::unique_ptr<Errand> one, std::unique_lock<std::mutex>& lock)
    {
        plan_.started();
        lock.unlock();
        start_job<>(op, std::move(one));
        lock.lock();
    }

    mutable std::mutex mutex_;
    send_plan plan_;
    linked_list<job<>> jobs_;
    linked_list<flush_place> flushes_;
    bool closed_ = false;   ///< Takes nothing more.
    bool given_up_ = false; ///< Sends nothing more.
};

} // namespace hdikafka::inline v0_1::detail

#endif
