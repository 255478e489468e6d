// One call: its strand, its deadline, its cancellation. Layer: I/O shell.
//
// The coroutine that does a call's work runs on a strand of its own and waits in three ways only: for
// a socket, for a connection to be made, or parked. Whatever it waits for, three things can end the
// wait: the caller's cancellation, the call's deadline, and a limit of the phase it is in (connecting,
// reading). All three go through interrupt(), on the strand, so that they never race with the work.
// After each wait the coroutine asks interrupted() why it was woken.
#ifndef HDIKAFKA_DETAIL_OPERATION_HPP
#define HDIKAFKA_DETAIL_OPERATION_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

using steady_clock = std::chrono::steady_clock;

class operation : public std::enable_shared_from_this<operation>
{
public:
    operation(net::any_io_executor const& executor, steady_clock::time_point deadline)
        : strand_(net::make_strand(executor)), timer_(strand_), parking_(strand_), deadline_(deadline)
    {}

    net::strand<net::any_io_executor> const& strand() const noexcept { return strand_; }
    net::cancellation_slot slot() noexcept { return signal_.slot(); }
    steady_clock::time_point deadline() const noexcept { return deadline_; }

    milliseconds time_left() const
    {
        return std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now());
    }

    /// Ends the call with `cause` wherever it waits. From any thread.
    void stop(std::error_code cause)
    {
        net::dispatch(strand_, [self = shared_from_this(), cause] {
            if (!self->stopped_)
                self->stopped_ = cause;
            if (self->begun_)
                self->signal_.emit(net::cancellation_type::terminal);
        });
    }

    /// Runs `delivery` on the strand, then ends the current or the next park(). From any thread.
    template <class Delivery>
    void wake(Delivery delivery)
    {
        net::post(strand_, [self = shared_from_this(), delivery = std::move(delivery)]() mutable {
            delivery();
            self->woken_ = true;
            self->parking_.cancel();
        });
    }

    // What follows is for the coroutine on the strand.

    /// The coroutine has taken its first step: from here on stop() and limits end what it waits for.
    void begin() noexcept { begun_ = true; }

    /// Why the call must end, or why the phase did; no error when neither.
    std::error_code interrupted() const noexcept { return stopped_ ? stopped_ : phase_ended_; }

    /// Why the call must end, whatever the phase.
    std::error_code stopped() const noexcept { return stopped_; }

    /// Moves the deadline, earlier or later.
    void deadline(steady_clock::time_point due)
    {
        deadline_ = due;
        arm();
    }

    /// Starts a phase that ends with `cause` unless it is extended or left within `limit`.
    void begin_phase(errc cause, milliseconds limit)
    {
        phase_ended_.clear();
        phase_cause_ = cause;
        extend_phase(limit);
        arm();
    }

    /// Gives the phase `limit` from now. Cheap: the timer notices when it fires.
    void extend_phase(milliseconds limit) { phase_end_ = steady_clock::now() + limit; }

    void end_phase()
    {
        phase_ended_.clear();
        phase_end_ = steady_clock::time_point::max();
    }

    /// Waits until wake(), `until`, or an interruption. It may end early: look at what was waited for.
    net::awaitable<void> park(steady_clock::time_point until = steady_clock::time_point::max())
    {
        arm();
        if (!woken_ && !interrupted()) {
            std::error_code ignored;
            parking_.expires_at(until);
            co_await parking_.async_wait(net::redirect_error(net::use_awaitable, ignored));
        }
        woken_ = false;
    }

    /// Waits until `due`; false when the call must end before.
    net::awaitable<bool> rest(steady_clock::time_point due)
    {
        while (steady_clock::now() < due && !stopped_)
            co_await park(due);
        co_return !stopped_;
    }

