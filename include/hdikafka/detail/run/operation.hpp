// One call: its turn on a thread, its deadline, its waits, its cancellation.
//
// The coroutines that do a call's work run on the client's executor, one thread at a time, and wait in two
// ways only: for a socket, or parked. Whatever they wait for, three things can end the wait: the caller's
// cancellation, the call's deadline, and a limit of the phase it is in (see time_limits). All three go
// through interrupt(), in the call's own turn, so that they never race with the work. After each wait the
// coroutine asks interrupted() why it was woken; once interrupted, nothing waits.
#ifndef HDIKAFKA_DETAIL_RUN_OPERATION_HPP
#define HDIKAFKA_DETAIL_RUN_OPERATION_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/setbacks.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/run/time_limits.hpp>
#include <hdikafka/detail/run/timer_shelf.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What a strand does for handlers this does for a few kinds of events, each a bit: whoever comes while
/// another thread acts leaves the event to that one and goes away. Nobody waits and nothing is allocated. An
/// event that comes twice before it is acted on counts once.
class event_gate
{
public:
    /// Adds `events`. True: nobody acts, so the caller has to, on what take() gives until that is nothing.
    bool enter(unsigned events) noexcept
    {
        return (state_.fetch_or(events | busy, std::memory_order_acq_rel) & busy) == 0;
    }

    /// The events to act on now; 0 when there are none, and then the caller has left.
    unsigned take() noexcept
    {
        unsigned nothing_else = busy;
        if (state_.compare_exchange_strong(nothing_else, 0, std::memory_order_acq_rel))
            return 0;
        return state_.exchange(busy, std::memory_order_acq_rel) & ~busy;
    }

private:
    static constexpr unsigned busy = 1U << 31;

    std::atomic<unsigned> state_ = 0;
};

/// What follows the end of an operation. It is dropped, with all that it holds, when the operation cannot
/// end because its executor's context is being destroyed.
class completion
{
public:
    virtual ~completion() = default;

    /// In the operation's turn. `at_once`: the operation ended within the call that started it.
    virtual void complete(bool at_once) = 0;

    /// It is about to be dropped.
    virtual void dropped() noexcept {}
};

using completion_ptr = std::unique_ptr<completion>;

