// The connections to one origin, lent to calls as the plan says; those that it wants are made in the
// background.
#ifndef HDIKAFKA_DETAIL_NET_POOL_HPP
#define HDIKAFKA_DETAIL_NET_POOL_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/attempt.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/connection_maker.hpp>
#include <hdikafka/detail/net/lease.hpp>
#include <hdikafka/detail/net/pool_alarm.hpp>
#include <hdikafka/detail/net/pool_plan.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Thread-safe; no lock is held while anything waits, is begun or is closed.
///
/// Dials are children of the pool and belong to no call. They end with the client, or as pool_plan says when
/// nobody needs them.
template <class Lazy>
class connection_pool : public std::enable_shared_from_this<connection_pool<Lazy>>
{
public:
    connection_pool(url target, route by, maker_ptr maker)
        : target_(std::move(target)),
          host_(field_value::host(target_.host_field())),
          by_(by),
          maker_(std::move(maker)),
          plan_(maker_->settings().max_connections)
    {}
    ~connection_pool()
    {
        while (!idle_.empty())
            connection_ptr(&idle_.pop_back()).reset();
    }

    url const& target() const noexcept { return target_; }
    route by() const noexcept { return by_; }

    /// The value of the Host field of each request.
    field_value const& host() const noexcept { return host_; }

    /// An idle connection that is still good; nothing when there is none, or it is to be `fresh`.
    lease<> take(bool fresh)
    {
        while (!fresh) {
            connection_ptr found = take_idle();
            if (!found)
                break;
            lease<> held(this->shared_from_this(), std::move(found));
            if (held.link->usable())
                return held;
            held.link->close(held.link->end);
        }
        return lease<>();
    }

    /// Closes the connections that have been idle since `moment` or longer: one that served last then turned
    /// out to be dead, and what killed it (a restart of the server) has most often killed the others.
    void drop_idle(steady_clock::time_point moment) { close_idle(connection_end::dropped, moment, false); }

    /// Waits, in turn, for the first good connection that comes, or a fresh one; until the operation is
    /// interrupted, or none could be made and no other can serve it.
    task wait_in_line(operation_ptr op, bool fresh, lease<>& held)
    {
        place mine(this->shared_from_this(), *op, fresh);
        for (;;) {
            stand_in_line(mine);
            while (waits(mine)) {
                bool const going_on = co_await op->park();
                if (!going_on && leave(mine))
                    co_return op->interruption(waiting_for());
            }
            if (mine.told)
                co_return failure_of(mine);
            held = std::move(mine.granted);
            if (op->interrupted())
                co_return op->interruption(waiting_for());
            if (!held.link->has_lain_idle() || held.link->usable())
                co_return result<void>();
            held.link->close(held.link->end);
            held = lease<>();
        }
    }

    /// Closes the idle connections; those in use are closed when they come back.
    void close() { close_idle(connection_end::closed, steady_clock::time_point::max(), true); }

private:
    friend class lease<>;
    friend class pool_alarm<connection_pool>;

    using failure_ptr = std::shared_ptr<error const>;

    /// One who waits, on the frame of its coroutine, with which it leaves the line, also because its context
    /// is destroyed. What was granted and not taken goes back.
    class place final : public connection_asker
    {
    public:
        place(pool_ptr owner, operation<>& op, bool wants_new) noexcept
            : connection_asker(wants_new), pool_(std::move(owner)), op_(op)
        {}
        ~place() { pool_->leave(*this); }

        /// With the pool's lock: until it is released, the place is there and so is its context.
        void wake() noexcept { op_.wake(); }

        lease<> granted;
        bool told = false;
        failure_ptr failure; ///< That it was told of; null when there was no memory for it.

    private:
        pool_ptr const pool_;
        operation<>& op_;
    };

    /// A connection that is being made.
    class dial final : public child<>
    {
    public:
        dial(pool_ptr owner, dial_ticket const& ticket) : pool_(std::move(owner)), ticket_(ticket) {}

