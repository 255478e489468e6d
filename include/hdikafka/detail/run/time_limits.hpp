// How long a call and its phases may take, and why it must end.
#ifndef HDIKAFKA_DETAIL_RUN_TIME_LIMITS_HPP
#define HDIKAFKA_DETAIL_RUN_TIME_LIMITS_HPP

#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

namespace hdikafka::inline v0_1::detail {

using steady_clock = std::chrono::steady_clock;

/// A call's deadline, and within it the limit of the phase that it is in (connecting, reading).
class time_limits
{
public:
    explicit time_limits(steady_clock::time_point deadline) noexcept : deadline_(deadline) {}

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

    steady_clock::time_point deadline() const noexcept { return deadline_; }

    /// Moves the deadline, earlier or later.
    void deadline(steady_clock::time_point due) noexcept { deadline_ = due; }

    /// After the deadline, or before it: goes on until `due`. False when the call must end for another
    /// reason.
    bool extend(steady_clock::time_point due) noexcept
    {
        if (stopped_ && (stopped_ != errc::timed_out || stopped_twice_))
            return false;
        stopped_.clear();
        deadline_ = due;
        end_phase();
        return true;
    }

    milliseconds time_left(steady_clock::time_point now = steady_clock::now()) const
    {
        return std::chrono::duration_cast<milliseconds>(deadline_ - now);
    }

    /// Starts a phase that ends with `cause` unless it is extended or left within `limit`.
    void begin_phase(errc cause, milliseconds limit, steady_clock::time_point now = steady_clock::now())
    {
        phase_ended_.clear();
        phase_cause_ = cause;
        extend_phase(limit, now);
    }

    /// Gives the phase `limit` from now. Cheap: the timer notices when it fires.
    void extend_phase(milliseconds limit, steady_clock::time_point now = steady_clock::now())
    {
        phase_end_ = now + limit;
    }

    void end_phase() noexcept
    {
        phase_ended_.clear();
        phase_end_ = steady_clock::time_point::max();
    }

protected:
    /// When look() has something to see.
    steady_clock::time_point due() const noexcept { return std::min(deadline_, phase_end_); }

    void look(steady_clock::time_point now) noexcept
    {
        if (now >= deadline_)
            stop_for(errc::timed_out);
        if (now >= phase_end_ && !phase_ended_)
            phase_ended_ = phase_cause_;
    }

    /// The first cause is the one that counts.
    void stop_for(std::error_code cause) noexcept
    {
        if (!stopped_)
            stopped_ = cause;
        else if (cause != stopped_)
            stopped_twice_ = true;
    }

    /// Nothing is due any more.
    void lift() noexcept { deadline_ = phase_end_ = steady_clock::time_point::max(); }

private:
    steady_clock::time_point deadline_;
    steady_clock::time_point phase_end_ = steady_clock::time_point::max();
    std::error_code stopped_;
    bool stopped_twice_ = false; // for another reason as well
    std::error_code phase_ended_;
    errc phase_cause_ = errc::timed_out;
};

} // namespace hdikafka::inline v0_1::detail

#endif
