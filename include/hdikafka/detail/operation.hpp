// One call: its strand, its deadline, its waits, its cancellation. Layer: I/O shell.
//
// The coroutines that do a call's work run on a strand of its own and wait in three ways only: for a
// socket, for a connection to be made, or parked. Whatever they wait for, three things can end the
// wait: the caller's cancellation, the call's deadline, and a limit of the phase it is in (connecting,
// reading). All three go through interrupt(), on the strand, so that they never race with the work.
// After each wait the coroutine asks interrupted() why it was woken; once interrupted, nothing waits.
#ifndef HDIKAFKA_DETAIL_OPERATION_HPP
#define HDIKAFKA_DETAIL_OPERATION_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/linked_list.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/options.hpp>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

using steady_clock = std::chrono::steady_clock;

/// What follows the end of an operation. It is dropped, with all that it holds, when the operation cannot
/// end because its executor's context is being destroyed.
class completion
{
public:
    virtual ~completion() = default;

    /// On the operation's strand. `at_once`: the operation ended within the call that started it.
    virtual void complete(bool at_once) = 0;
};

using completion_ptr = std::unique_ptr<completion>;

template <class Lazy = void>
class operation : public std::enable_shared_from_this<operation<Lazy>>, public list_link, private task_runner
{
public:
    operation(net::any_io_executor const& executor, steady_clock::time_point deadline)
        : strand_(executor), timer_(executor), deadline_(deadline)
    {}

    net::strand<net::any_io_executor> const& strand() const noexcept { return strand_; }

    /// Takes the task to run, which stays whose it is. Once, before start().
    void runs(task& root) noexcept { root.begin(*this); }

    /// Runs that task on the strand, then `after`, which keeps it alive.
    void start(completion_ptr after)
    {
        after_ = std::move(after);
        net::dispatch(event(this->shared_from_this(), event::resume));
    }

    /// Ends the call with `cause` wherever it waits. From any thread.
    void stop(std::error_code cause) { net::post(event(this->shared_from_this(), event::stop, cause)); }

    /// Ends the current or the next park(). From any thread.
    void wake() { net::post(event(this->shared_from_this(), event::wake)); }

    // What follows is for the coroutines on the strand.

    /// Why the call must end, or why the phase did; no error when neither.
    std::error_code interrupted() const noexcept { return stopped_ ? stopped_ : phase_ended_; }

    /// Why the call must end, whatever the phase.
    std::error_code stopped() const noexcept { return stopped_; }

    /// The error for a wait that was interrupted.
    error interruption(std::string const& while_doing) const
    {
        std::error_code const cause = interrupted();
        return error(cause, cause.message() + " (while " + while_doing + ")");
    }

    milliseconds time_left() const
    {
        return std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now());
    }

    steady_clock::time_point deadline() const noexcept { return deadline_; }

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

    class readiness;
    class connecting;
    class parking;

    /// `co_await`: waits until the socket is ready; false when the operation was interrupted.
    readiness ready(net::ip::tcp::socket& socket, net::socket_base::wait_type what)
    {
        return readiness(*this, socket, what);
    }

    /// `co_await`: connects the socket; gives what came of it.
    connecting connected(net::ip::tcp::socket& socket, net::ip::tcp::endpoint const& address)
    {
        return connecting(*this, socket, address);
    }

    /// `co_await`: waits until wake() or an interruption. It may end early: look at what was waited for.
    parking park() { return parking(*this, steady_clock::time_point::max(), true); }

    /// `co_await`: waits until `due`; false when the operation was interrupted.
    parking rest(steady_clock::time_point due) { return parking(*this, due, false); }