template <class Lazy = void>
class operation : public std::enable_shared_from_this<operation<Lazy>>,
                  public list_link,
                  public time_limits,
                  public setbacks,
                  private task_runner
{
public:
    operation(shelf_ptr shelf, steady_clock::time_point deadline)
        : time_limits(deadline), shelf_(std::move(shelf)), alarm_(shelf_->take())
    {}
    ~operation() { shelf_->give_back(std::move(alarm_)); }

    net::any_io_executor const& executor() const noexcept { return shelf_->executor(); }

    /// Takes the task to run, which stays whose it is. Once, before start().
    void runs(task& root) noexcept { root.begin(*this); }

    /// Runs that task, then `after`, which keeps it alive. `later`: not before the executor has done what it
    /// has to do already.
    void start(completion_ptr after, bool later = false)
    {
        after_ = std::move(after);
        if (later)
            post(begun);
        else
            net::dispatch(executor(), event(this->shared_from_this(), begun));
    }

    // From any thread. For want of memory nothing is told: the deadline ends the call then.

    /// Ends the call with operation_aborted wherever it waits.
    void cancel() noexcept { tell(cancelled); }

    /// Ends the call with errc::closed wherever it waits.
    void close() noexcept { tell(closed); }

    /// Ends the current or the next park().
    void wake() noexcept { tell(woken); }

    // What follows is for the coroutines.

    class readiness;
    class parking;

    /// `co_await`: waits until the socket is ready, or also until it is readable; false when the operation
    /// was interrupted.
    readiness ready(net::ip::tcp::socket& socket, net::socket_base::wait_type what, bool or_readable = false)
    {
        return readiness(*this, socket, what, or_readable);
    }

    /// `co_await`: waits until wake(), `due` or an interruption. It may end early: look at what was waited
    /// for.
    parking park(steady_clock::time_point due = steady_clock::time_point::max())
    {
        return parking(*this, due, true);
    }

    /// `co_await`: waits until `due`; false when the operation was interrupted.
    parking rest(steady_clock::time_point due) { return parking(*this, due, false); }

private:
    using self_ptr = std::shared_ptr<operation>;

    /// What can happen, in the order in which it is acted on.
    enum event_bit : unsigned char
    {
        cancelled = 1,
        closed = 2,
        look_at_time = 4,
        woken = 8,
        resumed = 16, ///< What the coroutine waited for is there.
        also = 32,    ///< So is the other of two.
        begun = 64,   ///< The coroutine may take its first step.
    };

    /// The one type of handler that Asio is given, but for the timer's.
    class event
    {
    public:
        event(self_ptr op, event_bit what) noexcept : op_(std::move(op)), what_(what) {}
        event(event&&) = default;

        /// The one who would have resumed the coroutines takes them along when it is dropped, with the
        /// executor's context; but not when Asio failed to take it, which is told to the coroutine.
        ~event()
        {
            if (!op_ || (what_ != resumed && what_ != also && what_ != begun) || op_->initiating_)
                return;
            if (completion_ptr const after = std::exchange(op_->after_, nullptr))
                after->dropped();
        }

        void operator()(std::error_code = std::error_code())
        {
            self_ptr const op = std::move(op_);
            op->take_turn(what_);
        }

    private:
        self_ptr op_;
        event_bit what_;
    };

    void post(event_bit what) { net::post(executor(), event(this->shared_from_this(), what)); }

    void tell(event_bit what) noexcept
    {
        try {
            post(what);
        } catch (...) { // NOLINT(bugprone-empty-catch): see cancel()
        }
    }

    void take_turn(event_bit what)
    {
        if (!gate_.enter(what))
            return;
        while (unsigned const happened = gate_.take()) {
            if (happened & cancelled)
                stop(net::error::operation_aborted);
            if (happened & closed)
                stop(errc::closed);
            if (happened & look_at_time)
                check_time();
            if (happened & woken)
                end_park();
            if (happened & (begun | resumed | also) && all_there(happened))
                resume(what == begun);
        }
    }

    /// Of two things that are waited for, the first ends the wait for the other, which then comes too.
    bool all_there(unsigned happened)
    {
        outstanding_ -= ((happened & resumed) ? 1 : 0) + ((happened & also) ? 1 : 0);
        if (outstanding_ <= 0)
            return true;
        std::error_code ignored;
        socket_->cancel(ignored);
        return false;
    }

    /// Has `coroutine` wait for what `initiate(event)` starts. A failure to start it is thrown to the
    /// coroutine, which then goes on.
    template <class Initiate>
    void suspend(std::coroutine_handle<> coroutine, net::ip::tcp::socket* socket, Initiate initiate)
    {
        waiting_ = coroutine;
        socket_ = socket;
        outstanding_ = 1;
        initiating_ = true;
        try {
            initiate(event(this->shared_from_this(), resumed));
        } catch (...) {
            initiating_ = false;
            waiting_ = nullptr;
            socket_ = nullptr;
            throw;
        }
        initiating_ = false;
    }

    /// `starting`: still within the function that started the operation.
    void resume(bool starting)
    {
        socket_ = nullptr;
        if (waiting_)
            this->next(std::exchange(waiting_, nullptr));
        this->run();
        if (waiting_)
            return;
        // An alarm that is on its way already finds nothing due, and no reason to wait for anything.
        lift();
        alarm_->timer.cancel();
        std::exchange(after_, nullptr)->complete(starting);
    }

    void end_park()
    {
        woken_ = true;
        if (parking_ && heeds_wake_)
            parking_->cancel();
    }

    void stop(std::error_code cause)
    {
        stop_for(cause);
        interrupt();
    }

    /// Ends what is waited for; Asio then resumes the coroutine.
    void interrupt()
    {
        std::error_code ignored;
        if (socket_)
            socket_->cancel(ignored);
        if (parking_)
            parking_->cancel();
    }

    /// Before each wait.
    void arm()
    {
        auto const at = due();
        if (at >= armed_)
            return;
        alarm_->timer.expires_at(at);
        alarm_->timer.async_wait([op = this->shared_from_this()](std::error_code ended) {
            if (!ended)
                op->take_turn(look_at_time);
        });
        armed_ = at;
    }

    void check_time()
    {
        armed_ = steady_clock::time_point::max();
        look(steady_clock::now());
        if (interrupted())
            return interrupt();
        try {
            arm();
        } catch (std::bad_alloc const&) {
            stop(std::make_error_code(std::errc::not_enough_memory)); // better than no deadline at all
        }
    }

    shelf_ptr const shelf_;
    timer_ptr alarm_;
    event_gate gate_;
    std::optional<net::steady_timer> parking_; // most calls never park
    net::ip::tcp::socket* socket_ = nullptr;   // what is waited for, if not parked
    std::coroutine_handle<> waiting_;          // who waits
    completion_ptr after_;
    steady_clock::time_point armed_ = steady_clock::time_point::max();
    int outstanding_ = 0; // events that the last wait still expects
    bool woken_ = false;
    bool heeds_wake_ = false;
    bool initiating_ = false;
};

template <class Lazy>
class operation<Lazy>::readiness
{
public:
    readiness(operation& op, net::ip::tcp::socket& socket, net::socket_base::wait_type what,
              bool or_readable) noexcept
        : op_(op), socket_(socket), what_(what), or_readable_(or_readable)
    {}

    bool await_ready()
    {
        op_.arm();
        return static_cast<bool>(op_.interrupted());
    }
    void await_suspend(std::coroutine_handle<> waiting)
    {
        op_.suspend(waiting, &socket_, [this](event done) {
            socket_.async_wait(what_, std::move(done));
            if (or_readable_)
                wait_for_reading();
        });
    }
    bool await_resume() const noexcept { return !op_.interrupted(); }

private:
    void wait_for_reading()
    {
        try {
            socket_.async_wait(net::socket_base::wait_read, event(op_.shared_from_this(), also));
            ++op_.outstanding_;
        } catch (std::bad_alloc const&) { // NOLINT(bugprone-empty-catch): the first wait goes on without it
        }
    }

    operation& op_;
    net::ip::tcp::socket& socket_;
    net::socket_base::wait_type what_;
    bool or_readable_;
};

template <class Lazy>
class operation<Lazy>::parking
{
public:
    parking(operation& op, steady_clock::time_point until, bool heeds_wake) noexcept
        : op_(op), until_(until), heeds_wake_(heeds_wake)
    {}

    bool await_ready()
    {
        op_.arm();
        return (heeds_wake_ && op_.woken_) || op_.interrupted();
    }
    void await_suspend(std::coroutine_handle<> waiting)
    {
        if (!op_.parking_)
            op_.parking_.emplace(op_.executor());
        op_.heeds_wake_ = heeds_wake_;
        op_.parking_->expires_at(until_);
        op_.suspend(waiting, nullptr, [this](event done) { op_.parking_->async_wait(std::move(done)); });
    }
    bool await_resume() const noexcept
    {
        op_.woken_ = false;
        return !op_.interrupted();
    }

private:
    operation& op_;
    steady_clock::time_point until_;
    bool heeds_wake_;
};

using operation_ptr = std::shared_ptr<operation<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
