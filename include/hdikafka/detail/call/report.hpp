// What an observer is told of one call.
#ifndef HDIKAFKA_DETAIL_CALL_REPORT_HPP
#define HDIKAFKA_DETAIL_CALL_REPORT_HPP

#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1::detail {

/// Costs a look at one pointer when nobody observes. The call's texts outlive it, or are there until ends().
template <class = void>
class call_report
{
public:
    call_report(observer const& watcher, std::string_view operation, std::string_view topic,
                std::string_view request_id)
        : watcher_(watcher)
    {
        if (!watcher_)
            return;
        call_.operation = operation;
        call_.topic = topic;
        call_.request_id = request_id;
        begun_ = clock::now();
        request_started event;
        event.call = call_;
        watcher_(event);
    }
    call_report(call_report const&) = delete;
    call_report& operator=(call_report const&) = delete;
    /// A call may vanish with its executor's context.
    ~call_report()
    {
        if (watcher_ && !ended_)
            tell_end(std::make_error_code(std::errc::operation_canceled));
    }

    void attempt_begins()
    {
        ++attempt_;
        if (watcher_)
            attempt_begun_ = clock::now();
    }

    /// `judged`: what the attempt's outcome is to the call.
    void attempt_ends(attempt_outcome const& outcome, result<void> const& judged) const
    {
        if (!watcher_)
            return;
        attempt_ended event;
        event.call = call_;
        event.attempt = attempt_;
        event.http_status = outcome.status;
        event.code = code_of(judged);
        event.duration = since(attempt_begun_);
        event.bytes_sent = outcome.bytes_sent;
        event.bytes_received = outcome.bytes_received;
        event.reused = outcome.reused;
        watcher_(event);
    }

    void retry_follows(attempt_outcome const& outcome, result<void> const& judged, milliseconds delay) const
    {
        if (!watcher_)
            return;
        retry_scheduled event;
        event.call = call_;
        event.attempt = attempt_;
        event.http_status = outcome.status;
        event.code = code_of(judged);
        event.delay = delay;
        watcher_(event);
    }

    /// The call's outcome, on its way out.
    result<void> ends(result<void> outcome)
    {
        if (watcher_)
            tell_end(code_of(outcome));
        return outcome;
    }

private:
    using clock = std::chrono::steady_clock;

    static std::error_code code_of(result<void> const& outcome)
    {
        return outcome ? std::error_code() : outcome.error().code();
    }

    void tell_end(std::error_code code)
    {
        ended_ = true;
        request_ended event;
        event.call = call_;
        event.attempts = attempt_;
        event.code = code;
        event.duration = since(begun_);
        watcher_(event);
    }

    static std::chrono::microseconds since(clock::time_point then)
    {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - then);
    }

    observer const& watcher_;
    observed_call call_;
    int attempt_ = 0;
    clock::time_point begun_;
    clock::time_point attempt_begun_;
    bool ended_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