        task run(operation_ptr op) override
        {
            return pool_->maker_->connect(std::move(op), pool_->target_, pool_->by_, pool_->sessions_, made_);
        }
        void ended(result<void> const& outcome) noexcept override
        {
            if (outcome)
                pool_->dialled(ticket_, std::move(made_));
            else
                pool_->not_dialled(ticket_, outcome.error());
        }

    private:
        pool_ptr const pool_;
        dial_ticket const ticket_;
        connection_ptr made_;
    };

    /// What the plan wants done and what is not done with the lock.
    class chores
    {
    public:
        std::array<dial_ticket, pool_plan::most_dials> dials;
        std::size_t dial_count = 0;
        linked_list<connection<>> evicted; ///< Owned.
        bool give_up = false;
        bool alarm = false;
    };

    connection_ptr take_idle()
    {
        auto const now = steady_clock::now();
        std::unique_lock lock(mutex_);
        while (!idle_.empty() && idle_.front().retire_at <= now)
            close_oldest(lock, connection_end::retired);
        return take_idle(lock);
    }

    connection_ptr take_idle(std::unique_lock<std::mutex> const&) noexcept
    {
        return plan_.take_idle() ? connection_ptr(&idle_.pop_back()) : connection_ptr();
    }

    void stand_in_line(place& mine)
    {
        std::unique_lock lock(mutex_);
        // One may have come back since take() looked.
        connection_ptr found = mine.fresh ? connection_ptr() : take_idle(lock);
        if (found) {
            mine.granted = lease<>(this->shared_from_this(), std::move(found));
            return;
        }
        plan_.join(mine);
        act(lock);
    }

    bool waits(place const& one)
    {
        std::lock_guard const lock(mutex_);
        return one.linked();
    }

    /// False when it was answered, or never joined.
    bool leave(place& one) noexcept
    {
        std::unique_lock lock(mutex_);
        if (!one.linked())
            return false;
        plan_.leave(one);
        act(lock);
        return true;
    }

    void close_idle(connection_end cause, steady_clock::time_point unused_since, bool for_good)
    {
        std::unique_lock lock(mutex_);
        closed_ = closed_ || for_good;
        while (!idle_.empty() && idle_.front().last_used <= unused_since)
            close_oldest(lock, cause);
        act(lock);
    }

    /// Of the idle ones, and without the lock meanwhile.
    void close_oldest(std::unique_lock<std::mutex>& lock, connection_end cause)
    {
        connection_ptr link(&idle_.pop_front());
        plan_.lost_idle();
        lock.unlock();
        link->close(cause);
        link.reset();
        lock.lock();
    }

    /// Null: it was closed.
    void give_back(connection_ptr link) noexcept
    {
        std::unique_lock lock(mutex_);
        if (!link || closed_) {
            plan_.lost();
        } else {
            auto const now = plan_.at_rest() ? steady_clock::time_point() : steady_clock::now();
            hand_over(plan_.freed(now), std::move(link));
        }
        act(lock);
    }

    void dialled(dial_ticket const& ticket, connection_ptr made) noexcept
    {
        std::unique_lock lock(mutex_);
        last_failure_.reset();
        connection_asker* const who = plan_.dialled(ticket);
        if (!who)
            made->rest_unused(maker_->settings());
        if (who || !closed_)
            hand_over(who, std::move(made));
        else
            plan_.lost_idle();
        act(lock);
    }

    // NOLINTBEGIN(misc-no-recursion): without memory for a dial the plan hears of its failure, and paces the
    // next
    void not_dialled(dial_ticket const& ticket, error const& why) noexcept
    {
        failure_ptr known;
        try {
            known = std::make_shared<error const>(why);
        } catch (std::bad_alloc const&) { // NOLINT(bugprone-empty-catch): null says it
        }
        std::unique_lock lock(mutex_);
        if (why.code() == net::error::operation_aborted) {
            plan_.given_up(ticket); // by this pool: nobody else aborts a dial
        } else {
            last_failure_ = std::move(known);
            plan_.failed(ticket, !transient_failure(why.code()), steady_clock::now(),
                         maker_->random().unit());
        }
        act(lock);
    }

