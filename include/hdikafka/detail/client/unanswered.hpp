// A produce that nobody answers: often because its topic does not exist, over which a cluster keeps silent.
#ifndef HDIKAFKA_DETAIL_CLIENT_UNANSWERED_HPP
#define HDIKAFKA_DETAIL_CLIENT_UNANSWERED_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/retry_policy.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// What a produce leaves of its time for a look at the topics: a tenth, a second at most. Nothing of a time
/// that is too short for that.
inline milliseconds kept_for_look(milliseconds whole) noexcept
{
    constexpr milliseconds least{50};
    constexpr milliseconds most{1'000};
    milliseconds const tenth = whole / 10;
    return tenth < least ? milliseconds(0) : std::min(tenth, most);
}

/// Whether a produce ended with its records sent and nothing heard.
inline bool kept_waiting(result<void> const& outcome)
{
    if (outcome)
        return false;
    error const& why = outcome.error();
    bool const silence = why.code() == errc::timed_out || why.code() == errc::idle_timeout;
    return silence && why.info().persisted() == persistence::possibly;
}

/// Asks once, within the operation's time, whether the topic is in the list; when it is not, `missing` is
/// set.
template <class = void>
task look_for_topic(operation_ptr op, client_ptr owner, call_label about, bool& missing)
{
    constexpr milliseconds longest{2'000};
    op->deadline(std::min(op->deadline(), steady_clock::now() + longest));
    call_options options;
    options.request_id(about.request_id);
    auto request = rest_calls<>(*owner, about.operation, options).topics(about.topic);
    if (!request)
        co_return request.error();
    request.value()->retry = retry_policy().max_retries(0);
    std::vector<std::string> names;
    auto asked = co_await ask(op, owner, std::move(request), &parse_topics<>, names);
    missing = asked && std::ranges::find(names, about.topic) == names.end();
    co_return asked;
}

/// Looks, when nothing was heard of a produce, whether there is such a topic at all. If not, the error says
/// so. The records are in doubt all the same: one node's list is no proof, and may be old.
template <class = void>
class silence_watch final : public call_aftermath
{
public:
    /// Of the call that is about to begin, which gets a little less time.
    void begin(operation_ptr const& op, client_ptr owner, call_request& spec)
    {
        owner_ = std::move(owner);
        spec_ = &spec;
        due_ = op->deadline();
        op->deadline(due_ - kept_for_look(op->time_left()));
        spec.aftermath = this;
    }

    task failed(operation_ptr op, result<void> outcome) override
    {
        if (!kept_waiting(outcome) || spec_->topic_exists || !op->extend(due_) ||
            op->time_left() <= milliseconds(0))
            co_return outcome;
        bool missing = false;
        (void)co_await look_for_topic(op, owner_, spec_->info, missing);
        error const why = outcome.error();
        diagnostics info = why.info();
        if (missing)
            co_return error(why.code(), std::move(info),
                            why.cause() + "; the topic " + spec_->info.topic + " does not exist");
        if (!op->stopped() || op->stopped() == errc::timed_out)
            co_return outcome;
        info.retriable(false); // cancelled or closed meanwhile
        co_return error(op->stopped(), std::move(info), op->interruption("looking for the topic").cause());
    }

private:
    client_ptr owner_;
    call_request* spec_ = nullptr;
    steady_clock::time_point due_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
