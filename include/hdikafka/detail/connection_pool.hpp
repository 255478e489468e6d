// The connections to one origin: bounded, reused, handed out in the order of asking. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_CONNECTION_POOL_HPP
#define HDIKAFKA_DETAIL_CONNECTION_POOL_HPP

#include <hdikafka/detail/connection.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/url.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class connection_pool;

using pool_ptr = std::shared_ptr<connection_pool<>>;

/// The right to one connection: to an idle one, or to make one when `link` is empty. Gives the right
/// back when it dies, and the connection with it after keep(); otherwise the connection is closed.
template <class Lazy = void>
class lease
{
public:
    lease() = default;
    lease(std::shared_ptr<connection_pool<Lazy>> pool, connection_ptr idle)
        : link(std::move(idle)), pool_(std::move(pool))
    {}
    lease(lease&&) = default;
    lease& operator=(lease&& other) noexcept
    {
        std::swap(link, other.link);
        std::swap(pool_, other.pool_);
        std::swap(reusable_, other.reusable_);
        return *this;
    }
    ~lease()
    {
        if (!pool_)
            return;
        if (!reusable_)
            link.reset();
        pool_->give_back(std::move(link));
    }

    /// The exchange ended cleanly: the connection may serve the next one.
    void keep() noexcept { reusable_ = true; }

    /// Whether it is a right at all.
    explicit operator bool() const noexcept { return pool_ != nullptr; }

    connection_ptr link;

private:
    std::shared_ptr<connection_pool<Lazy>> pool_;
    bool reusable_ = false;
};

/// Thread-safe; no lock is held while anything waits or is closed.
///
/// While somebody waits, every connection is in use: one that comes back goes to the first in line,
/// so that nobody can overtake.
template <class Lazy>
class connection_pool : public std::enable_shared_from_this<connection_pool<Lazy>>
{
public:
    connection_pool(url target, std::size_t limit)
        : target_(std::move(target)), host_field_(target_.host_field()), limit_(limit)
    {}

    url const& target() const noexcept { return target_; }

    /// The value of the Host field of each request.
    std::string const& host_field() const noexcept { return host_field_; }

    /// An idle connection that is still good, or the right to make one; none when all are in use.
    lease<> take() { return take_or_queue(nullptr); }

    /// Waits for a connection, in turn, until the operation is interrupted.
    task<result<lease<>>> wait_in_line(operation_ptr op)
    {
        auto const ticket = std::make_shared<waiter>(op);
        lease<> held = take_or_queue(ticket);
        if (held)
            co_return held;
        while (!ticket->granted && !op->interrupted())
            co_await op->park();
        leave(ticket);
        if (op->interrupted()) {
            ticket->granted.keep(); // as good as it came
            co_return interrupted_error(op->interrupted(), "waiting for a free connection");
        }
        held = std::move(ticket->granted);
        if (held.link && !held.link->stream.quiet())
            held.link.reset();
        co_return held;
    }

    /// Closes the idle connections; those in use are closed when they come back.
    void close()
    {
        std::deque<connection_ptr> closing;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            open_ -= idle_.size();
            closing.swap(idle_);
        }
        for (auto const& link : closing)
            link->stream.close_politely();
    }

private:
    friend class lease<>;

    /// Somebody who waits. `granted` belongs to the operation's strand, the rest to the pool's lock.
    class waiter
    {
    public:
        explicit waiter(operation_ptr waiting) : op(std::move(waiting)) {}

        operation_ptr op;
        lease<> granted;
        bool left = false;
        std::list<std::shared_ptr<waiter>>::iterator place;
        bool queued = false;
    };

    /// When all are in use: nothing, and `ticket`, if there is one, stands in the queue.
    lease<> take_or_queue(std::shared_ptr<waiter> const& ticket)
    {
        auto const now = steady_clock::now();
        std::vector<connection_ptr> retired;
        connection_ptr found;
        {
            std::lock_guard const lock(mutex_);
            while (!idle_.empty() && idle_.front()->retire_at <= now) {
                retired.push_back(std::move(idle_.front()));
                idle_.pop_front();
                --open_;
            }
            if (!idle_.empty()) {
                found = std::move(idle_.back());
                idle_.pop_back();
            } else if (open_ < limit_) {
                ++open_;
            } else {
                if (ticket) {
                    ticket->place = waiting_.insert(waiting_.end(), ticket);
                    ticket->queued = true;
                }
                return lease<>();
            }
        }
        for (auto const& link : retired)
            link->stream.close_politely();
        if (found && !(now < found->retire_at && found->stream.quiet()))
            found.reset();
        return lease<>(this->shared_from_this(), std::move(found));
    }

    void leave(std::shared_ptr<waiter> const& ticket)
    {
        ticket->left = true;
        std::lock_guard const lock(mutex_);
        if (ticket->queued)
            waiting_.erase(ticket->place);
        ticket->queued = false;
    }

    /// Hands over what came back. An offer to a call whose executor is being destroyed comes back at once,
    /// from within: it is left to the loop that is under way, however many such calls there are.
    void give_back(connection_ptr link)
    {
        std::vector<connection_ptr> unwanted; // closed without the lock
        std::unique_lock lock(mutex_);
        returned_.push_back(std::move(link));
        if (std::exchange(handing_over_, true))
            return;
        while (!returned_.empty()) {
            connection_ptr one = std::move(returned_.front());
            returned_.pop_front();
            if (!waiting_.empty()) {
                auto next = std::move(waiting_.front());
                waiting_.pop_front();
                next->queued = false;
                lock.unlock();
                offer(std::move(next), std::move(one));
                lock.lock();
            } else if (one && !closed_) {
                idle_.push_back(std::move(one));
            } else {
                --open_;
                unwanted.push_back(std::move(one));
            }
        }
        handing_over_ = false;
    }

    /// Takes `next` along: it may hold the last reference to a lease, which must not die under the lock.
    void offer(std::shared_ptr<waiter> next, connection_ptr link)
    {
        auto const offered = std::make_shared<lease<>>(this->shared_from_this(), std::move(link));
        next->op->wake([next, offered] {
            if (next->left)
                offered->keep();
            else
                next->granted = std::move(*offered);
        });
    }

    url const target_;
    std::string const host_field_;
    std::size_t const limit_;
    mutable std::mutex mutex_;
    std::deque<connection_ptr> idle_; // oldest first
    std::list<std::shared_ptr<waiter>> waiting_;
    std::deque<connection_ptr> returned_; // on their way to the next in line
    bool handing_over_ = false;
    std::size_t open_ = 0; // in use and idle
    bool closed_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