    /// To one who waited, or to the idle ones.
    void hand_over(connection_asker* who, connection_ptr link) noexcept
    {
        if (!who) {
            idle_.push_back(*link.release());
            return;
        }
        auto& to = static_cast<place&>(*who);
        to.granted = lease<>(this->shared_from_this(), std::move(link));
        to.wake();
    }

    /// Does what the plan wants after an event. The lock is released in the end.
    void act(std::unique_lock<std::mutex>& lock) noexcept
    {
        if (plan_.at_rest() && alarm_.silent())
            return lock.unlock();
        chores due;
        decide(due);
        due.alarm = alarm_.set(plan_.due());
        lock.unlock();
        carry_out(due);
    }

    void decide(chores& due) noexcept
    {
        auto const now = steady_clock::now();
        for (;;) {
            pool_step const step = plan_.next(now, maker_->random().unit());
            if (step.action == pool_action::none)
                return;
            if (step.action == pool_action::dial)
                due.dials[due.dial_count++] = step.ticket;
            else if (step.action == pool_action::evict)
                due.evicted.push_back(idle_.pop_front());
            else if (step.action == pool_action::tell)
                tell(static_cast<place&>(*step.who));
            else
                due.give_up = true;
        }
    }

    void carry_out(chores& due) noexcept
    {
        while (!due.evicted.empty())
            connection_ptr(&due.evicted.pop_front())->close(connection_end::dropped);
        if (due.give_up)
            dials_.cancel();
        for (std::size_t i = 0; i != due.dial_count; ++i)
            begin(due.dials[i]);
        if (due.alarm)
            alarm_.begin(this->shared_from_this(), *maker_);
    }

    void tell(place& one) noexcept
    {
        one.told = true;
        one.failure = last_failure_;
        one.wake();
    }

    void begin(dial_ticket const& ticket) noexcept
    {
        std::unique_ptr<dial> one;
        operation_ptr op;
        try {
            one = std::make_unique<dial>(this->shared_from_this(), ticket);
            op = maker_->make_operation(steady_clock::time_point::max());
        } catch (...) {
            return not_dialled(ticket, error(std::make_error_code(std::errc::not_enough_memory)));
        }
        maker_->begin(dials_, op, std::move(one));
    }
    // NOLINTEND(misc-no-recursion)

    /// When it is to ring again.
    steady_clock::time_point rings(typename pool_alarm<connection_pool>::bell& bell) noexcept
    {
        chores due;
        std::unique_lock lock(mutex_);
        decide(due);
        auto const at = plan_.due();
        alarm_.set(bell, at);
        lock.unlock();
        carry_out(due);
        return at;
    }

    void bell_lost() noexcept
    {
        std::lock_guard const lock(mutex_);
        alarm_.lost();
    }

    std::string waiting_for()
    {
        std::lock_guard const lock(mutex_);
        std::string const text = "waiting for a connection to " + target_.authority();
        return last_failure_ && plan_.in_use() == 0 ? text + "; the last failure: " + last_failure_->cause()
                                                    : text;
    }

    error failure_of(place const& one) const
    {
        return one.failure ? *one.failure : error(std::make_error_code(std::errc::not_enough_memory));
    }

    url const target_;
    field_value const host_;
    route const by_;
    maker_ptr const maker_;
    tls_sessions<> sessions_; // outlives the connections
    std::mutex mutex_;
    pool_plan plan_;
    linked_list<connection<>> idle_; // owned; oldest first
    failure_ptr last_failure_;       // of the dials, since one succeeded
    bool closed_ = false;
    children<> dials_;
    pool_alarm<connection_pool> alarm_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
