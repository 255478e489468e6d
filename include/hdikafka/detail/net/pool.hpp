// The connections to one origin: bounded, reused, handed out in the order of asking.
#ifndef HDIKAFKA_DETAIL_NET_POOL_HPP
#define HDIKAFKA_DETAIL_NET_POOL_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/connection.hpp>
#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class connection_pool;

using pool_ptr = std::shared_ptr<connection_pool<>>;

/// The right to one connection: to an idle one, or to make one when `link` is empty. Gives the right back
/// when it dies, and the connection with it if that is reusable; otherwise the connection is closed.
template <class Lazy = void>
class lease
{
public:
    using pool = std::shared_ptr<connection_pool<Lazy>>;

    lease() = default;
    lease(pool of, connection_ptr idle) : link(std::move(idle)), pool_(std::move(of)) {}
    lease(lease&&) = default;
    lease& operator=(lease&& other) noexcept
    {
        std::swap(link, other.link);
        std::swap(pool_, other.pool_);
        return *this;
    }
    ~lease()
    {
        if (!pool_)
            return;
        if (link && !link->reusable())
            link.reset();
        pool_->give_back(std::move(link));
    }

    /// Whether it is a right at all.
    explicit operator bool() const noexcept { return pool_ != nullptr; }

    connection_ptr link;

private:
    pool pool_;
};

/// How an origin is reached.
enum class route : unsigned char
{
    configured, ///< Through a proxy when the options or the environment name one.
    direct,     ///< Never through a proxy: it would ask the proxy's own metadata service.
};

/// Thread-safe; no lock is held while anything waits or is closed.
///
/// While somebody waits, every connection is in use: one that comes back goes to the first in line,
/// so that nobody can overtake.
template <class Lazy>
class connection_pool : public std::enable_shared_from_this<connection_pool<Lazy>>
{
public:
    connection_pool(url target, std::size_t limit, route by)
        : target_(std::move(target)), host_(field_value::host(target_.host_field())), limit_(limit), by_(by)
    {}
    ~connection_pool()
    {
        while (!idle_.empty())
            connection_ptr(&idle_.pop_back()).reset();
    }

    url const& target() const noexcept { return target_; }
    route by() const noexcept { return by_; }

    /// The TLS sessions that its connections may take up again.
    tls_sessions<>& sessions() noexcept { return sessions_; }

    /// The value of the Host field of each request.
    field_value const& host() const noexcept { return host_; }

    /// An idle connection that is still good, or the right to make one; nothing when all are in use. `fresh`:
    /// only the right to make one will do.
    lease<> take(bool fresh) { return take_or_queue(nullptr, fresh); }

    /// Closes the connections that have been idle since `moment` or longer: one that served last then turned
    /// out to be dead, and what killed it (a restart of the server) has most often killed the others.
    void drop_idle(steady_clock::time_point moment) { close_idle(connection_end::dropped, moment, false); }

    /// Waits for a connection, in turn, until the operation is interrupted.
    task wait_in_line(operation_ptr op, bool fresh, lease<>& held)
    {
        constexpr char const* doing = "waiting for a free connection";
        place_in_line place(this->shared_from_this(), waiting_, *op);
        held = take_or_queue(&place, fresh);
        if (!held) {
            auto const waited = co_await place.wait(doing);
            if (!waited)
                co_return waited;
            held = place.take();
        }
        if (op->interrupted())
            co_return op->interruption(doing);
        drop_unusable(held, fresh);
        co_return result<void>();
    }

    /// Closes the idle connections; those in use are closed when they come back.
    void close() { close_idle(connection_end::closed, steady_clock::time_point::max(), true); }

private:
    friend class lease<>;

    using place_in_line = waiters<lease<>>::place; // a lease that is not taken goes back

    /// When all are in use: nothing, and `place`, if there is one, stands in the queue.
    lease<> take_or_queue(place_in_line* place, bool fresh)
    {
        auto const now = steady_clock::now();
        connection_ptr found;
        {
            std::unique_lock lock(mutex_);
            while (!idle_.empty() && idle_.front().retire_at <= now)
                close_oldest(lock, connection_end::retired);
            bool const room = open_ < limit_;
            if (!idle_.empty() && !(fresh && room)) {
                found.reset(&idle_.pop_back());
            } else if (room) {
                ++open_;
            } else {
                if (place)
                    waiting_.join(*place);
                return lease<>();
            }
        }
        lease<> held(this->shared_from_this(), std::move(found));
        drop_unusable(held, fresh);
        return held;
    }

    /// Of a connection that will not do, the right to make another one is left.
    static void drop_unusable(lease<>& held, bool fresh)
    {
        if (!held.link)
            return;
        bool const usable = held.link->usable();
        if (usable && !fresh)
            return;
        held.link->close(usable ? connection_end::dropped : held.link->end);
        held.link.reset();
    }

    void close_idle(connection_end cause, steady_clock::time_point unused_since, bool for_good)
    {
        std::unique_lock lock(mutex_);
        closed_ = closed_ || for_good;
        while (!idle_.empty() && idle_.front().last_used <= unused_since)
            close_oldest(lock, cause);
    }

    /// Of the idle ones, and without the lock meanwhile.
    void close_oldest(std::unique_lock<std::mutex>& lock, connection_end cause)
    {
        connection_ptr link(&idle_.pop_front());
        --open_;
        lock.unlock();
        link->close(cause);
        link.reset();
        lock.lock();
    }

    void give_back(connection_ptr link)
    {
        std::lock_guard const lock(mutex_);
        if (!waiting_.empty()) {
            waiting_.answer(waiting_.front(), lease<>(this->shared_from_this(), std::move(link)));
        } else if (link && !closed_) {
            idle_.push_back(*link.release());
        } else {
            --open_;
        }
    }

    url const target_;
    field_value const host_;
    std::size_t const limit_;
    route const by_;
    tls_sessions<> sessions_; // outlives the connections
    std::mutex mutex_;
    linked_list<connection<>> idle_; // owned; oldest first
    waiters<lease<>> waiting_{mutex_};
    std::size_t open_ = 0; // in use and idle
    bool closed_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