private:
    void arm()
    {
        auto const due = std::min(deadline_, phase_end_);
        if (due >= armed_)
            return;
        armed_ = due;
        timer_.expires_at(due);
        timer_.async_wait([weak = weak_from_this()](std::error_code cancelled) {
            if (auto const self = weak.lock(); self && !cancelled)
                self->on_timer();
        });
    }

    void on_timer()
    {
        armed_ = steady_clock::time_point::max();
        auto const now = steady_clock::now();
        if (now >= deadline_ && !stopped_)
            stopped_ = errc::timed_out;
        if (now >= phase_end_ && !phase_ended_)
            phase_ended_ = phase_cause_;
        if (interrupted())
            signal_.emit(net::cancellation_type::terminal);
        else
            arm();
    }

    net::strand<net::any_io_executor> strand_;
    net::cancellation_signal signal_;
    net::steady_timer timer_;
    net::steady_timer parking_;
    steady_clock::time_point deadline_;
    steady_clock::time_point phase_end_ = steady_clock::time_point::max();
    steady_clock::time_point armed_ = steady_clock::time_point::max();
    std::error_code stopped_;
    std::error_code phase_ended_;
    errc phase_cause_ = errc::timed_out;
    bool woken_ = false;
    bool begun_ = false;
};

using operation_ptr = std::shared_ptr<operation>;

/// The calls in flight of one client, so that close() can end them.
class operation_registry
{
public:
    /// False once closed.
    bool add(operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        if (closed_)
            return false;
        live_.insert(op.get());
        return true;
    }

    void remove(operation* op) noexcept
    {
        std::lock_guard const lock(mutex_);
        live_.erase(op);
    }

    void close()
    {
        std::vector<operation_ptr> ended;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            for (operation* op : live_)
                if (auto alive = op->weak_from_this().lock())
                    ended.push_back(std::move(alive));
        }
        for (auto const& op : ended)
            op->stop(errc::closed);
    }

private:
    std::mutex mutex_;
    std::unordered_set<operation*> live_;
    bool closed_ = false;
};

/// Takes a call into the registry for as long as this lives.
class registration
{
public:
    registration(std::shared_ptr<operation_registry> registry, operation_ptr op)
        : registry_(std::move(registry)), op_(std::move(op)), added_(registry_->add(op_))
    {}
    registration(registration const&) = delete;
    registration& operator=(registration const&) = delete;
    ~registration()
    {
        if (added_)
            registry_->remove(op_.get());
    }

    bool added() const noexcept { return added_; }

private:
    std::shared_ptr<operation_registry> registry_;
    operation_ptr op_;
    bool added_;
};

/// Starts a call's coroutine on its strand and completes the caller's handler on the handler's own
/// executor. The caller's cancellation is handed over to the strand: Asio 1.22 would run it right
/// there, on whatever thread emits it, while the strand is at work.
template <class T>
class start_operation
{
public:
    explicit start_operation(operation_ptr op) : op_(std::move(op)) {}

    template <class Handler>
    void operator()(Handler handler, net::awaitable<result<T>> body) const
    {
        auto slot = net::get_associated_cancellation_slot(handler);
        auto const executor = net::get_associated_executor(handler, op_->strand());
        if (slot.is_connected())
            slot.assign([weak = std::weak_ptr<operation>(op_)](net::cancellation_type type) {
                auto const op = weak.lock();
                if (op && (type & net::cancellation_type::terminal) != net::cancellation_type::none)
                    op->stop(net::error::operation_aborted);
            });
        auto complete = [slot, handler = std::move(handler)](std::exception_ptr failure,
                                                             result<T> value) mutable {
            if (slot.is_connected())
                slot.clear();
            std::move(handler)(std::move(failure), std::move(value));
        };
        net::co_spawn(
            op_->strand(), std::move(body),
            net::bind_cancellation_slot(op_->slot(), net::bind_executor(executor, std::move(complete))));
    }

private:
    operation_ptr op_;
};

/// The first step of every call on its strand. An interruption ends a wait and nothing else: by default
/// Asio would throw at the next await, and a call that was timed out could not try again.
template <class T>
net::awaitable<result<T>> begin_operation(operation_ptr op, net::awaitable<result<T>> body)
{
    co_await net::this_coro::throw_if_cancelled(false);
    op->begin();
    if (op->stopped())
        co_return error(op->stopped());
    co_return co_await std::move(body);
}

/// Runs `body` as the call `op`; the caller resumes on its own executor.
template <class T>
auto run_operation(operation_ptr op, net::awaitable<result<T>> body)
{
    body = begin_operation(op, std::move(body));
    return net::async_initiate<net::use_awaitable_t<> const, void(std::exception_ptr, result<T>)>(
        start_operation<T>(std::move(op)), net::use_awaitable, std::move(body));
}

} // namespace hdikafka::inline v0_1::detail

#endif