private:
    using self_ptr = std::shared_ptr<operation>;

    /// What Asio runs on the strand: one type for all that can happen.
    class event
    {
    public:
        enum what : unsigned char
        {
            resume, ///< What the coroutine waited for is there.
            wake,
            stop,
            look_at_time
        };
        using executor_type = net::strand<net::any_io_executor>;

        event(self_ptr op, what kind, std::error_code cause = std::error_code())
            : op_(std::move(op)), cause_(cause), kind_(kind)
        {}
        event(event&&) = default;

        /// The one who would have resumed the coroutines takes them along when it is dropped, with the
        /// executor's context.
        ~event()
        {
            if (op_ && kind_ == resume)
                std::exchange(op_->after_, nullptr).reset();
        }

        executor_type get_executor() const noexcept { return op_->strand_; }

        void operator()() { (*this)(cause_); }
        void operator()(std::error_code outcome)
        {
            self_ptr const op = std::move(op_);
            switch (kind_) {
            case resume: return op->resume(outcome);
            case wake: return op->be_woken();
            case stop: return op->be_stopped(outcome);
            case look_at_time:
                if (!outcome)
                    op->look_at_time();
            }
        }

    private:
        self_ptr op_;
        std::error_code cause_;
        what kind_;
    };

    /// Who waits goes on from here.
    event suspend(std::coroutine_handle<> coroutine)
    {
        waiting_ = coroutine;
        return event(this->shared_from_this(), event::resume);
    }

    void resume(std::error_code outcome)
    {
        outcome_ = outcome;
        socket_ = nullptr;
        if (waiting_)
            this->next(std::exchange(waiting_, nullptr));
        this->run();
        bool const at_once = !std::exchange(begun_, true);
        if (waiting_)
            return;
        timer_.cancel();
        std::exchange(after_, nullptr)->complete(at_once);
    }

    void be_woken()
    {
        woken_ = true;
        if (parking_ && heeds_wake_)
            parking_->cancel();
    }

    void be_stopped(std::error_code cause)
    {
        if (!stopped_)
            stopped_ = cause;
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

    void arm()
    {
        auto const due = std::min(deadline_, phase_end_);
        if (due >= armed_)
            return;
        armed_ = due;
        timer_.expires_at(due);
        timer_.async_wait(event(this->shared_from_this(), event::look_at_time));
    }

    void look_at_time()
    {
        armed_ = steady_clock::time_point::max();
        auto const now = steady_clock::now();
        if (now >= deadline_ && !stopped_)
            stopped_ = errc::timed_out;
        if (now >= phase_end_ && !phase_ended_)
            phase_ended_ = phase_cause_;
        if (interrupted())
            interrupt();
        else
            arm();
    }

    net::strand<net::any_io_executor> strand_;
    net::steady_timer timer_;
    std::optional<net::steady_timer> parking_; // most calls never park
    net::ip::tcp::socket* socket_ = nullptr;   // what is waited for, if not parked
    std::coroutine_handle<> waiting_;          // who waits
    completion_ptr after_;
    steady_clock::time_point deadline_;
    steady_clock::time_point phase_end_ = steady_clock::time_point::max();
    steady_clock::time_point armed_ = steady_clock::time_point::max();
    std::error_code outcome_; // of the last wait
    std::error_code stopped_;
    std::error_code phase_ended_;
    errc phase_cause_ = errc::timed_out;
    bool woken_ = false;
    bool heeds_wake_ = false;
    bool begun_ = false;
};

template <class Lazy>
class operation<Lazy>::readiness
{
public:
    readiness(operation& op, net::ip::tcp::socket& socket, net::socket_base::wait_type what) noexcept
        : op_(op), socket_(socket), what_(what)
    {}

    bool await_ready() const noexcept { return static_cast<bool>(op_.interrupted()); }
    void await_suspend(std::coroutine_handle<> waiting)
    {
        op_.socket_ = &socket_;
        socket_.async_wait(what_, op_.suspend(waiting));
    }
    bool await_resume() const noexcept { return !op_.interrupted(); }

private:
    operation& op_;
    net::ip::tcp::socket& socket_;
    net::socket_base::wait_type what_;
};

template <class Lazy>
class operation<Lazy>::connecting
{
public:
    connecting(operation& op, net::ip::tcp::socket& socket, net::ip::tcp::endpoint address) noexcept
        : op_(op), socket_(socket), address_(std::move(address))
    {}

    bool await_ready() const noexcept { return static_cast<bool>(op_.interrupted()); }
    void await_suspend(std::coroutine_handle<> waiting)
    {
        op_.socket_ = &socket_;
        socket_.async_connect(address_, op_.suspend(waiting));
    }
    std::error_code await_resume() const noexcept
    {
        return op_.interrupted() ? op_.interrupted() : op_.outcome_;
    }

private:
    operation& op_;
    net::ip::tcp::socket& socket_;
    net::ip::tcp::endpoint address_;
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
            op_.parking_.emplace(op_.timer_.get_executor());
        op_.heeds_wake_ = heeds_wake_;
        op_.parking_->expires_at(until_);
        op_.parking_->async_wait(op_.suspend(waiting));
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
